// SPDX-License-Identifier: Apache-2.0
// Goal:   a reload's rights hold from one position on, for every way to read (rule **Access**).
// Method: dialogues with one shard whose ACL is replaced in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"
#include "bus/mqtt_client.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;

constexpr std::string_view kAll = "topic readwrite #\nuser u\ntopic readwrite #\n";
constexpr std::string_view kNoSecret =
    "topic deny secret/#\ntopic readwrite #\nuser u\ntopic readwrite #\n";

Settings standard() {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    return settings;
}

void reload(Bus& bus, std::string_view acl) {
    bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall());
    bus.shard.change_access([&] { bus.acl = *Acl::parse(acl); });
    bus.shard.end_turn();
    bus.turn();
}

void log_in(Peer& peer, std::string_view user, std::string_view id = {}) {
    peer.sends(mqtt::Connect{.version = Version::v5,
                             .client_id = id.empty() ? user : id,
                             .user_name = user,
                             .password = as_bytes("right")});
}

TEST(Access, HoldsFromOnePositionOnForEveryWayToRead) {
    for (const Qos qos : {Qos::at_most_once, Qos::at_least_once}) {
        Bus bus{{}, kAll};
        Peer reader{bus, Version::v5};
        reader.connects("r").subscribes("#", qos);
        Peer publisher{bus, Version::v5};
        log_in(publisher, "u");
        publisher.publishes("secret/a", "1", qos, 1).publishes("open/a", "2", qos, 2);
        reload(bus, kNoSecret);
        publisher.publishes("secret/a", "3", qos, 3).publishes("open/a", "4", qos, 4);
        EXPECT_THAT(reader.take_payloads(), ElementsAre("1", "2", "4"));
        reload(bus, kAll);
        publisher.publishes("secret/a", "5", qos, 5);
        EXPECT_THAT(reader.take_payloads(), ElementsAre("5"));
    }
}

TEST(Access, WhatIsPublishedInTheSameTurnIsJudgedByTheRulesBefore) {
    Bus bus{{}, kAll};
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("#");
    Peer publisher{bus, Version::v5};
    log_in(publisher, "u");
    ByteBuffer bytes;
    mqtt::encode(mqtt::Publish{.topic = "secret/a", .payload = as_bytes("before")}, Version::v5,
                 bytes);
    bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall());
    publisher.wire().handler->on_bytes(bytes);
    bus.shard.change_access([&] { bus.acl = *Acl::parse(kNoSecret); });
    publisher.wire().handler->on_bytes(bytes);
    bus.shard.end_turn();
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("before"));
}

TEST(Access, EventStreamsFollowIt) {
    Bus bus{{}, kAll};
    auto wire = std::make_shared<testing::Wire>();
    bus.shard.accept_event_stream(
        {.stream = std::make_unique<testing::WireStream>(wire), .entrance = bus.entrance}, "#",
        Encoding::ndjson);
    Peer publisher{bus, Version::v5};
    log_in(publisher, "u");
    reload(bus, kNoSecret);
    publisher.publishes("secret/a", "1").publishes("open/a", "2");
    EXPECT_EQ(wire->sent.find("secret"), std::string::npos);
    EXPECT_NE(wire->sent.find("open/a"), std::string::npos);
}

TEST(Access, MembersWithEqualRightsShareAFeedAndOthersDoNot) {
    constexpr std::string_view kOwnLines = "user u\ntopic read #\nuser v\ntopic read open/#\n";
    constexpr std::string_view kPatterns = "pattern read #\n";
    Bus bus{{}, kOwnLines};
    std::vector<Peer> peers;
    for (const auto& [user, id] :
         {std::pair{"u", "u1"}, std::pair{"u", "u2"}, std::pair{"v", "v1"}}) {
        peers.emplace_back(bus, Version::v5);
        log_in(peers.back(), user, id);
        peers.back().subscribes("#");
    }
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 2u);
    reload(bus, kPatterns);
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 1u);
    EXPECT_TRUE(bus.shard.post({.topic = "secret/a", .payload = "1"}));
    bus.turn();
    for (Peer& peer : peers) EXPECT_THAT(peer.take_payloads(), ElementsAre("1"));
    reload(bus, kOwnLines);
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 2u);
    EXPECT_TRUE(bus.shard.post({.topic = "secret/a", .payload = "2"}));
    bus.turn();
    EXPECT_THAT(peers[0].take_payloads(), ElementsAre("2"));
    EXPECT_THAT(peers[1].take_payloads(), ElementsAre("2"));
    EXPECT_THAT(peers[2].take_payloads(), IsEmpty());
}

TEST(Access, AMemberThatLagsIsNotGivenWhatWasEncodedByTheOldRules) {
    Bus bus{{}, kAll};
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("#");
    std::ignore = reader.take();
    reader.gives_room(0);
    Peer publisher{bus, Version::v5};
    log_in(publisher, "u");
    publisher.publishes("open/a", "1").publishes("secret/a", "2").publishes("open/a", "3");
    reload(bus, kNoSecret);
    publisher.publishes("open/a", "4");
    reader.gives_room(SIZE_MAX);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1", "3", "4"));
}

TEST(Access, AHalfSentPacketIsCompletedOnlyWhileItMayBeRead) {
    for (const bool is_secret : {false, true}) {
        SCOPED_TRACE(is_secret);
        Bus bus{{}, kAll};
        Peer reader{bus, Version::v5};
        reader.connects("r").subscribes("#");
        std::ignore = reader.take();
        reader.gives_room(5);
        Peer publisher{bus, Version::v5};
        log_in(publisher, "u");
        publisher.publishes(is_secret ? "secret/a" : "open/a", "1");
        reload(bus, kNoSecret);
        reader.gives_room(SIZE_MAX);
        EXPECT_EQ(reader.wire().is_destroyed, is_secret);
        if (!is_secret) {
            EXPECT_THAT(reader.take_payloads(), ElementsAre("1"));
        } else {
            EXPECT_EQ(reader.wire().sent.size(), 5u);
        }
    }
}

TEST(Access, RetainedCopiesOnTheirWayFollowIt) {
    Bus bus{{}, kAll};
    Peer publisher{bus, Version::v5};
    log_in(publisher, "u");
    for (const char* topic : {"open/a", "secret/a", "secret/b"}) {
        publisher.publishes(topic, topic, Qos::at_least_once, 1, true);
    }
    Peer reader{bus, Version::v5};  // Its window holds one: the others wait in the iterator.
    reader.sends(mqtt::Connect{.version = Version::v5, .client_id = "r", .receive_maximum = 1});
    reader.subscribes("#", Qos::at_least_once);
    const auto first = reader.take_publishes();
    ASSERT_EQ(first.size(), 1u);
    reload(bus, kNoSecret);
    reader.acks(PacketType::puback, first[0].packet_id);
    EXPECT_THAT(reader.take_publishes(), IsEmpty());
    reader.subscribes("secret/a", Qos::at_least_once);
    EXPECT_THAT(reader.take_publishes(), IsEmpty());
}

/// Bad inputs, row 29: a session keeps its subscription and loses its right to read.
TEST(Access, ADurableSessionIsNotGivenWhatItMayNotReadAnyMore) {
    for (const Qos qos : {Qos::at_least_once, Qos::exactly_once}) {
        SCOPED_TRACE(static_cast<int>(qos));
        Bus bus{standard(), kAll};
        Peer first{bus, Version::v5};
        first.connects("r", true, 1'000).subscribes("#", qos);
        Peer publisher{bus, Version::v5};
        log_in(publisher, "u");
        publisher.publishes("secret/a", "in flight", qos, 1);
        EXPECT_THAT(first.take_payloads(), ElementsAre("in flight"));
        first.vanishes();
        publisher.publishes("secret/b", "while away", qos, 2);
        publisher.publishes("open/a", "open", qos, 3);
        reload(bus, kNoSecret);
        Peer again{bus, Version::v5};
        again.connects("r", false, 1'000);
        std::vector<PacketType> heard;
        std::vector<std::string> payloads;
        for (const Peer::Heard& packet : again.take_heard()) {
            heard.push_back(packet.type);
            if (packet.type == PacketType::publish) payloads.push_back(packet.publish.payload);
        }
        EXPECT_TRUE(again.connack_present);
        EXPECT_THAT(payloads, ElementsAre("open"));
        if (qos == Qos::at_least_once) {
            EXPECT_THAT(heard, ElementsAre(PacketType::publish));
        } else {  // The client may hold the id: it is told that the exchange goes to its end.
            EXPECT_THAT(heard,
                        ::testing::UnorderedElementsAre(PacketType::pubrel, PacketType::publish));
        }
    }
}

TEST(Access, WhatTheWindowHeldBackIsJudgedWhenItIsSent) {
    Bus bus{{}, kAll};
    Peer reader{bus, Version::v5};
    reader.sends(mqtt::Connect{.version = Version::v5, .client_id = "r", .receive_maximum = 1});
    reader.subscribes("#", Qos::at_least_once);
    Peer publisher{bus, Version::v5};
    log_in(publisher, "u");
    publisher.publishes("open/a", "1", Qos::at_least_once, 1);
    publisher.publishes("secret/a", "2", Qos::at_least_once, 2);
    publisher.publishes("open/a", "3", Qos::at_least_once, 3);
    const auto first = reader.take_publishes();
    ASSERT_EQ(first.size(), 1u);
    reload(bus, kNoSecret);
    reader.acks(PacketType::puback, first[0].packet_id);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("3"));
}

TEST(Access, AWillIsJudgedByTheRulesOfItsTime) {
    Bus bus{{}, kAll};
    Peer watcher{bus, Version::v5};
    log_in(watcher, "u");
    watcher.subscribes("#");
    for (const bool is_allowed : {true, false}) {
        Peer peer{bus, Version::v5};
        peer.sends(mqtt::Connect{
            .version = Version::v5, .client_id = "w", .will = mqtt::Will{.topic = "secret/w"}});
        if (!is_allowed) reload(bus, kNoSecret);
        peer.vanishes();
        EXPECT_EQ(watcher.take_publishes().size(), is_allowed ? 1u : 0u);
    }
}

TEST(Access, ExpelsThoseWhoseUserIsGoneAndNobodyElse) {
    Bus bus{{}, kAll};
    Peer gone{bus, Version::v5};
    log_in(gone, "u");
    Peer old{bus, Version::v311};
    old.sends(mqtt::Connect{.client_id = "o", .user_name = "u", .password = as_bytes("right")});
    Peer stays{bus, Version::v5};
    log_in(stays, "v");
    Peer anonymous{bus, Version::v5};
    anonymous.connects("u");  // A client id is no user name.
    for (Peer* peer : {&gone, &old, &stays, &anonymous}) std::ignore = peer->take();
    bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall());
    EXPECT_EQ(bus.shard.expel(
                  [](const MqttClient& client) { return client.identity().user_name == "u"; }),
              2u);
    bus.shard.end_turn();
    bus.turn();
    EXPECT_THAT(gone.take(), ElementsAre(PacketType::disconnect));
    EXPECT_TRUE(gone.wire().is_shut_down);
    EXPECT_THAT(old.take(), IsEmpty());  // 3.1.1 has no word for it.
    EXPECT_TRUE(old.wire().is_shut_down);
    for (Peer* peer : {&stays, &anonymous}) {
        EXPECT_THAT(peer->take(), IsEmpty());
        EXPECT_FALSE(peer->wire().is_shut_down);
    }
}

}  // namespace
}  // namespace firehose::bus
