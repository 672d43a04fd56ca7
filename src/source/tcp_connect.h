// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "source/wake_fd.h"

/// Opens a TCP connection to a name or an address, and stops at once when told to.
///
/// Neither resolving nor connecting blocks past `stop`; a dead peer is noticed by SO_KEEPALIVE and
/// TCP_USER_TIMEOUT. All addresses of the name are tried in the resolver's order.
/// Ownership: the caller closes the descriptor. Threads: any.
namespace firehose::source {

/// The owner's wish to end: set the flag, then wake.
struct StopSignal {
    std::atomic<bool> is_set{false};
    WakeFd wake;

    void set() noexcept {
        is_set = true;
        wake.wake();
    }
};

struct TcpTarget {
    std::string host;  // A name, an IPv4 or an IPv6 address (without brackets).
    std::uint16_t port = 0;
    Microseconds timeout = std::chrono::seconds{10};  // For everything together.
};

/// @return a connected, non-blocking descriptor, or a sentence about what failed.
[[nodiscard]] Result<int, std::string> tcp_connect(const TcpTarget& target, StopSignal& stop,
                                                   Clock& clock);

}  // namespace firehose::source
