// SPDX-License-Identifier: Apache-2.0
// Goal:   a silent client is closed at one and a half keep alives [MQTT-3.1.2-22], not before; time
//         during which we did not read does not count.
// Method: a script of events with the time of each; no clock.
#include "session/keep_alive.h"

#include <gtest/gtest.h>

namespace firehose::session {
namespace {

using namespace std::chrono_literals;

MonotonicTime at(Microseconds since_start) {
    return {since_start};
}

TEST(KeepAlive, ExpiresAtOneAndAHalfTimesAndNotBefore) {
    const KeepAlive keep_alive{10, at(100s)};
    EXPECT_EQ(keep_alive.deadline(), at(115s));
    EXPECT_FALSE(keep_alive.is_expired(at(115s - 1us)));
    EXPECT_TRUE(keep_alive.is_expired(at(115s)));
}

TEST(KeepAlive, EachPacketBeginsItAgain) {
    KeepAlive keep_alive{10, at(0s)};
    keep_alive.on_packet(at(14s));
    EXPECT_FALSE(keep_alive.is_expired(at(28s)));
    EXPECT_TRUE(keep_alive.is_expired(at(29s)));
}

TEST(KeepAlive, ZeroNeverExpires) {
    const KeepAlive keep_alive{0, at(0s)};
    EXPECT_FALSE(keep_alive.is_expired(at(24h * 365)));
    EXPECT_FALSE(keep_alive.deadline());
}

TEST(KeepAlive, TheLargestOneDoesNotOverflow) {
    const KeepAlive keep_alive{65'535, at(0s)};
    EXPECT_EQ(keep_alive.deadline(), at(98'302'500ms));
}

TEST(KeepAlive, StandsWhileWeHoldAndGoesOnWhereItStood) {
    KeepAlive keep_alive{10, at(0s)};
    keep_alive.on_held(at(14s));
    keep_alive.on_held(at(20s));  // Changes nothing.
    EXPECT_FALSE(keep_alive.is_expired(at(100s)));
    EXPECT_FALSE(keep_alive.deadline());
    keep_alive.on_released(at(100s));
    EXPECT_EQ(keep_alive.deadline(), at(101s));
    keep_alive.on_released(at(200s));
    EXPECT_EQ(keep_alive.deadline(), at(101s));
}

TEST(KeepAlive, APacketWhileHeldBeginsItAgain) {
    KeepAlive keep_alive{10, at(0s)};
    keep_alive.on_held(at(10s));
    keep_alive.on_packet(at(12s));
    keep_alive.on_released(at(30s));
    EXPECT_EQ(keep_alive.deadline(), at(45s));
}

TEST(KeepAlive, NobodyIsHeldLongerThanHalfHisKeepAlive) {
    EXPECT_EQ((KeepAlive{10, at(0s)}.held_max(10s)), 5s);
    EXPECT_EQ((KeepAlive{60, at(0s)}.held_max(10s)), 10s);
    EXPECT_EQ((KeepAlive{0, at(0s)}.held_max(10s)), 10s);
}

}  // namespace
}  // namespace firehose::session
