// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

/// Latencies in nanoseconds, in buckets of about 3 %: 32 to each power of two.
///
/// Lifetime: a value; those of several threads are added up. Cost: a few instructions an entry.
namespace firehose::bench {

class Histogram {
public:
    void add(std::uint64_t ns) noexcept {
        ++counts_[bucket(ns)];
        ++total_;
    }
    void add(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        total_ += other.total_;
    }
    /// Microseconds below which `part` (0 to 1) of the entries lie; 0 when there are none.
    [[nodiscard]] double quantile_us(double part) const noexcept {
        const auto rank = static_cast<std::uint64_t>(part * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > rank) return upper_ns(i) / 1e3;
        }
        return 0;
    }

private:
    static constexpr unsigned kSubBits = 5;

    static std::size_t bucket(std::uint64_t ns) noexcept {
        if (ns < (1U << kSubBits)) return ns;
        const auto shift = static_cast<unsigned>(std::bit_width(ns)) - kSubBits - 1;
        return (static_cast<std::size_t>(shift) << kSubBits) + (ns >> shift);
    }
    static double upper_ns(std::size_t bucket) noexcept {
        if (bucket < (2U << kSubBits)) return static_cast<double>(bucket);
        const std::size_t shift = (bucket >> kSubBits) - 1;
        const std::uint64_t mantissa = (bucket & ((1U << kSubBits) - 1)) | (1U << kSubBits);
        return static_cast<double>((mantissa + 1) << shift);
    }

    std::array<std::uint64_t, 2'048> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace firehose::bench
