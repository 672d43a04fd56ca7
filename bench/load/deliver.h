// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan.h"
#include "target.h"

/// Publishers and readers at work for some seconds, everything received checked.
///
/// As fast as the server takes it, messages on their way are bounded (`window_bytes`), so that no
/// server has to drop any; at a `rate`, they are sent when they are due.
/// Threads: `threads` workers, each with its epoll, its readers and its publishers.
namespace firehose::bench {

struct DeliverOptions {
    Target target;
    Plan plan;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    std::size_t payload = 256;
    double seconds = 3;
    double warm_up = 1;
    double rate = 0;                        // Messages a second in all; 0: as fast as can be.
    std::size_t window_bytes = 256 * 1024;  // On their way, of all publishers together.
    std::size_t burst_bytes = 64 * 1024;    // Of one publisher, in one write.
    std::size_t publisher_window = 20;      // QoS 1 and 2: exchanges of one publisher.
    std::size_t threads = 1;
    std::size_t idle = 0;     // Connections that subscribe to something else, and their memory.
    std::size_t stalled = 0;  // Readers that never read.
};

/// Prints one line of JSON. Returns the exit status: 1 if anything was lost.
[[nodiscard]] int deliver(const DeliverOptions& options);

}  // namespace firehose::bench
