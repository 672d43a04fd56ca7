// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

/// A small seeded generator (xoshiro256**): the same seed gives the same numbers on every machine,
/// which the simulator and the back-off tests rely on. Not for secrets.
/// Threads: one owner. Source: the public-domain description of xoshiro256** and splitmix64.
namespace firehose {

class Random {
public:
    explicit Random(std::uint64_t seed) noexcept;

    [[nodiscard]] std::uint64_t next() noexcept;
    /// Uniform in [0, bound); bound >= 1.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;
    /// True in `percent` of a hundred calls.
    [[nodiscard]] bool chance(unsigned percent) noexcept { return below(100) < percent; }

private:
    std::array<std::uint64_t, 4> state_;
};

/// A seed that nobody can guess, from the kernel (getrandom).
[[nodiscard]] std::uint64_t random_seed() noexcept;

}  // namespace firehose
