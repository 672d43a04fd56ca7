// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulation/actor.h"

/// Publishes at all QoS, retained or not, and clears what is retained; sends again what was not
/// acknowledged when its connection ended.
///
/// Promised: what was acknowledged is in the log, QoS 2 once, in the order of publishing; its
/// session stays. At a listener with `durability = memory` a crash may take what was acknowledged,
/// and the end of a QoS 2 exchange, so that the next one with its id is taken for the same.
/// Threads: the simulation's one.
namespace firehose::simulation {

class Publisher final : public Actor {
public:
    Publisher(Stage& stage, SimClient::Options options, bus::Durability durability)
        : Actor(stage, std::move(options)), durability_(durability) {}

    [[nodiscard]] bus::Durability durability() const override { return durability_; }
    void on_event(const client::Event& event) override;
    void on_disconnected(bool by_server) override;
    void on_crash() override;
    void act() override;
    [[nodiscard]] std::optional<std::string> waits_for() const override;
    [[nodiscard]] std::optional<std::string> check(const Records& records) override;

private:
    struct Pending {
        std::size_t index = 0;  // Of sent_.
        int made_on = 0;        // The connection.
        bool was_connected = false;
    };

    void on_published(const client::Published& published);

    const bus::Durability durability_;
    std::vector<Sent> sent_;
    std::map<client::Token, Pending> pending_;
    int connections_ = 0;
    bool has_session_ = false;
};

}  // namespace firehose::simulation
