// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

/// The watch over a silent client: closed after one and a half times its keep alive.
///
/// While we hold back reading (rule **Back-pressure**) the clock stands: what the client sends we
/// would not see. It goes on where it stood.
/// Threads: belongs to its connection. Cost: O(1); the owner arms one timer at `deadline()`.
/// Source:  MQTT 5.0 section 3.1.2.10, [MQTT-3.1.2-22]; 3.1.1 the same, [MQTT311-3.1.2-24].
namespace firehose::session {

class KeepAlive {
public:
    /// @param keep_alive_s  as agreed; 0: never expires.
    KeepAlive(std::uint16_t keep_alive_s, MonotonicTime now) noexcept;

    /// A complete packet arrived.
    void on_packet(MonotonicTime now) noexcept;
    /// Reading was stopped by us, or goes on again. Repetitions do nothing.
    void on_held(MonotonicTime now) noexcept;
    void on_released(MonotonicTime now) noexcept;

    [[nodiscard]] bool is_expired(MonotonicTime now) const noexcept;
    /// When it will expire if nothing happens; nothing while held or without a keep alive.
    [[nodiscard]] std::optional<MonotonicTime> deadline() const noexcept;
    /// The longest that we may hold this client back: min(stall_max, half its keep alive).
    [[nodiscard]] Microseconds held_max(Microseconds stall_max) const noexcept;

private:
    Microseconds allowed_;  // 1.5 x keep alive; 0: for ever.
    MonotonicTime last_;    // Of the last packet, moved forward by the time we held.
    std::optional<MonotonicTime> held_since_;
};

}  // namespace firehose::session
