// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The two clocks (rule **Clocks**), as types that cannot be mixed up, and the seam to read them.
///
/// MonotonicTime drives timers, keep-alive and delays while the program runs. WallTime stamps
/// records. Nothing in the core asks a clock: it is handed the time of the event that happened.
/// Only `Clock`'s implementations read the system's clocks; the simulator has its own.
/// Threads: values; a Clock may be read from any thread.
namespace firehose {

using Microseconds = std::chrono::microseconds;

/// Time since an arbitrary start that is fixed while the program runs.
struct MonotonicTime {
    Microseconds since_start{0};

    friend auto operator<=>(const MonotonicTime&, const MonotonicTime&) = default;
    friend MonotonicTime operator+(MonotonicTime t, Microseconds d) { return {t.since_start + d}; }
    friend Microseconds operator-(MonotonicTime a, MonotonicTime b) {
        return a.since_start - b.since_start;
    }
};

/// UTC, in microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as Unix time).
struct WallTime {
    Microseconds since_epoch{0};

    friend auto operator<=>(const WallTime&, const WallTime&) = default;
    friend WallTime operator+(WallTime t, Microseconds d) { return {t.since_epoch + d}; }
    friend Microseconds operator-(WallTime a, WallTime b) { return a.since_epoch - b.since_epoch; }
};

/// RFC 3339 in UTC with six fraction digits and `Z`: `2026-01-02T03:04:05.000006Z`.
/// Years 1970 to 9999; anything else is clamped to that range.
[[nodiscard]] std::string to_rfc3339(WallTime time);

/// The reverse: a UTC time that ends in `Z`, with no or up to nine fraction digits, of which six
/// count. Nothing for anything else: offsets, lower case, leap seconds, years before 1970.
[[nodiscard]] std::optional<WallTime> from_rfc3339(std::string_view text) noexcept;

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual MonotonicTime monotonic() noexcept = 0;
    [[nodiscard]] virtual WallTime wall() noexcept = 0;
};

/// The system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
class SystemClock final : public Clock {
public:
    [[nodiscard]] MonotonicTime monotonic() noexcept override;
    [[nodiscard]] WallTime wall() noexcept override;
};

}  // namespace firehose
