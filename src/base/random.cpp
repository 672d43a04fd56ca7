// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <bit>

#include "base/assert.h"

namespace firehose {

Random::Random(std::uint64_t seed) noexcept : state_{} {
    for (auto& word : state_) {  // splitmix64 spreads a small seed over the whole state.
        seed += 0x9e3779b97f4a7c15U;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        word = z ^ (z >> 31U);
    }
}

std::uint64_t Random::next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) noexcept {
    FH_ASSERT(bound >= 1);
    return next() % bound;  // The bias is below 2^-32 for every bound in use.
}

std::uint64_t random_seed() noexcept {
    std::uint64_t seed = 0;
    const auto got = getrandom(&seed, sizeof seed, 0);
    FH_ASSERT(got == static_cast<ssize_t>(sizeof seed));
    return seed;
}

}  // namespace firehose
