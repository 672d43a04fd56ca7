// SPDX-License-Identifier: Apache-2.0
// **Goal:** a quiet stream is asked, an answering one lives for ever, a dead one is given up.
// **Method:** a dialogue with times; nothing waits.

#include "source/stream_watch.h"

#include <gtest/gtest.h>

namespace firehose::source {
namespace {

using namespace std::chrono_literals;
using Step = StreamWatch::Step;

MonotonicTime at(Microseconds since_start) {
    return {since_start};
}

TEST(StreamWatch, AsksOncePerMinuteOfSilenceAndThenGivesUp) {
    StreamWatch watch{{}, at(0s)};
    EXPECT_EQ(watch.on_time(at(60s - 1us)), Step::wait);
    EXPECT_EQ(watch.on_time(at(60s)), Step::ask);
    EXPECT_EQ(watch.on_time(at(60s)), Step::wait);
    EXPECT_EQ(watch.on_time(at(120s)), Step::ask);
    EXPECT_EQ(watch.on_time(at(180s)), Step::ask);
    EXPECT_EQ(watch.on_time(at(195s - 1us)), Step::wait);
    EXPECT_EQ(watch.on_time(at(195s)), Step::give_up);
}

TEST(StreamWatch, AnAnswerIsEnoughToStay) {
    StreamWatch watch{{}, at(0s)};
    for (auto now = Microseconds{0s}; now < 24h; now += 60s) {
        EXPECT_EQ(watch.on_time(at(now + 60s)), Step::ask);
        watch.on_bytes(at(now + 60s));
    }
}

TEST(StreamWatch, SaysHowLongItHasNothingToSay) {
    StreamWatch watch{{}, at(0s)};
    EXPECT_EQ(watch.quiet_for(at(10s)), 50s);
    EXPECT_EQ(watch.quiet_for(at(70s)), 0s);
    EXPECT_EQ(watch.on_time(at(180s)), Step::ask);
    EXPECT_EQ(watch.quiet_for(at(180s)), 15s);
}

}  // namespace
}  // namespace firehose::source
