// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "mqtt/types.h"
#include "socket.h"

/// A publisher and its readers, which say what they lost and how long each message took.
///
/// Every second reader reads at QoS 1, the others at QoS 0; the publisher publishes at QoS 1, its
/// payload is its number and when it was sent.
/// Threads: one, which is the caller's. Cost: it reads as it comes, so what it measures holds its
/// own wait for the processor too.
namespace firehose::crowd {

struct HonestOptions {
    Target to;
    std::size_t readers = 100;
    unsigned messages_per_s = 50;
    std::string user;
    std::string password;
};

struct Round {
    std::uint64_t sent = 0;
    std::uint64_t delivered = 0;
    std::uint64_t lost = 0;  // Not come, twice, or out of order.
    double ms_p50 = 0;
    double ms_p99 = 0;
    double ms_max = 0;
};

class Honest {
public:
    /// Connects and subscribes all, waiting for it. Ends the program when that fails.
    explicit Honest(HonestOptions options);
    /// Publishes for so long and waits for the last message.
    [[nodiscard]] Round run(Microseconds how_long);

private:
    struct Peer {
        net::FileDescriptor socket;
        std::string input;
        mqtt::Qos qos = mqtt::Qos::at_most_once;
        std::uint64_t due = 0;  // The number of its next message.
        std::uint64_t answers = 0;
    };

    [[nodiscard]] Peer connected(const std::string& client_id);
    void poll(Microseconds at_most);
    void read(Peer& peer);
    void note(Peer& peer, std::string_view payload);
    void publish();
    [[nodiscard]] bool is_all_there() const;

    HonestOptions options_;
    SystemClock clock_;
    net::FileDescriptor epoll_;
    std::vector<Peer> peers_;  // The first one publishes.
    std::uint64_t number_ = 0;
    std::uint64_t wrong_ = 0;
    std::vector<std::int64_t> latencies_us_;
};

}  // namespace firehose::crowd
