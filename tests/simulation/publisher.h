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
/// session stays.
/// Threads: the simulation's one.
namespace firehose::simulation {

class Publisher final : public Actor {
public:
    using Actor::Actor;

    void on_event(const client::Event& event) override;
    void on_disconnected(bool by_server) override;
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

    std::vector<Sent> sent_;
    std::map<client::Token, Pending> pending_;
    int connections_ = 0;
    bool has_session_ = false;
};

}  // namespace firehose::simulation
