// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulation/actor.h"

/// Subscribes and reads; with a session that stays, with one that expires, or with none.
///
/// Promised: from its SUBSCRIBE on every record once and in order (QoS 1: at least once); with a
/// session also over disconnections and crashes of the server, but for QoS 0 while it was away;
/// retained copies that are not stale; a session that stays as long as was agreed, and no longer.
/// Threads: the simulation's one.
namespace firehose::simulation {

class Reader final : public Actor {
public:
    enum class Session : std::uint8_t { none, expires, stays };
    struct Part {
        Session session = Session::none;
        int qos = 0;
        bool checks_copies = false;  // Of its last connection.
        std::string filter = "#";
    };

    Reader(Stage& stage, SimClient::Options options, Part part);

    void on_event(const client::Event& event) override;
    void on_disconnected(bool by_server) override;
    void on_crash() override;
    [[nodiscard]] std::optional<std::string> waits_for() const override;
    [[nodiscard]] std::optional<std::string> check(const Records& records) override;

private:
    void on_connected(bool session_present);
    void on_message(const client::Message& message);
    void begin_reading();
    [[nodiscard]] Reading& reading() { return readings_.back(); }
    [[nodiscard]] bool keep(const Seen& seen);
    /// Those that it subscribed to.
    [[nodiscard]] std::vector<Seen> matching(const std::vector<Seen>& records) const;
    [[nodiscard]] bool may_have_expired() const;
    /// Perhaps another session than before.
    void doubt();

    const Part part_;
    std::vector<Reading> readings_;  // One a session.
    bool has_session_ = false;       // CONNACK came.
    std::optional<MonotonicTime> away_since_;
    int crashes_ = 0;  // When it left.
    /// The server died under its connection: what comes is from before.
    std::optional<MonotonicTime> orphan_since_;
    std::uint64_t connected_at_ = 0;  // The log's end.

    std::optional<Seen> held_back_;  // Break::swap.
    bool is_hit_done_ = false;       // Of Break.
};

}  // namespace firehose::simulation
