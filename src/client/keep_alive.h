// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.h"

/// When a client sends PINGREQ, and when it gives a silent server up.
///
/// A ping is due when nothing was sent, or nothing heard, for three quarters of the Keep Alive: in
/// time for the server [MQTT-3.1.2-20], and so that a dead connection is noticed by a client that
/// only publishes at QoS 0.
/// Threads: none. Source: MQTT 5.0 sections 3.1.2.10 and 3.12.
namespace firehose::client {

class KeepAlive {
public:
    enum class Due : std::uint8_t { nothing, ping, give_up };

    /// A connection starts. A zero `keep_alive` turns all of this off.
    void start(MonotonicTime now, std::chrono::seconds keep_alive,
               std::chrono::seconds ping_timeout) noexcept;
    void stop() noexcept { period_ = Microseconds{0}; }
    void on_sent(MonotonicTime now) noexcept { last_sent_ = now; }
    /// Any packet says that the server lives.
    void on_heard(MonotonicTime now) noexcept;
    /// What is due at `now`; a ping that is due counts as sent.
    [[nodiscard]] Due on_tick(MonotonicTime now) noexcept;
    [[nodiscard]] std::optional<MonotonicTime> next_tick() const noexcept;

private:
    Microseconds period_{0};
    Microseconds timeout_{0};
    MonotonicTime last_sent_;
    MonotonicTime last_heard_;
    std::optional<MonotonicTime> pinged_at_;
};

}  // namespace firehose::client
