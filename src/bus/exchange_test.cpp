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
    EXPECT_EQ(bus.log.metrics().records_total, 3u);  // Opened, opened again, the message once.
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
    EXPECT_THAT(again.take(), IsEmpty());  // That it was opened again is not durable either.
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(again.take(), ElementsAre(PacketType::connack, PacketType::pubrec));
    EXPECT_EQ(bus.log.metrics().records_total, 3u);  // Opened, opened again, the message once.
}

/// The control records in the log, in order, with the packet ids they name: "assigned 1 2".
std::vector<std::string> records(Bus& bus) {
    std::vector<std::string> found;
    std::vector<log::BlockRef> blocks;
    for (Seq at = bus.log.oldest(); at < bus.log.end(); at = blocks.back()->end_seq()) {
        blocks.clear();
        EXPECT_EQ(bus.log.read(at, 1, blocks), log::ReadStatus::blocks);
        for (const log::BlockRef& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                const auto control = session::decode_control(block->record(i));
                if (!control) continue;
                std::string text;
                const auto add = [&text](std::string_view what, const auto& ids, auto id_of) {
                    if (ids.empty()) return;
                    if (!text.empty()) text += ", ";
                    text += what;
                    for (const auto& id : ids) text += ' ' + std::to_string(id_of(id));
                };
                const auto itself = [](std::uint16_t id) { return id; };
                if (const auto* assigned = std::get_if<session::IdsAssigned>(&*control)) {
                    add("assigned", assigned->entries, [](const auto& e) { return e.packet_id; });
                    add("completed", assigned->completed, itself);
                }
                if (const auto* pubrel = std::get_if<session::PubrelReceived>(&*control)) {
                    add("pubrel", pubrel->ids, itself);
                }
                if (const auto* pubrec = std::get_if<session::PubrecReceived>(&*control)) {
                    add("pubrec", pubrec->ids, itself);
                }
                if (!text.empty()) found.push_back(text);
            }
        }
    }
    return found;
}

/// A client with a durable session, at `version`, its CONNACK and SUBACK taken.
Peer durable(Bus& bus, Version version, std::string_view id, std::string_view filter = {},
             Qos qos = Qos::exactly_once) {
    Peer peer{bus, version};
    peer.connects(id, version == Version::v5, 1'000);
    if (!filter.empty()) peer.subscribes(filter, qos);
    std::ignore = peer.take();
    return peer;
}

// From the client.

TEST(Exchange, APubcompOfADurableSessionWaitsForItsRecord) {
    for (const Version version : {Version::v311, Version::v5}) {
        Bus bus{standard()};
        Peer publisher = durable(bus, version, "p");
        publisher.publishes("a", "x", Qos::exactly_once, 7);
        EXPECT_THAT(publisher.take(), ElementsAre(PacketType::pubrec));
        bus.delayed.hold();
        publisher.acks(PacketType::pubrel, 7);
        EXPECT_THAT(publisher.take(), IsEmpty());
        EXPECT_THAT(records(bus), ElementsAre("pubrel 7"));
        publisher.acks(PacketType::pubrel, 7);  // Repeated: not recorded twice.
        bus.delayed.let_durable();
        bus.turn();
        EXPECT_THAT(publisher.take(), ElementsAre(PacketType::pubcomp));
        EXPECT_THAT(records(bus), ElementsAre("pubrel 7"));
    }
}

TEST(Exchange, ASessionThatEndsWithItsConnectionRecordsNothing) {
    Bus bus;
    Peer peer{bus, Version::v5};
    peer.connects("p").subscribes("a", Qos::exactly_once);
    bus.delayed.hold();
    peer.publishes("a", "x", Qos::exactly_once, 7);
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::connack, PacketType::suback,
                                         PacketType::pubrec, PacketType::publish));
    peer.acks(PacketType::pubrel, 7).acks(PacketType::pubrec, 1);
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::pubcomp, PacketType::pubrel));
    EXPECT_THAT(records(bus), IsEmpty());
}

TEST(Exchange, TheNextMessageOfAnIdComesAfterThePubrelThatFreedIt) {
    Bus bus{standard()};
    Peer publisher = durable(bus, Version::v311, "p");
    publisher.publishes("a", "1", Qos::exactly_once, 7);
    ByteBuffer bytes;  // In one turn, without waiting for the PUBCOMP.
    mqtt::encode(mqtt::Ack{.type = PacketType::pubrel, .packet_id = 7}, Version::v311, bytes);
    mqtt::encode(mqtt::Publish{.qos = Qos::exactly_once, .topic = "a", .packet_id = 7},
                 Version::v311, bytes);
    publisher.sends_bytes(as_text(bytes));
    std::vector<log::BlockRef> blocks;
    std::vector<log::RecordKind> kinds;
    ASSERT_EQ(bus.log.read(bus.log.oldest(), 1 << 20, blocks), log::ReadStatus::blocks);
    for (const auto& block : blocks) {
        for (std::size_t i = 0; i < block->count(); ++i) kinds.push_back(block->record(i).kind);
    }
    const auto last = std::vector<log::RecordKind>(kinds.end() - 2, kinds.end());
    EXPECT_THAT(last, ElementsAre(log::RecordKind::pubrel_received, log::RecordKind::message));
    EXPECT_THAT(publisher.take(),
                ElementsAre(PacketType::pubrec, PacketType::pubrec, PacketType::pubcomp));
}

TEST(Exchange, ADegradedLogRefusesQos1And2To5AndLetsQos0Go) {
    Bus bus{standard()};
    Peer reader{bus, Version::v5};
    Peer publisher{bus, Version::v5};
    reader.connects("r").subscribes("#");
    publisher.connects("p");
    std::ignore = publisher.take();
    bus.delayed.set_takes_durable(false);
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    publisher.publishes("a", "2", Qos::exactly_once, 2);
    publisher.publishes("a", "0");
    EXPECT_THAT(publisher.take_reasons(),
                ElementsAre(mqtt::ReasonCode::quota_exceeded, mqtt::ReasonCode::quota_exceeded));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("0"));
    EXPECT_EQ(bus.shard.metrics().publishes_refused.value(), 2u);
    bus.delayed.set_takes_durable(true);
    publisher.publishes("a", "2", Qos::exactly_once, 2);  // Its id is free again.
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::pubrec));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("2"));
}

TEST(Exchange, ADegradedLogWithholdsFrom3AndClosesInTime) {
    Bus bus{standard()};
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.set_takes_durable(false);
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::connack));
    bus.advance(std::chrono::seconds{9});
    EXPECT_FALSE(publisher.wire().is_shut_down);
    bus.advance(std::chrono::seconds{2});
    EXPECT_TRUE(publisher.wire().is_shut_down);
    EXPECT_THAT(publisher.take(), IsEmpty());
    EXPECT_EQ(bus.log.metrics().records_total, 0u);
}

TEST(Exchange, SourcesWaitForADegradedLog) {
    Bus bus;
    bus.delayed.set_takes_durable(false);
    ASSERT_TRUE(bus.shard.post({.topic = "a", .payload = "x", .qos = Qos::exactly_once}));
    bus.turn();
    EXPECT_EQ(bus.log.metrics().records_total, 0u);
    bus.delayed.set_takes_durable(true);
    bus.turn();
    EXPECT_EQ(bus.log.metrics().records_total, 1u);
    EXPECT_EQ(bus.shard.internal_bytes_waiting(), 0u);
}

TEST(Exchange, AListenerOfDurabilityMemoryAnswersWhenItIsPlaced) {
    Bus bus{standard()};
    Peer publisher{bus, Version::v5, bus.memory_entrance};
    publisher.connects("p", true, 1'000);
    std::ignore = publisher.take();
    bus.delayed.hold();
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    publisher.publishes("a", "2", Qos::exactly_once, 2).acks(PacketType::pubrel, 2);
    EXPECT_THAT(publisher.take(),
                ElementsAre(PacketType::puback, PacketType::pubrec, PacketType::pubcomp));
}

// To the client.

TEST(Exchange, DeliveriesThatAreAcknowledgedWaitUntilTheyAreDurable) {
    Bus bus{standard()};
    Peer live{bus, Version::v311};
    live.connects("live").subscribes("#");
    Peer reader = durable(bus, Version::v311, "r", "#", Qos::at_least_once);
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "1", Qos::at_least_once, 1).publishes("a", "0");
    EXPECT_THAT(live.take_payloads(), ElementsAre("1", "0"));
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1", "0"));
}

TEST(Exchange, AReaderAtQos0OfItsOwnReadsTheTail) {
    Bus bus;
    Peer reader{bus, Version::v5};
    reader.connects("r").sends(
        mqtt::Subscribe{.packet_id = 1, .entries = {{"#", {}}}, .subscription_id = 5});
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1"));
}

TEST(Exchange, ChangingTheQosChangesTheTailWithoutLossOrRepetition) {
    Bus bus;
    Peer reader{bus, Version::v5};
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    const auto publish = [&](std::string_view payload) {
        publisher.publishes("a", payload, Qos::at_least_once, 1);
    };
    reader.connects("r").subscribes("#");
    bus.delayed.hold();
    publish("1");
    reader.subscribes("#", Qos::at_least_once);  // Ahead of what is durable now.
    publish("2");
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1"));
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("2"));
    publish("3");
    publish("4");
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    reader.subscribes("#");  // Behind the tail now.
    EXPECT_THAT(reader.take_payloads(), ElementsAre("3", "4"));
    publish("5");
    EXPECT_THAT(reader.take_payloads(), ElementsAre("5"));
}

TEST(Exchange, AQos2PublishWaitsForItsAssignmentAndItsPubrelForThePubrec) {
    for (const Version version : {Version::v311, Version::v5}) {
        Bus bus{standard()};
        Peer reader = durable(bus, version, "r", "#");
        Peer publisher{bus, Version::v311};
        publisher.connects("p").publishes("warm", "up");
        ASSERT_THAT(reader.take_payloads(), ElementsAre("up"));
        bus.delayed.hold();
        publisher.publishes("a", "x", Qos::exactly_once, 1);
        bus.delayed.let_durable();  // The message.
        bus.turn();
        EXPECT_THAT(reader.take_payloads(), IsEmpty());
        EXPECT_THAT(records(bus), ElementsAre("assigned 1"));
        bus.delayed.let_durable();  // The assignment.
        bus.turn();
        const auto got = reader.take_publishes();
        ASSERT_EQ(got.size(), 1u);
        EXPECT_EQ(got[0].payload, "x");
        EXPECT_FALSE(got[0].dup);
        reader.acks(PacketType::pubrec, 1).acks(PacketType::pubrec, 1);
        EXPECT_THAT(reader.take(), IsEmpty());
        EXPECT_THAT(records(bus), ElementsAre("assigned 1", "pubrec 1"));
        bus.delayed.let_durable();
        bus.turn();
        EXPECT_THAT(reader.take(), ElementsAre(PacketType::pubrel));
        reader.acks(PacketType::pubrec, 1);  // Once more: answered, not recorded.
        EXPECT_THAT(reader.take(), ElementsAre(PacketType::pubrel));
        reader.acks(PacketType::pubcomp, 1);
        bus.delayed.let_go();
        publisher.publishes("a", "y", Qos::exactly_once, 2);
        EXPECT_THAT(reader.take_payloads(), ElementsAre("y"));
        EXPECT_THAT(records(bus), ElementsAre("assigned 1", "pubrec 1", "assigned 1, completed 1"));
    }
}

TEST(Exchange, NothingOvertakesAMessageThatWaitsForItsAssignment) {
    Bus bus{standard()};
    Peer reader = durable(bus, Version::v311, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "two", Qos::exactly_once, 1);
    publisher.publishes("a", "one", Qos::at_least_once, 2);
    publisher.publishes("a", "zero");
    publisher.publishes("a", "last", Qos::at_least_once, 3);
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("two", "one", "zero", "last"));
}

TEST(Exchange, WhatTheLogRefusesToRecordIsRecordedAgain) {
    Bus bus{standard()};
    Peer reader = durable(bus, Version::v311, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    publisher.publishes("a", "x", Qos::exactly_once, 1);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("x"));
    bus.delayed.refuse(2);
    reader.acks(PacketType::pubrec, 1);
    EXPECT_THAT(reader.take(), ElementsAre(PacketType::pubrel));
    EXPECT_THAT(records(bus), ElementsAre("assigned 1", "pubrec 1"));
}

TEST(Exchange, ADegradedLogStopsQos2AndGoesOnByItself) {
    Bus bus{standard()};
    Peer reader = durable(bus, Version::v311, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "x", Qos::exactly_once, 1);
    bus.delayed.set_takes_durable(false);
    bus.delayed.let_go();
    bus.turn();  // Comes to rest, though something waits to be recorded.
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    EXPECT_THAT(records(bus), IsEmpty());
    bus.delayed.set_takes_durable(true);
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("x"));
}

TEST(Exchange, ARetainedCopyThatIsAcknowledgedWaitsUntilItIsDurable) {
    Bus bus{standard()};
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "new", Qos::at_least_once, 1, true);
    publisher.publishes("b", "zero", Qos::at_most_once, 0, true);
    Peer live{bus, Version::v311};
    live.connects("live").subscribes("#");
    EXPECT_THAT(live.take_payloads(), ElementsAre("new", "zero"));
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("#", Qos::at_least_once).subscribes("b", Qos::at_least_once);
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("new", "zero", "zero"));
}

TEST(Exchange, NothingOvertakesAMessageThatWaitsToBeReadFromDisk) {
    Bus bus{standard(), Bus::kOpenAcl, {.memory_bytes = 0}};
    Peer reader = durable(bus, Version::v311, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "two", Qos::exactly_once, 1);
    bus.delayed.let_durable();
    bus.turn();  // Assigned, and no longer in memory.
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    bus.delayed.let_go();
    bus.is_reading = false;  // The assignment is durable, its message not read back yet.
    bus.turn();
    publisher.publishes("a", "zero").publishes("a", "one", Qos::at_least_once, 2);
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
    bus.is_reading = true;
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("two", "zero", "one"));
}

TEST(Exchange, AQos2IdThatCannotBeSentAgainIsFreeOnceTheClientHasLetGoOfIt) {
    Bus bus{standard()};
    Peer first = durable(bus, Version::v5, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p").publishes("a", std::string(200, 'x'), Qos::exactly_once, 1);
    ASSERT_EQ(first.take_publishes().at(0).packet_id, 1);  // And no PUBREC.
    first.vanishes();
    Peer second{bus, Version::v5};
    second.sends(mqtt::Connect{.version = Version::v5,
                               .clean_start = false,
                               .client_id = "r",
                               .session_expiry_s = 1'000,
                               .maximum_packet_size = 100});
    // It may hold the id: it goes on with PUBREL.
    EXPECT_THAT(second.take(), ElementsAre(PacketType::connack, PacketType::pubrel));
    publisher.publishes("a", "y", Qos::exactly_once, 2);
    EXPECT_EQ(second.take_publishes().at(0).packet_id, 2);
    second.acks(PacketType::pubcomp, 1);
    publisher.publishes("a", "z", Qos::exactly_once, 3);
    EXPECT_EQ(second.take_publishes().at(0).packet_id, 1);
}

TEST(Exchange, AFullWindowAndTheDurablePositionHoldTheOrderTogether) {
    for (const std::size_t owed : {std::size_t{0}, std::size_t{2}, std::size_t{256}}) {
        SCOPED_TRACE(owed);
        Settings settings = standard();
        settings.session_inflight_max = 2;
        settings.owed_refs = owed;
        Bus bus{settings};
        Peer reader = durable(bus, Version::v311, "r", "#");
        Peer publisher{bus, Version::v311};
        publisher.connects("p");
        std::vector<std::string> got;
        std::vector<std::string> sent;
        bus.delayed.hold();
        for (std::uint16_t i = 1; i <= 12; ++i) {
            sent.push_back(std::to_string(i));
            publisher.publishes("a", sent.back(),
                                i % 3 == 0 ? Qos::exactly_once : Qos::at_least_once, i);
            if (i % 4 == 0) bus.delayed.let_durable();
            for (int step = 0; step < 2; ++step) {
                for (const auto& message : reader.take_publishes()) {
                    got.push_back(message.payload);
                    reader.acks(
                        message.qos == Qos::exactly_once ? PacketType::pubrec : PacketType::puback,
                        message.packet_id);
                    if (message.qos == Qos::exactly_once) {
                        bus.delayed.let_durable();
                        bus.turn();
                        reader.acks(PacketType::pubcomp, message.packet_id);
                    }
                }
            }
        }
        bus.delayed.let_go();
        for (int step = 0; step < 20; ++step) {
            bus.turn();
            for (const auto& message : reader.take_publishes()) {
                got.push_back(message.payload);
                if (message.qos == Qos::exactly_once) {
                    reader.acks(PacketType::pubrec, message.packet_id);
                    reader.acks(PacketType::pubcomp, message.packet_id);
                } else {
                    reader.acks(PacketType::puback, message.packet_id);
                }
            }
        }
        EXPECT_EQ(got, sent);
    }
}

TEST(Exchange, ATakeOverWhileAnAssignmentIsAwaitedSendsItOnceAndWithoutDup) {
    Bus bus{standard()};
    Peer first = durable(bus, Version::v5, "r", "#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    bus.delayed.hold();
    publisher.publishes("a", "x", Qos::exactly_once, 1);
    bus.delayed.let_durable();
    bus.turn();  // Assigned, not sent.
    Peer second{bus, Version::v5};
    second.connects("r", false, 1'000);
    bus.delayed.let_go();
    bus.turn();
    EXPECT_THAT(first.take_payloads(), IsEmpty());
    const auto got = second.take_publishes();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_FALSE(got[0].dup);
    EXPECT_EQ(got[0].packet_id, 1);
    EXPECT_THAT(records(bus), ElementsAre("assigned 1"));
}

}  // namespace
}  // namespace firehose::bus
