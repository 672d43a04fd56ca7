// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

/// So many a second, and so many at once: a bucket that is one number.
///
/// The bucket fills at `per_second` and holds `burst`. Taking is granted while one is in it,
/// and may leave it in debt: what is larger than the burst (a long message against a limit of
/// bytes) passes once and is paid for by waiting, instead of never.
/// Lifetime: values. Threads: none. Cost: O(1), 8 bytes a bucket.
/// Method:   the bucket is the time at which it would be full again (a virtual schedule, as in
///           ATM's generic cell rate algorithm), in nanoseconds of the monotonic clock.
namespace firehose::bus {

struct RateLimit {
    std::uint64_t per_second = 0;  // 0: no limit.
    std::uint64_t burst = 1;

    /// How long the bucket takes to earn `amount`.
    [[nodiscard]] std::int64_t nanoseconds(std::uint64_t amount) const noexcept {
        constexpr std::uint64_t kMost = std::uint64_t{1} << 62U;
        const auto wide =
            static_cast<long double>(amount) * 1e9L / static_cast<long double>(per_second);
        return static_cast<std::int64_t>(std::min(wide, static_cast<long double>(kMost)));
    }

    friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

class RateBucket {
public:
    /// How long until something may be taken; 0: now. Takes nothing.
    [[nodiscard]] Microseconds wait(const RateLimit& limit, MonotonicTime now) const noexcept {
        if (limit.per_second == 0) return Microseconds{0};
        // One is there when so much less than the burst is missing to the full.
        const std::int64_t missing =
            full_at_ - nanoseconds(now) + limit.nanoseconds(1) - limit.nanoseconds(limit.burst);
        return Microseconds{missing <= 0 ? 0 : (missing + 999) / 1'000};
    }
    /// Takes `amount`, granted or not.
    void take(const RateLimit& limit, MonotonicTime now, std::uint64_t amount = 1) noexcept {
        if (limit.per_second == 0) return;
        full_at_ = std::max(full_at_, nanoseconds(now)) + limit.nanoseconds(amount);
    }
    /// Takes `amount` if anything is there: 0; else takes nothing and returns how long to wait.
    [[nodiscard]] Microseconds try_take(const RateLimit& limit, MonotonicTime now,
                                        std::uint64_t amount = 1) noexcept {
        const Microseconds missing = wait(limit, now);
        if (missing.count() == 0) take(limit, now, amount);
        return missing;
    }
    [[nodiscard]] bool is_full(MonotonicTime now) const noexcept {
        return full_at_ <= nanoseconds(now);
    }

private:
    [[nodiscard]] static std::int64_t nanoseconds(MonotonicTime now) noexcept {
        return now.since_start.count() * 1'000;
    }

    std::int64_t full_at_ = 0;
};

/// What a publisher may send: `publish.messages_per_s`, `publish.bytes_per_s`.
struct PublishLimits {
    RateLimit messages{0, 1};
    RateLimit bytes{0, 1};
};

class PublishQuota {
public:
    /// A message of so many bytes is granted and taken (0), or is to wait so long.
    [[nodiscard]] Microseconds try_take(const PublishLimits& limits, MonotonicTime now,
                                        std::uint64_t bytes) noexcept {
        const Microseconds missing =
            std::max(messages_.wait(limits.messages, now), bytes_.wait(limits.bytes, now));
        if (missing.count() > 0) return missing;
        messages_.take(limits.messages, now);
        bytes_.take(limits.bytes, now, bytes);
        return missing;
    }
    [[nodiscard]] bool is_full(MonotonicTime now) const noexcept {
        return messages_.is_full(now) && bytes_.is_full(now);
    }

private:
    RateBucket messages_;
    RateBucket bytes_;
};

}  // namespace firehose::bus
