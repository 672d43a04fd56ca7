// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// What the simulation remembers of messages, and what must hold between them: its oracle.
///
/// Each publish has a number, which its payload begins with; one that clears a retained message
/// has no payload and is known by its topic alone. Publishers and readers are both compared to the
/// log (the log is the bus). Each check returns what is wrong, or nothing.
/// Threads: pure functions over values.
namespace firehose::simulation {

inline constexpr int kNobodys = -1;  // A payload that is not ours.
inline constexpr int kClear = -2;    // No payload.

/// A publish as its publisher made it.
struct Sent {
    int number = 0;
    int qos = 0;
    std::string topic = {};
    bool is_acknowledged = false;
    /// It was refused on the connection it was made on: it must not be in the log.
    bool is_refused = false;
    /// The server forgot the session in between: QoS 2 may have become two.
    bool may_repeat = false;
    /// Its connection ended after the disk had taken nothing for a while: perhaps it was refused,
    /// did not hear of it, and came again behind later ones.
    bool may_come_late = false;
    /// Acknowledged before it was durable, as the listener says, and then the server died.
    bool is_unpromised = false;
};

/// A record of the log, or a message as a reader got it.
struct Seen {
    int number = 0;
    int qos = 0;
    bool retain = false;  // In the log: published so. Of a reader: a retained copy.
    std::string topic;
    std::uint64_t seq = 0;  // In the log.
    /// Nothing could be stored and too much waited: the log has a gap there.
    bool is_given_up = false;
};

/// What one reader got, of one subscription.
struct Reading {
    std::string who;
    int qos_max = 2;                     // Granted.
    std::vector<Seen> messages;          // In order of arrival, retained copies left out.
    std::vector<Seen> with_copies;       // The same with them.
    std::uint64_t subscribed_below = 0;  // The log's end when SUBACK came: from here on all is due.
    bool is_complete = false;            // It must have got everything up to the log's end.
    bool may_lose_qos0 = false;          // It was disconnected in between.
    bool is_doubtful = false;            // Nobody can know where it began.
    std::uint64_t overrun_below = 0;     // Records below may have left the log unread.
};

[[nodiscard]] std::string payload_of(int number, std::size_t size);
/// kNobodys when it is no payload of ours.
[[nodiscard]] int number_of(std::string_view payload);

/// QoS 2: in the log once; QoS 1: at least once; both only if acknowledged, else at most or not.
/// First appearances of QoS >= 1 are in order of publishing, but for those that a crash took once
/// (`ever` has them, `log` not). Both may hold others' records.
[[nodiscard]] std::optional<std::string> check_publisher(const std::vector<Sent>& sent,
                                                         const std::vector<Seen>& log,
                                                         const std::vector<Seen>& ever);

/// First deliveries are in the log's order, once, without a hole; only QoS 1 is ever repeated.
[[nodiscard]] std::optional<std::string> check_reader(const Reading& reading,
                                                      const std::vector<Seen>& log);

/// What one connection got since its SUBSCRIBE, retained copies and live messages in their order:
/// one copy a topic at most, none after a newer value, and the last value is the log's last.
/// Topics in `blurred` are left out.
[[nodiscard]] std::optional<std::string> check_retained(const std::vector<Seen>& messages,
                                                        const std::vector<Seen>& log,
                                                        const std::set<std::string>& blurred);

}  // namespace firehose::simulation
