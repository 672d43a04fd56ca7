// SPDX-License-Identifier: Apache-2.0
// Goal:   a will is published once, when the standard says, or not at all.
// Method: each kind of end against each delay and expiry; scripts of take-overs, with time moved.
#include "session/will.h"

#include <gtest/gtest.h>

namespace firehose::session {
namespace {

using namespace std::chrono_literals;
using End = ConnectionEnd;
using Kind = WillAction::Kind;

MonotonicTime at(Microseconds since_start) {
    return {since_start};
}

Will armed(std::uint32_t delay_s) {
    mqtt::Will packet;
    packet.topic = "state";
    packet.payload = as_bytes("gone");
    packet.delay_s = delay_s;
    Will will;
    will.arm(packet);
    return will;
}

TEST(Will, IsPublishedByHowTheConnectionEnded) {
    struct Row {
        End end;
        std::uint32_t delay_s, expiry_s;
        WillAction action;
        const char* from;
    };
    static const WillAction kNow{Kind::publish_now, {}};
    static const Row kRows[] = {
        {End::disconnected, 0, 0, {}, "MQTT-3.14.4-3"},
        {End::disconnected, 10, 100, {}, "MQTT-3.14.4-3"},
        {End::disconnected_with_will, 0, 100, kNow, "3.14.2.1: reason 0x04"},
        {End::lost, 0, 0, kNow, "MQTT-3.1.2-8"},
        {End::lost, 0, 100, kNow, "MQTT-3.1.2-8"},
        {End::lost, 10, 100, {Kind::publish_at, at(11s)}, "3.1.3.2.2"},
        {End::lost, 100, 10, {Kind::publish_at, at(11s)}, "3.1.3.2.2: the session ends first"},
        {End::lost, 100, 0, kNow, "3.1.3.2.2: the session ends at once"},
        {End::lost, 10, 0xFFFF'FFFF, {Kind::publish_at, at(11s)}, "never expires"},
        {End::taken_over, 0, 100, kNow, "3.1.4: without a delay"},
        {End::taken_over, 10, 100, {Kind::publish_at, at(11s)}, "3.1.4"},
        {End::server_stopping, 0, 0, {}, "3.1.2.5: may be left to the restart"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        Will will = armed(row.delay_s);
        EXPECT_EQ(will.on_end(row.end, at(1s), row.expiry_s), row.action);
        EXPECT_EQ(will.message() != nullptr, row.end != End::disconnected);
    }
}

TEST(Will, WaitsForItsDelayAndNotLonger) {
    Will will = armed(10);
    ASSERT_EQ(will.on_end(End::lost, at(0s), 100).kind, Kind::publish_at);
    EXPECT_EQ(will.on_tick(at(10s - 1us)), (WillAction{Kind::publish_at, at(10s)}));
    EXPECT_EQ(will.on_tick(at(10s)).kind, Kind::publish_now);
    EXPECT_EQ(will.on_tick(at(11s)).kind, Kind::nothing);
    EXPECT_EQ(will.on_session_ended().kind, Kind::nothing);
}

TEST(Will, IsTakenBackByAConnectionThatResumesInTime) {  // [MQTT-3.1.3-9]
    Will will = armed(10);
    ASSERT_EQ(will.on_end(End::taken_over, at(0s), 100).kind, Kind::publish_at);
    will.on_resumed();
    EXPECT_EQ(will.message(), nullptr);
    EXPECT_EQ(will.on_tick(at(20s)).kind, Kind::nothing);
    EXPECT_EQ(will.on_session_ended().kind, Kind::nothing);
}

TEST(Will, OfASessionThatIsStartedAnewIsPublished) {
    Will will = armed(10);
    ASSERT_EQ(will.on_end(End::taken_over, at(0s), 100).kind, Kind::publish_at);
    EXPECT_EQ(will.on_session_ended().kind, Kind::publish_now);
    EXPECT_EQ(will.on_tick(at(20s)).kind, Kind::nothing);
}

TEST(Will, ThatIsNotWaitingSurvivesNoEventOfTheSession) {
    Will will = armed(10);
    will.on_resumed();  // The connection that armed it.
    EXPECT_NE(will.message(), nullptr);
    EXPECT_EQ(will.on_tick(at(20s)).kind, Kind::nothing);
    will.disarm();  // [MQTT-3.1.2-10]
    EXPECT_EQ(will.on_end(End::lost, at(0s), 0).kind, Kind::nothing);
}

TEST(Will, OwnsItsMessage) {
    Will will;
    {
        std::string topic = "a/b";
        std::string payload = "bytes";
        mqtt::Will packet;
        packet.topic = topic;
        packet.payload = as_bytes(payload);
        append(packet.properties, "p");
        packet.qos = mqtt::Qos::exactly_once;
        packet.retain = true;
        packet.message_expiry_s = 9;
        will.arm(packet);
        topic.assign(3, 'x');
        payload.assign(5, 'x');
    }
    const WillMessage& message = *will.message();
    EXPECT_EQ(message.topic, "a/b");
    EXPECT_EQ(as_text(message.payload), "bytes");
    EXPECT_EQ(as_text(message.properties), "p");
    EXPECT_EQ(message.qos, mqtt::Qos::exactly_once);
    EXPECT_TRUE(message.retain);
    EXPECT_EQ(message.message_expiry_s, 9u);
}

}  // namespace
}  // namespace firehose::session
