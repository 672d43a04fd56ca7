// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <algorithm>
#include <cstdio>

namespace firehose {
namespace {

/// Takes `digits` digits and `behind`, and fails for good on anything else.
class DigitReader {
public:
    explicit DigitReader(std::string_view text) noexcept : rest_(text) {}

    [[nodiscard]] unsigned number(std::size_t digits, char behind) noexcept {
        unsigned value = 0;
        if (rest_.size() <= digits || rest_[digits] != behind) fail();
        for (std::size_t i = 0; i < digits && !is_broken_; ++i) {
            const char digit = rest_[i];
            if (digit < '0' || digit > '9') fail();
            value = value * 10 + static_cast<unsigned>(digit - '0');
        }
        if (!is_broken_) rest_.remove_prefix(digits + 1);
        return is_broken_ ? 0 : value;
    }
    void fail() noexcept { is_broken_ = true; }
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

private:
    std::string_view rest_;
    bool is_broken_ = false;
};

constexpr std::size_t kFractionDigitsMax = 9;

}  // namespace

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

std::optional<WallTime> from_rfc3339(std::string_view text) noexcept {
    DigitReader in{text};
    const unsigned year = in.number(4, '-');
    const unsigned month = in.number(2, '-');
    const unsigned day = in.number(2, 'T');
    const unsigned hour = in.number(2, ':');
    const unsigned minute = in.number(2, ':');
    const bool has_fraction = text.find('.') != std::string_view::npos;
    const unsigned second = in.number(2, has_fraction ? '.' : 'Z');
    unsigned micros = 0;
    if (has_fraction && !in.is_broken()) {
        const std::size_t digits = in.rest().find('Z');
        if (digits == 0 || digits > kFractionDigitsMax) return {};
        const unsigned fraction = in.number(digits, 'Z');
        micros = fraction;
        for (std::size_t i = digits; i < 6; ++i) micros *= 10;
        for (std::size_t i = 6; i < digits; ++i) micros /= 10;
    }
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                           std::chrono::month{month}, std::chrono::day{day}};
    const bool is_possible = !in.is_broken() && in.rest().empty() && date.ok() && year >= 1970 &&
                             hour < 24 && minute < 60 && second < 60;
    if (!is_possible) return {};
    return WallTime{std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{hour} +
                    std::chrono::minutes{minute} + std::chrono::seconds{second} +
                    Microseconds{micros}};
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
