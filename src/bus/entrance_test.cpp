// SPDX-License-Identifier: Apache-2.0
// Goal:   who comes in by an entrance has its rights, its passwords and its durability.
// Method: dialogues with one shard that has two entrances.
#include "bus/entrance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::Connect;
using mqtt::PacketType;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;

/// The bus's own entrance, where anonymous clients read and publish everything, and one more.
struct TwoEntrances : ::testing::Test {
    Bus bus{};
    Acl acl = *Acl::parse("topic read open/#\nuser w\ntopic readwrite #\n");
    Entrance& inner =
        bus.shard.add_entrance({.name = "inner", .acl = &acl, .authenticator = &bus.authenticator});
};

TEST_F(TwoEntrances, GiveTheirOwnRights) {
    Peer outside{bus, Version::v311};
    Peer reader{bus, Version::v311, inner};
    outside.connects("o").subscribes("#");
    reader.connects("r").subscribes("#");
    outside.publishes("open/a", "1").publishes("closed/a", "2");
    reader.publishes("open/a", "not allowed");
    EXPECT_THAT(outside.take_payloads(), ElementsAre("1", "2"));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1"));
}

// [MQTT-3.1.4-2]: refused with a reason before anything else is done.
TEST_F(TwoEntrances, MayRefuseAnonymousClients) {
    inner.allows_anonymous = false;
    Peer stranger{bus, Version::v5, inner};
    stranger.connects("s");
    EXPECT_THAT(stranger.take(), ElementsAre(PacketType::connack));
    EXPECT_EQ(stranger.connack_reason, ReasonCode::not_authorized);
    EXPECT_TRUE(stranger.wire().is_shut_down);

    Peer known{bus, Version::v5, inner};
    known.sends(Connect{
        .version = Version::v5, .client_id = "k", .user_name = "w", .password = as_bytes("right")});
    std::ignore = known.take();
    EXPECT_EQ(known.connack_reason, ReasonCode::success);
}

TEST_F(TwoEntrances, MayTakeUsersFromCertificates) {
    inner.takes_users_from_certificates = true;
    Peer named{bus, Version::v5, inner, false, "w"};
    named.sends(Connect{.version = Version::v5,
                        .client_id = "n",
                        .user_name = "somebody else",
                        .password = as_bytes("wrong")});
    std::ignore = named.take();
    EXPECT_EQ(named.connack_reason, ReasonCode::success);
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("#");
    named.publishes("closed/a", "by w");
    EXPECT_THAT(reader.take_payloads(), ElementsAre("by w"));

    Peer stranger{bus, Version::v5, inner};
    stranger.sends(Connect{
        .version = Version::v5, .client_id = "s", .user_name = "w", .password = as_bytes("right")});
    std::ignore = stranger.take();
    EXPECT_EQ(stranger.connack_reason, ReasonCode::bad_user_name_or_password);
}

// [MQTT-3.1.2-2], and 3.1.1's return code 1: each version is told in its own words.
TEST_F(TwoEntrances, MaySpeakSomeVersionsOnly) {
    struct Row {
        Version version;
        std::string refusal;
    };
    for (const Row& row :
         {Row{Version::v31, std::string("\x20\x02\x00\x01", 4)},
          Row{Version::v311, std::string("\x20\x02\x00\x01", 4)}, Row{Version::v5, ""}}) {
        SCOPED_TRACE(row.version);
        inner.versions = {row.version};
        Peer welcome{bus, row.version, inner};
        welcome.connects("w").take();
        EXPECT_EQ(welcome.connack_reason, ReasonCode::success);
        inner.versions = {row.version == Version::v5 ? Version::v311 : Version::v5};
        Peer stranger{bus, row.version, inner};
        stranger.connects("s");
        if (!row.refusal.empty()) {
            EXPECT_EQ(stranger.wire().sent, row.refusal);
        }
        EXPECT_THAT(stranger.take(), ElementsAre(PacketType::connack));
        EXPECT_EQ(stranger.connack_reason, ReasonCode::unsupported_protocol_version);
        EXPECT_TRUE(stranger.wire().is_shut_down);
    }
}

TEST_F(TwoEntrances, MayTakeAndGiveFewerTopicAliases) {
    inner.topic_alias_max = 1;
    inner.own_topic_alias_max = 0;
    acl = *Acl::parse("topic readwrite #\n");
    const auto connects = [&](Peer& peer, std::string_view id) {
        peer.sends(Connect{.version = Version::v5, .client_id = id, .topic_alias_maximum = 10});
        peer.subscribes("a", mqtt::Qos::at_least_once).take();
    };
    Peer inside{bus, Version::v5, inner};
    Peer outside{bus, Version::v5};
    connects(inside, "i");
    connects(outside, "o");
    outside.publishes("a", "1", mqtt::Qos::at_least_once, 1);
    EXPECT_EQ(inside.take_publishes().at(0).topic_alias, std::nullopt);
    EXPECT_EQ(outside.take_publishes().at(0).topic_alias, 1U);
    inside.sends(mqtt::Publish{.topic = "b", .topic_alias = 1}).take();
    EXPECT_EQ(inside.disconnect_reason, std::nullopt);
    inside.sends(mqtt::Publish{.topic = "b", .topic_alias = 2}).take();
    EXPECT_EQ(inside.disconnect_reason, ReasonCode::topic_alias_invalid);
}

TEST_F(TwoEntrances, MayRefuseEmptyClientIdsOrNameThemTheirWay) {
    inner.auto_id_prefix = "door-";
    Peer named{bus, Version::v5, inner};
    named.connects("");
    ASSERT_EQ(bus.shard.sessions("", 10).size(), 1U);
    EXPECT_TRUE(bus.shard.sessions("", 10)[0].client_id.starts_with("door-"));
    inner.allows_empty_client_id = false;
    Peer refused{bus, Version::v5, inner};
    refused.connects("").take();
    EXPECT_EQ(refused.connack_reason, ReasonCode::client_identifier_not_valid);
}

TEST_F(TwoEntrances, JudgeTheWillsOfTheirClients) {
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("will/#");
    const auto with_will = [](std::string_view id) {
        return Connect{.version = Version::v5,
                       .client_id = id,
                       .will = mqtt::Will{.topic = "will/x", .payload = as_bytes(id)}};
    };
    Peer barred{bus, Version::v5, inner};
    Peer allowed{bus, Version::v5};
    barred.sends(with_will("barred"));
    allowed.sends(with_will("allowed"));
    barred.vanishes();
    allowed.vanishes();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("allowed"));
}

TEST_F(TwoEntrances, TakeEventStreamsByTheirRights) {
    auto wire = std::make_shared<testing::Wire>();
    bus.shard.accept_event_stream(
        {.stream = std::make_unique<testing::WireStream>(wire), .entrance = inner}, "#",
        Encoding::ndjson);
    Peer outside{bus, Version::v311};
    outside.connects("o").publishes("closed/a", "no").publishes("open/a", "yes");
    EXPECT_EQ(wire->sent.find("\"no\""), std::string::npos);
    EXPECT_NE(wire->sent.find("\"yes\""), std::string::npos);
}

TEST_F(TwoEntrances, AreNotTheSameFeed) {
    Peer outside{bus, Version::v311};
    Peer reader{bus, Version::v311, inner};
    outside.connects("o").subscribes("#");
    reader.connects("r").subscribes("#");
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 2u);
    Peer other{bus, Version::v311, bus.memory_entrance};
    other.connects("m").subscribes("#");
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 2u);  // The same rights: the same bytes.
}

}  // namespace
}  // namespace firehose::bus
