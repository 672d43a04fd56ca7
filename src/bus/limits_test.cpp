// SPDX-License-Identifier: Apache-2.0
// Goal:   what each side of a connection announced is obeyed by the other, and refusals say why.
// Method: dialogues with clients made of bytes; limits at both sides of their boundary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;
using ::testing::SizeIs;

ByteBuffer expiry_of(std::uint32_t seconds) {
    ByteBuffer properties;
    for (const unsigned byte : {2U, seconds >> 24U, seconds >> 16U, seconds >> 8U, seconds}) {
        properties.push_back(static_cast<std::byte>(byte & 0xFFU));
    }
    return properties;
}

TEST(Limits, AConnectThatMakesNoSenseIsToldWhyInFive) {  // [MQTT-3.1.4-1] [MQTT-3.2.2-7]
    Bus bus;
    // Session Expiry Interval twice: bad input 23.
    Peer client{bus, Version::v5};
    client.sends_bytes(std::string_view{
        "\x10\x17\x00\x04MQTT\x05\x02\x00\x00\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x00",
        25});
    EXPECT_THAT(client.take(), ElementsAre(PacketType::connack));
    EXPECT_EQ(client.connack_reason, ReasonCode::protocol_error);
    EXPECT_THAT(client.connack_text, ::testing::HasSubstr("twice"));
    EXPECT_TRUE(client.wire().is_shut_down);
}

TEST(Limits, AnEmptyIdOfASessionThatIsKeptIsRefusedByItsCode) {  // [MQTT311-3.1.3-8]
    for (const Version version : {Version::v31, Version::v311}) {
        Bus bus;
        Peer client{bus, version};
        client.connects("", false);
        EXPECT_THAT(client.take(), ElementsAre(PacketType::connack));
        EXPECT_EQ(client.connack_reason, ReasonCode::client_identifier_not_valid);
    }
}

TEST(Limits, AnIdOf31HasTwentyThreeCharactersUnlessMoreAreAllowed) {
    for (const std::uint16_t allowed : {std::uint16_t{23}, std::uint16_t{0}}) {
        for (const std::size_t length : {23U, 24U}) {
            Settings settings;
            settings.v31_client_id_max = allowed;
            Bus bus{settings};
            Peer client{bus, Version::v31};
            client.connects(std::string(length, 'x')).take();
            const bool is_taken = length == 23 || allowed == 0;
            EXPECT_EQ(client.connack_reason == ReasonCode::success, is_taken) << length;
        }
    }
}

TEST(Limits, ThreeOneIsToldTheQosThatItAskedForThoughItWasRefused) {
    Bus bus;
    Peer client{bus, Version::v31};
    client.connects("c").subscribes("a/#/b", Qos::at_least_once).take();
    EXPECT_THAT(client.suback_reasons, ElementsAre(ReasonCode::granted_qos_1));
    Peer newer{bus, Version::v311};
    newer.connects("d").subscribes("a/#/b", Qos::at_least_once).take();
    EXPECT_THAT(newer.suback_reasons, ElementsAre(ReasonCode::unspecified_error));
}

TEST(Limits, TheClientsMaximumPacketSizeHoldsForAnswersToo) {  // [MQTT-3.1.2-24]
    for (const std::size_t filters : {13U, 14U}) {
        Bus bus;
        Peer client{bus, Version::v5};
        // A SUBACK has 5 bytes and one for each filter; CONNACK takes 18.
        client.sends(
            mqtt::Connect{.version = Version::v5, .client_id = "c", .maximum_packet_size = 18});
        mqtt::Subscribe subscribe{.packet_id = 1};
        for (std::size_t i = 0; i < filters; ++i) subscribe.entries.push_back({"a", {}});
        client.sends(subscribe);
        const auto got = client.take();
        ASSERT_THAT(got, SizeIs(2U));
        EXPECT_EQ(got[1], filters == 13 ? PacketType::suback : PacketType::disconnect);
    }
}

TEST(Limits, AReasonStringIsLeftOutWhereItDoesNotFit) {  // [MQTT-3.14.2-3]
    for (const std::uint32_t room : {20U, 200U}) {
        Bus bus;
        Peer client{bus, Version::v5};
        client.sends(
            mqtt::Connect{.version = Version::v5, .client_id = "c", .maximum_packet_size = room});
        client.publishes("a/+", "x").take();
        EXPECT_EQ(client.disconnect_reason, ReasonCode::topic_name_invalid);
        EXPECT_EQ(client.disconnect_text.empty(), room == 20);
    }
}

// [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12]
TEST(Limits, AboveTheMaximumQosIsRefusedAndSaid) {
    Settings settings;
    settings.qos_max = Qos::at_least_once;
    Bus bus{settings};
    Peer client{bus, Version::v5};
    client.connects("c").subscribes("a", Qos::exactly_once).take();
    EXPECT_EQ(client.connack_qos_max, Qos::at_least_once);
    EXPECT_THAT(client.suback_reasons, ElementsAre(ReasonCode::granted_qos_1));
    client.publishes("a", "x", Qos::exactly_once, 1).take();
    EXPECT_EQ(client.disconnect_reason, ReasonCode::qos_not_supported);
    Peer willed{bus, Version::v5};
    willed.sends(mqtt::Connect{.version = Version::v5,
                               .client_id = "w",
                               .will = mqtt::Will{.topic = "w", .qos = Qos::exactly_once}});
    willed.take();
    EXPECT_EQ(willed.connack_reason, ReasonCode::qos_not_supported);
}

TEST(Limits, AClientSendsNoSubscriptionIdentifiers) {  // [MQTT-3.3.4-6]
    Bus bus;
    Peer client{bus, Version::v5};
    client.connects("c").sends(mqtt::Publish{.topic = "a", .subscription_ids = {1}});
    client.take();
    EXPECT_EQ(client.disconnect_reason, ReasonCode::protocol_error);
}

TEST(Limits, WhereNothingIsRetainedItIsRefusedAndSaid) {  // [MQTT-3.2.2-13] [MQTT-3.2.2-14]
    Settings settings;
    settings.takes_retained = false;
    Bus bus{settings};
    Peer client{bus, Version::v5};
    client.connects("c").publishes("a", "x", Qos::at_most_once, 0, true).take();
    EXPECT_EQ(client.disconnect_reason, ReasonCode::retain_not_supported);
    Peer willed{bus, Version::v5};
    willed.sends(mqtt::Connect{.version = Version::v5,
                               .client_id = "w",
                               .will = mqtt::Will{.topic = "w", .retain = true}});
    willed.take();
    EXPECT_EQ(willed.connack_reason, ReasonCode::retain_not_supported);
}

// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-8]
TEST(Limits, TopicsAreSentByAliasAsFarAsTheClientTakesThem) {
    for (const std::uint16_t takes : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{200}}) {
        Settings settings;
        settings.own_topic_alias_max = 2;
        Bus bus{settings};
        Peer reader{bus, Version::v5};
        reader.sends(
            mqtt::Connect{.version = Version::v5, .client_id = "r", .topic_alias_maximum = takes});
        reader.subscribes("#", Qos::at_least_once).take();
        Peer publisher{bus, Version::v311};
        publisher.connects("p");
        for (const std::string_view topic : {"a", "b", "c", "a", "b", "c"}) {
            publisher.publishes(topic, "x", Qos::at_most_once);
        }
        std::vector<std::string> topics;
        std::vector<int> aliases;
        for (const auto& got : reader.take_publishes()) {
            topics.push_back(got.topic);
            aliases.push_back(got.topic_alias.value_or(0));
        }
        if (takes == 0) {
            EXPECT_THAT(aliases, ElementsAre(0, 0, 0, 0, 0, 0));
        }
        if (takes == 1) {
            EXPECT_THAT(aliases, ElementsAre(1, 0, 0, 1, 0, 0));
            EXPECT_THAT(topics, ElementsAre("a", "b", "c", "", "b", "c"));
        }
        if (takes == 200) {  // Ours is less.
            EXPECT_THAT(aliases, ElementsAre(1, 2, 0, 1, 2, 0));
            EXPECT_THAT(topics, ElementsAre("a", "b", "c", "", "", "c"));
        }
    }
}

TEST(Limits, AReaderFarBehindOnExpiringMessagesIsToldWhatIsLeft) {  // [MQTT-3.3.2-6]
    Bus bus;
    Peer slow{bus, Version::v5};
    slow.connects("s").subscribes("a").take();
    slow.gives_room(0);
    Peer publisher{bus, Version::v5};
    publisher.connects("p");
    for (const std::uint32_t seconds : {100U, 3U, 100U}) {
        const ByteBuffer properties = expiry_of(seconds);
        publisher.sends(mqtt::Publish{.topic = "a", .properties = properties});
    }
    for (int i = 0; i < 5; ++i) bus.advance(std::chrono::seconds{1});
    slow.gives_room(SIZE_MAX);
    std::vector<std::uint32_t> left;
    for (const auto& got : slow.take_publishes()) left.push_back(*got.message_expiry_s);
    EXPECT_THAT(left, ElementsAre(95U, 95U));  // One has expired. [MQTT-3.3.2-5]
}

TEST(Limits, WhatItsPublisherMayNoLongerPublishIsWithheldWhenRetained) {  // Rule **Access**.
    constexpr std::string_view kWriter = "topic read #\nuser w\ntopic readwrite #\n";
    for (const bool is_checked : {true, false}) {
        Settings settings;
        settings.check_retain_source = is_checked;
        Bus bus{settings, kWriter};
        Peer writer{bus, Version::v311};
        writer.sends(
            mqtt::Connect{.client_id = "x", .user_name = "w", .password = as_bytes("right")});
        writer.publishes("a", "kept", Qos::at_most_once, 0, true);
        Peer before{bus, Version::v311};
        EXPECT_THAT(before.connects("b").subscribes("a").take_payloads(), ElementsAre("kept"));
        bus.acl = *Acl::parse("topic read #\n");
        Peer after{bus, Version::v311};
        EXPECT_THAT(after.connects("c").subscribes("a").take_payloads(),
                    SizeIs(is_checked ? 0U : 1U));
    }
}

TEST(Limits, FiltersOfReservedNamesAreRefusedOrGrantedInVain) {  // Rule **Names beginning with $**.
    for (const bool grants : {false, true}) {
        Settings settings;
        settings.grants_reserved_filters = grants;
        Bus bus{settings};
        Peer client{bus, Version::v5};
        client.connects("c").subscribes("$CONTROL/#").take();
        EXPECT_THAT(client.suback_reasons,
                    ElementsAre(grants ? ReasonCode::success : ReasonCode::topic_filter_invalid));
        client.publishes("$CONTROL/x", "y", Qos::at_least_once, 1);
        EXPECT_THAT(client.take_reasons(), ElementsAre(ReasonCode::topic_name_invalid));
    }
}

}  // namespace
}  // namespace firehose::bus
