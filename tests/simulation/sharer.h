// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "simulation/actor.h"

/// A member of a shared subscription, with a session that stays.
///
/// Promised to the crew together: from the first SUBACK on every record at QoS 1 once at least, at
/// QoS 2 once, and at QoS 0 once at most, whoever gets it, over disconnections and crashes.
/// Threads: the simulation's one.
namespace firehose::simulation {

/// What the members got together.
struct Crew {
    int qos = 0;                          // All members ask for it.
    std::uint64_t due_from = UINT64_MAX;  // The log's end when the first SUBACK came.
    std::map<int, int> times;             // By a message's number.
};

class Sharer final : public Actor {
public:
    static constexpr std::string_view kFilter = "$share/crew/#";

    Sharer(Stage& stage, SimClient::Options options, std::shared_ptr<Crew> crew)
        : Actor(stage, std::move(options)), crew_(std::move(crew)) {}

    void on_event(const client::Event& event) override;
    void on_disconnected(bool) override {}
    [[nodiscard]] std::optional<std::string> waits_for() const override;
    [[nodiscard]] std::optional<std::string> check(const Records& records) override;

private:
    /// How often this one counts: Break makes that 0 or 2 once.
    [[nodiscard]] int times(mqtt::Qos qos);

    std::shared_ptr<Crew> crew_;
    bool is_hit_done_ = false;
    bool has_session_ = false;
};

}  // namespace firehose::simulation
