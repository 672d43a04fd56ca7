// SPDX-License-Identifier: Apache-2.0
// Goal:   the exchanges of QoS 1 and 2 over a log that is durable later, refuses, or takes nothing.
// Method: dialogues with one shard; a DelayedLog decides when what was appended is durable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;

/// Named sessions for clients without a password.
Settings standard() {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    return settings;
}

TEST(Exchange, AnswersWhenTheRecordIsDurableAndNotBefore) {  // [MQTT-4.3.2-4] [MQTT-4.3.3-8]
    Bus bus;
    Peer publisher{bus, Version::v5};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    publisher.publishes("a", "2", Qos::exactly_once, 2);
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::connack));
    bus.delayed.let_durable();
    publisher.publishes("a", "3", Qos::at_least_once, 3);
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::puback, PacketType::pubrec));
    bus.delayed.let_go();
    bus.turn();
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::puback));
}

TEST(Exchange, ARefusedPublishWhoseConnectionBrokeIsAppendedWhenItIsRepeated) {
    Bus bus{standard()};
    Peer first{bus, Version::v5};
    first.connects("p", true, 1'000);
    ByteBuffer publish;
    mqtt::encode(mqtt::Publish{.qos = Qos::exactly_once, .topic = "t", .packet_id = 9}, Version::v5,
                 publish);
    bus.delayed.refuse(1);
    first.wire().handler->on_bytes(publish);
    first.vanishes();  // Before it could hear that the log did not take it.
    Peer again{bus, Version::v5};
    again.connects("p", false, 1'000);
    again.sends(mqtt::Publish{.dup = true, .qos = Qos::exactly_once, .topic = "t", .packet_id = 9});
    EXPECT_THAT(again.take(), ElementsAre(PacketType::connack, PacketType::pubrec));
    EXPECT_EQ(bus.log.metrics().records_total, 1u);
}

TEST(Exchange, ATakenOverPublishIsAnsweredToTheNewConnectionWhenItIsDurable) {
    Bus bus{standard()};
    Peer first{bus, Version::v5};
    first.connects("p", true, 1'000);
    bus.delayed.hold();
    first.publishes("t", "x", Qos::exactly_once, 9);
    Peer again{bus, Version::v5};
    again.connects("p", false, 1'000);
    again.sends(mqtt::Publish{.dup = true, .qos = Qos::exactly_once, .topic = "t", .packet_id = 9});
    EXPECT_THAT(again.take(), ElementsAre(PacketType::connack));
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(again.take(), ElementsAre(PacketType::pubrec));
    EXPECT_EQ(bus.log.metrics().records_total, 1u);
}

}  // namespace
}  // namespace firehose::bus
