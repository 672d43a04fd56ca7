// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <algorithm>
#include <cstdio>

namespace firehose {

std::string to_rfc3339(WallTime time) {
    // 9999-12-31T23:59:59.999999Z
    constexpr std::int64_t kLast = 253'402'300'799'999'999;
    const Microseconds since_epoch{std::clamp<std::int64_t>(time.since_epoch.count(), 0, kLast)};
    const auto day = std::chrono::floor<std::chrono::days>(since_epoch);
    const std::chrono::year_month_day date{std::chrono::sys_days{day}};
    const std::chrono::hh_mm_ss clock{since_epoch - day};
    char text[40];
    const int length = std::snprintf(
        text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return {text, static_cast<std::size_t>(length)};
}

MonotonicTime SystemClock::monotonic() noexcept {
    return {std::chrono::duration_cast<Microseconds>(
        std::chrono::steady_clock::now().time_since_epoch())};
}

WallTime SystemClock::wall() noexcept {
    return {std::chrono::duration_cast<Microseconds>(
        std::chrono::system_clock::now().time_since_epoch())};
}

}  // namespace firehose
