// SPDX-License-Identifier: Apache-2.0
// Goal:   the server hears something within the Keep Alive [MQTT-3.1.2-20], and a dead one is
//         noticed.
// Method: time is moved by hand, to both sides of each boundary.
#include "client/keep_alive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/scripted_server.h"

namespace firehose::client {
namespace {

using Due = KeepAlive::Due;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

TEST(KeepAlive, PingsAtThreeQuartersAndNotBefore) {
    KeepAlive keep_alive;
    keep_alive.start(kStart, 60s, 10s);
    EXPECT_EQ(keep_alive.next_tick(), kStart + 45s);
    EXPECT_EQ(keep_alive.on_tick(kStart + (45s - 1us)), Due::nothing);
    EXPECT_EQ(keep_alive.on_tick(kStart + 45s), Due::ping);
    EXPECT_EQ(keep_alive.on_tick(kStart + 46s), Due::nothing);
}

TEST(KeepAlive, GivesUpWhenThePingIsNotAnswered) {
    KeepAlive keep_alive;
    keep_alive.start(kStart, 60s, 10s);
    EXPECT_EQ(keep_alive.on_tick(kStart + 45s), Due::ping);
    EXPECT_EQ(keep_alive.on_tick(kStart + (55s - 1us)), Due::nothing);
    EXPECT_EQ(keep_alive.on_tick(kStart + 55s), Due::give_up);
}

TEST(KeepAlive, GoesOnWhenAnythingIsHeard) {
    KeepAlive keep_alive;
    keep_alive.start(kStart, 60s, 10s);
    EXPECT_EQ(keep_alive.on_tick(kStart + 45s), Due::ping);
    keep_alive.on_heard(kStart + 46s);
    EXPECT_EQ(keep_alive.next_tick(), kStart + 90s);
}

TEST(KeepAlive, PingsAPublisherThatHearsNothing) {
    KeepAlive keep_alive;
    keep_alive.start(kStart, 60s, 10s);
    for (auto at = 1s; at < 45s; ++at) keep_alive.on_sent(kStart + at);
    EXPECT_EQ(keep_alive.on_tick(kStart + 45s), Due::ping);
}

TEST(KeepAlive, OfZeroIsOff) {
    KeepAlive keep_alive;
    keep_alive.start(kStart, 0s, 10s);
    EXPECT_EQ(keep_alive.next_tick(), std::nullopt);
    EXPECT_EQ(keep_alive.on_tick(kStart + 1000h), Due::nothing);
}

TEST(KeepAlive, OfTheServerReplacesOurs) {
    ScriptedServer server{{.client_id = "me"}};
    server.accept({.server_keep_alive_s = 4});
    server.pass(3s - 1us);
    EXPECT_THAT(server.hears(), IsEmpty());
    server.pass(1us);
    EXPECT_THAT(server.hears(), ElementsAre("PINGREQ"));
    ByteBuffer pingresp;
    mqtt::encode_pingresp(pingresp);
    server.says_bytes(pingresp);
    server.pass(3s);
    EXPECT_THAT(server.hears(), ElementsAre("PINGREQ"));
    server.pass(10s);
    EXPECT_THAT(server.hears(), ElementsAre("DISCONNECT keep_alive_timeout"));
    EXPECT_THAT(server.events(),
                ElementsAre("hang up keep_alive_timeout the server did not answer a ping"));
}

}  // namespace
}  // namespace firehose::client
