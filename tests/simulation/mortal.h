// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulation/actor.h"

/// Connects with a will, and then vanishes or says goodbye; each time with another will, often as
/// somebody else who never returns.
///
/// Promised: a will is published at most once; once, when its client vanished and stayed away; not
/// when it said goodbye and the server heard it, nor when it came back in time.
/// Threads: the simulation's one.
namespace firehose::simulation {

class Mortal final : public Actor {
public:
    using Actor::Actor;

    [[nodiscard]] bool prepare() override;
    void on_event(const client::Event& event) override;
    void on_disconnected(bool by_server) override;
    void act() override;
    void settle() override;
    [[nodiscard]] std::optional<std::string> waits_for() const override;
    [[nodiscard]] std::optional<std::string> check(const Records& records) override;
    void sum_up(const Records& records) override;

private:
    struct Testament {
        int number = 0;
        std::string topic;
        std::uint32_t delay_s = 0;
        bool is_armed = false;    // CONNACK came.
        bool is_durable = false;  // Its session is kept: CONNACK waited for it.
        bool has_waved = false;   // DISCONNECT was sent.
        bool was_heard = false;   // The server closed after it.
        bool may_return = false;
        bool may_be_taken_back = false;
        int crashes = 0;       // When it was made.
        int store_losses = 0;  // The same.
    };

    [[nodiscard]] static std::size_t count(const Testament& testament, const Records& records);

    std::vector<Testament> testaments_;
    bool is_alive_ = true;
};

}  // namespace firehose::simulation
