// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "histogram.h"
#include "message.h"
#include "plan.h"
#include "wire.h"

/// The two kinds of connection of the load: readers, which check all that they receive, and
/// publishers, which number what they send.
///
/// Threads: each is driven by one worker. Ownership: of their wire.
namespace firehose::bench {

/// What readers found; added up over threads.
struct Findings {
    std::uint64_t received = 0;
    std::uint64_t lost = 0;      // Numbers that were skipped.
    std::uint64_t repeated = 0;  // Numbers that came again, or late.
    std::uint64_t corrupt = 0;   // Payloads that are not what was sent.
    Histogram latency;

    void add(const Findings& other) {
        received += other.received;
        lost += other.lost;
        repeated += other.repeated;
        corrupt += other.corrupt;
        latency.add(other.latency);
    }
};

class Reader {
public:
    /// Connects and subscribes. `text` outlives it.
    Reader(const Target& target, const Plan& plan, std::size_t index, mqtt::Qos qos,
           std::string_view text, int receive_buffer = 0);

    [[nodiscard]] Wire& wire() { return wire_; }
    /// Reads what is there into `buffer`, checks it, and acknowledges it.
    void on_readable(std::span<char> buffer, Findings& findings);

private:
    void on_publish(unsigned first_byte, std::string_view body, std::uint64_t now_ns,
                    Findings& findings);

    const Target& target_;
    std::string_view text_;
    std::vector<std::uint32_t> expected_;  // By publisher.
    Wire wire_;
    std::string answers_;
};

class Publisher {
public:
    Publisher(const Target& target, const Plan& plan, std::size_t index, mqtt::Qos qos,
              std::string_view text, std::size_t window);

    [[nodiscard]] Wire& wire() { return wire_; }
    /// Exchanges that may be begun now; without bound at QoS 0.
    [[nodiscard]] std::size_t room() const;
    [[nodiscard]] std::size_t unacknowledged() const { return begun_ - ended_; }
    /// Sends up to `count` messages in one write; returns how often they are to be delivered.
    std::uint64_t publish(std::size_t count, std::uint64_t now_ns);
    void on_readable(std::span<char> buffer);
    [[nodiscard]] std::uint64_t acknowledged() const { return ended_; }

private:
    const Plan& plan_;
    std::uint32_t index_;
    mqtt::Qos qos_;
    std::size_t window_;
    Wire wire_;
    std::vector<MessageTemplate> messages_;  // By topic.
    std::vector<std::uint32_t> next_;        // By group: the next number.
    std::size_t next_topic_ = 0;
    std::uint16_t packet_id_ = 0;
    std::size_t begun_ = 0;
    std::size_t ended_ = 0;
    std::string out_;
};

/// The CONNECT of a load connection; its answer is 4 (5 with MQTT 5) bytes at least.
[[nodiscard]] std::string connect_packet(const Target& target, const std::string& client_id);
/// Connects: a CONNACK that refuses ends the program.
void log_in(Wire& wire, const Target& target, const std::string& client_id);
void subscribe(Wire& wire, const Target& target, const std::string& filter, mqtt::Qos qos);

}  // namespace firehose::bench
