// SPDX-License-Identifier: Apache-2.0
// **Goal:** waits grow to their bound, differ between clients, and start anew after a good one.
// **Method:** seeds; no time passes.

#include "source/backoff.h"

#include <gtest/gtest.h>

namespace firehose::source {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheLongestWithinTheUpperHalf) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Backoff backoff{{}, seed};
        for (const Microseconds step :
             {Microseconds{1s}, Microseconds{2s}, Microseconds{4s}, Microseconds{8s},
              Microseconds{16s}, Microseconds{32s}, Microseconds{60s}, Microseconds{60s}}) {
            const Microseconds wait = backoff.after(0s);
            EXPECT_GE(wait, step / 2);
            EXPECT_LE(wait, step);
        }
    }
}

TEST(Backoff, OnlyAGoodConnectionStartsAnew) {
    Backoff backoff{{}, 7};
    for (int at = 0; at < 6; ++at) static_cast<void>(backoff.after(0s));
    EXPECT_GE(backoff.after(120s - 1us), 30s);
    EXPECT_LE(backoff.after(120s), 1s);
    EXPECT_GE(backoff.after(0s), 1s);
}

TEST(Backoff, TheSameSeedWaitsTheSameAndOthersDoNot) {
    Backoff one{{}, 1};
    Backoff same{{}, 1};
    Backoff other{{}, 2};
    const Microseconds wait = one.after(0s);
    EXPECT_EQ(wait, same.after(0s));
    EXPECT_NE(wait, other.after(0s));
}

}  // namespace
}  // namespace firehose::source
