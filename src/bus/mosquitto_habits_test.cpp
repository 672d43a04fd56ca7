// SPDX-License-Identifier: Apache-2.0
// Goal:   what a mosquitto.conf asks for beyond our own habits is done: whose a session is, how
//         much of what it missed a client is given, and at which QoS, what it may call itself.
// Method: dialogues with one shard, its settings as config reads them from such a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::Connect;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;
using ::testing::SizeIs;

Settings mosquitto() {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    settings.keys_by_client_id = true;
    return settings;
}

constexpr std::uint32_t kHour = 3'600;

/// Publishes `count` messages at QoS 1 or 0, payloads "0", "1" and so on.
void publish(Bus& bus, std::string_view topic, int count, Qos qos) {
    Peer publisher{bus, Version::v5};
    publisher.connects("publisher");
    for (int i = 0; i < count; ++i) {
        const int id = qos == Qos::at_most_once ? 0 : i + 1;
        publisher.publishes(topic, std::to_string(i), qos, static_cast<std::uint16_t>(id));
    }
}

/// What a client that comes back is given, while it acknowledges all of it.
std::vector<std::string> resumes(Bus& bus, std::string_view id) {
    Peer reader{bus, Version::v5};
    reader.connects(id, false, kHour);
    std::vector<std::string> payloads;
    while (true) {
        const auto got = reader.take_publishes();
        if (got.empty()) return payloads;
        for (const auto& each : got) {
            payloads.push_back(each.payload);
            if (each.qos == Qos::at_least_once) reader.acks(PacketType::puback, each.packet_id);
        }
    }
}

void subscribes_and_leaves(Bus& bus, std::string_view id) {
    Peer reader{bus, Version::v5};
    reader.connects(id, true, kHour).subscribes("a", Qos::at_least_once);
    reader.vanishes();
}

TEST(MosquittoHabits, ASessionBelongsToWhoeverComesWithItsClientId) {
    Settings settings = mosquitto();
    for (const bool by_client_id : {true, false}) {
        settings.keys_by_client_id = by_client_id;
        Bus bus{settings, "pattern readwrite #\n"};
        subscribes_and_leaves(bus, "id");
        publish(bus, "a", 1, Qos::at_least_once);
        Peer other{bus, Version::v5};
        other.sends(Connect{.version = Version::v5,
                            .clean_start = false,
                            .client_id = "id",
                            .user_name = "w",
                            .password = as_bytes("right"),
                            .session_expiry_s = kHour});
        EXPECT_THAT(other.take_payloads(), SizeIs(by_client_id ? 1 : 0));
        EXPECT_EQ(other.connack_present, by_client_id);
    }
}

// The old connection is closed, and the rights of the new one's user hold.
TEST(MosquittoHabits, TakingOverASessionBringsTheNewUsersRights) {
    Bus bus{mosquitto(), "topic readwrite #\nuser w\ntopic read b\n"};
    Peer first{bus, Version::v5};
    first.connects("id", true, kHour).subscribes("a").subscribes("b");
    Peer second{bus, Version::v5};
    second.sends(Connect{.version = Version::v5,
                         .clean_start = false,
                         .client_id = "id",
                         .user_name = "w",
                         .password = as_bytes("right"),
                         .session_expiry_s = kHour});
    EXPECT_TRUE(first.wire().is_shut_down);
    Peer publisher{bus, Version::v5};
    publisher.connects("p").publishes("a", "not for w").publishes("b", "for w");
    EXPECT_THAT(second.take_payloads(), ElementsAre("for w"));
}

TEST(MosquittoHabits, AClientIsGivenTheOldestOfWhatItMissed) {
    Settings settings = mosquitto();
    settings.queued_max = 30;  // More than a window.
    Bus bus{settings};
    subscribes_and_leaves(bus, "id");
    publish(bus, "a", 50, Qos::at_least_once);
    const auto given = resumes(bus, "id");
    ASSERT_THAT(given, SizeIs(30));
    EXPECT_EQ(given.front(), "0");
    EXPECT_EQ(given.back(), "29");
    EXPECT_EQ(bus.shard.metrics().publishes_dropped.value(), 20U);
}

TEST(MosquittoHabits, WhatComesLiveIsNoneOfWhatItMissed) {
    Settings settings = mosquitto();
    settings.queued_max = 1;
    Bus bus{settings};
    subscribes_and_leaves(bus, "id");
    publish(bus, "a", 3, Qos::at_least_once);
    Peer reader{bus, Version::v5};
    reader.connects("id", false, kHour);
    publish(bus, "a", 3, Qos::at_least_once);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("0", "0", "1", "2"));
}

TEST(MosquittoHabits, BytesOfWhatItMissedAreBounded) {
    Settings settings = mosquitto();
    settings.queued_bytes_max = 4;
    Bus bus{settings};
    subscribes_and_leaves(bus, "id");
    publish(bus, "a", 9, Qos::at_least_once);
    EXPECT_THAT(resumes(bus, "id"), ElementsAre("0", "1", "2", "3"));
}

TEST(MosquittoHabits, QosZeroIsQueuedOnlyWhereItIsAskedFor) {
    for (const bool queues : {true, false}) {
        Settings settings = mosquitto();
        settings.queues_qos_0 = queues;
        Bus bus{settings};
        subscribes_and_leaves(bus, "id");
        publish(bus, "a", 3, Qos::at_most_once);
        EXPECT_THAT(resumes(bus, "id"), SizeIs(queues ? 3 : 0));
    }
}

TEST(MosquittoHabits, UpgradesTheQosOnlyWhereItIsAskedFor) {
    for (const bool upgrades : {true, false}) {
        Settings settings = mosquitto();
        settings.upgrades_qos = upgrades;
        Bus bus{settings};
        Peer reader{bus, Version::v5};
        reader.connects("r").subscribes("a", Qos::at_least_once);
        publish(bus, "a", 1, Qos::at_most_once);
        const auto got = reader.take_publishes();
        ASSERT_THAT(got, SizeIs(1));
        EXPECT_EQ(got[0].qos, upgrades ? Qos::at_least_once : Qos::at_most_once);
        EXPECT_EQ(got[0].packet_id, upgrades ? 1 : 0);
    }
}

TEST(MosquittoHabits, ClientIdsMayBeAskedForAPrefix) {
    Settings settings = mosquitto();
    settings.client_id_prefix = "secure-";
    settings.allows_empty_client_id = false;
    Bus bus{settings};
    struct Row {
        std::string_view id;
        ReasonCode reason;
    };
    for (const Row& row :
         {Row{"secure-1", ReasonCode::success}, Row{"secure-", ReasonCode::success},
          Row{"secure", ReasonCode::not_authorized},
          Row{"", ReasonCode::client_identifier_not_valid}}) {
        Peer client{bus, Version::v5};
        client.connects(row.id);
        EXPECT_THAT(client.take(), ElementsAre(PacketType::connack));
        EXPECT_EQ(client.connack_reason, row.reason) << row.id;
    }
}

// [MQTT-3.1.3-6]: unique, and [MQTT-3.1.3-7] told to the client.
TEST(MosquittoHabits, IdsThatTheBusMakesHaveTheOperatorsPrefix) {
    Settings settings = mosquitto();
    settings.auto_id_prefix = "made-";
    Bus bus{settings};
    Peer client{bus, Version::v5};
    client.sends(Connect{.version = Version::v5});
    EXPECT_NE(client.wire().sent.find("made-"), std::string::npos);
}

TEST(MosquittoHabits, PayloadsAreBounded) {
    Settings settings = mosquitto();
    settings.payload_bytes_max = 3;
    Bus bus{settings};
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("a");
    Peer publisher{bus, Version::v5};
    publisher.connects("p").publishes("a", "123", Qos::at_least_once, 1);
    publisher.publishes("a", "1234", Qos::at_least_once, 2).publishes("a", "4321");
    EXPECT_THAT(publisher.take_reasons(),
                ElementsAre(ReasonCode::success, ReasonCode::implementation_specific_error));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("123"));
}

/// The bus's own entrance, and one below a mount point.
struct Mounted : ::testing::Test {
    Bus bus{mosquitto()};
    Entrance& below = bus.shard.add_entrance({.name = "below",
                                              .acl = &bus.acl,
                                              .authenticator = &bus.authenticator,
                                              .mount_point = "m/"});
};

TEST_F(Mounted, ClientsSeeTheirOwnNamesOnly) {
    Peer inside{bus, Version::v5, below};
    Peer outside{bus, Version::v5};
    inside.connects("i").subscribes("#").subscribes("$SYS/#");
    outside.connects("o").subscribes("#");
    inside.publishes("a", "1").publishes("$x", "not sent");
    outside.publishes("m/b", "2").publishes("m", "not below").publishes("c", "elsewhere");
    const auto seen = inside.take_publishes();
    ASSERT_THAT(seen, SizeIs(2));
    EXPECT_EQ(seen[0].topic, "a");
    EXPECT_EQ(seen[1].topic, "b");
    EXPECT_EQ(outside.take_publishes()[0].topic, "m/a");
}

TEST_F(Mounted, RetainedQueuedAndWillsAreBelowItToo) {
    Peer outside{bus, Version::v5};
    outside.connects("o").publishes("m/kept", "kept", Qos::at_most_once, 0, true);
    Peer inside{bus, Version::v5, below};
    inside.connects("i", true, kHour).subscribes("+", Qos::at_least_once);
    const auto kept = inside.take_publishes();
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_EQ(kept[0].topic, "kept");
    inside.vanishes();
    outside.publishes("m/queued", "queued", Qos::at_least_once, 1);
    Peer again{bus, Version::v5, below};
    again.connects("i", false, kHour);
    const auto queued = again.take_publishes();
    ASSERT_THAT(queued, SizeIs(1));
    EXPECT_EQ(queued[0].topic, "queued");
    again.sends(mqtt::Unsubscribe{.packet_id = 9, .filters = {"+"}});
    outside.publishes("m/queued", "nobody", Qos::at_least_once, 2);
    EXPECT_THAT(again.take_publishes(), IsEmpty());

    outside.subscribes("m/will");
    Peer dying{bus, Version::v5, below};
    dying.sends(Connect{.version = Version::v5,
                        .client_id = "d",
                        .will = mqtt::Will{.topic = "will", .payload = as_bytes("gone")}});
    dying.vanishes();
    EXPECT_THAT(outside.take_payloads(), ElementsAre("gone"));
}

TEST_F(Mounted, AnInvalidFilterStaysInvalid) {
    Peer inside{bus, Version::v5, below};
    inside.connects("i").subscribes("a/#/b").subscribes(std::string(65'535, 'a'));
    Peer outside{bus, Version::v5};
    outside.connects("o").publishes("m/a/x/b", "1");
    EXPECT_THAT(inside.take_publishes(), IsEmpty());
}

// [MQTT-3.2.2-9] [MQTT-3.2.2-11]
TEST(MosquittoHabits, AListenerMayServeALowerQos) {
    Bus bus{mosquitto()};
    Entrance& low = bus.shard.add_entrance({.name = "low",
                                            .acl = &bus.acl,
                                            .authenticator = &bus.authenticator,
                                            .qos_max = Qos::at_most_once});
    Peer reader{bus, Version::v5, low};
    reader.connects("r").subscribes("a", Qos::exactly_once);
    Peer outside{bus, Version::v5};
    outside.connects("o").publishes("a", "1", Qos::at_least_once, 1);
    const auto got = reader.take_publishes();
    ASSERT_THAT(got, SizeIs(1));
    EXPECT_EQ(got[0].qos, Qos::at_most_once);
    reader.publishes("a", "2", Qos::at_least_once, 1);
    EXPECT_TRUE(reader.wire().is_shut_down);
}

TEST(MosquittoHabits, AClientIdMayBeTheUserName) {
    Bus bus{mosquitto(), "pattern readwrite #\n"};
    Entrance& named = bus.shard.add_entrance({.name = "named",
                                              .acl = &bus.acl,
                                              .authenticator = &bus.authenticator,
                                              .takes_client_id_from_user_name = true});
    const auto connect = [](std::string_view id) {
        return Connect{.version = Version::v5,
                       .client_id = id,
                       .user_name = "w",
                       .password = as_bytes("right")};
    };
    Peer first{bus, Version::v5, named};
    Peer second{bus, Version::v5, named};
    first.sends(connect("one"));
    second.sends(connect("two"));
    EXPECT_TRUE(first.wire().is_shut_down);  // Taken over: both are "w".
    Peer nameless{bus, Version::v5, named};
    nameless.connects("id");
    std::ignore = nameless.take();
    EXPECT_EQ(nameless.connack_reason, ReasonCode::not_authorized);
}

TEST(MosquittoHabits, WithoutAnAclFileEverybodyMayPublish) {
    const Acl open = Acl::open();
    EXPECT_TRUE(open.may_read({}, "a"));
    EXPECT_TRUE(open.may_write({}, "a"));
    EXPECT_FALSE(Acl::none().may_write({}, "a"));
}

TEST(MosquittoHabits, WithoutAnIntervalThereIsNoSys) {
    Settings settings = mosquitto();
    settings.sys_interval = std::chrono::microseconds{0};
    Bus bus{settings};
    Peer reader{bus, Version::v5};
    bus.advance(std::chrono::seconds{20});
    reader.connects("r").subscribes("$SYS/#");
    bus.advance(std::chrono::seconds{20});
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
}

}  // namespace
}  // namespace firehose::bus
