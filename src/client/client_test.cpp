// SPDX-License-Identifier: Apache-2.0
// Goal:   a client's dialogue with a server, in 3.1.1 and 5.0: connecting, both directions at each
//         QoS, requests, and servers that break the rules.
// Method: scripts against a ScriptedServer; no sockets, no waiting.
#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/scripted_server.h"
#include "mqtt/properties.h"

namespace firehose::client {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr Version kVersions[] = {Version::v311, Version::v5};

ClientOptions named(Version version = Version::v5) {
    return {.version = version, .client_id = "me"};
}

Outgoing message(Qos qos, std::string_view topic = "a") {
    return {.topic = topic, .payload = as_bytes("x"), .qos = qos};
}

TEST(Client, SaysConnectWithItsWillAndUser) {
    ClientOptions options = named();
    options.will = WillMessage{.topic = "gone", .payload = "bye"};
    options.user_name = "u";
    options.password = "p";
    options.keep_alive = 30s;
    ScriptedServer server{options};
    server.open();
    EXPECT_THAT(server.hears(), ElementsAre("CONNECT 5.0 me clean k30 will gone user u"));
    EXPECT_FALSE(server.client().is_connected());
    server.says(mqtt::Connack{});
    EXPECT_THAT(server.events(), ElementsAre("connected"));
    EXPECT_TRUE(server.client().is_connected());
}

TEST(Client, ReportsARefusal) {
    for (const Version version : kVersions) {
        ScriptedServer server{named(version)};
        server.open();
        server.says(mqtt::Connack{.reason = ReasonCode::not_authorized});
        EXPECT_THAT(server.events(), ElementsAre("refused not_authorized "));
        EXPECT_FALSE(server.client().can_publish(Qos::at_most_once));
    }
}

TEST(Client, PublishesAtEachQos) {
    for (const Version version : kVersions) {
        SCOPED_TRACE(version);
        ScriptedServer server{named(version)};
        server.accept();
        EXPECT_TRUE(server.client().publish(message(Qos::at_most_once)).has_value());
        EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 0 a q0 (x)"));
        EXPECT_THAT(server.events(), ElementsAre("published 1 success"));

        EXPECT_TRUE(server.client().publish(message(Qos::at_least_once)).has_value());
        EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a q1 (x)"));
        EXPECT_THAT(server.events(), IsEmpty());
        server.says_ack(PacketType::puback, 1);
        EXPECT_THAT(server.events(), ElementsAre("published 2 success"));

        EXPECT_TRUE(server.client().publish(message(Qos::exactly_once)).has_value());
        EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 2 a q2 (x)"));
        server.says_ack(PacketType::pubrec, 2);
        EXPECT_THAT(server.hears(), ElementsAre("PUBREL 2"));
        server.says_ack(PacketType::pubrec, 2);
        EXPECT_THAT(server.hears(), ElementsAre("PUBREL 2"));
        EXPECT_THAT(server.events(), IsEmpty());
        server.says_ack(PacketType::pubcomp, 2);
        EXPECT_THAT(server.events(), ElementsAre("published 3 success"));
        EXPECT_EQ(server.client().in_flight(), 0U);
    }
}

TEST(Client, ReportsARefusedPublish) {
    ScriptedServer server{named()};
    server.accept();
    ASSERT_TRUE(server.client().publish(message(Qos::at_least_once)).has_value());
    ASSERT_TRUE(server.client().publish(message(Qos::exactly_once)).has_value());
    server.says_ack(PacketType::puback, 1, ReasonCode::not_authorized);
    server.says_ack(PacketType::pubrec, 2, ReasonCode::quota_exceeded);
    EXPECT_THAT(server.events(),
                ElementsAre("published 1 not_authorized", "published 2 quota_exceeded"));
    EXPECT_EQ(server.client().in_flight(), 0U);
}

TEST(Client, RejectsWhatNoServerWouldTake) {
    ScriptedServer server{named()};
    const auto why = [&](const Outgoing& outgoing) {
        const auto token = server.client().publish(outgoing);
        return token ? "taken" : name(token.error());
    };
    EXPECT_EQ(why(message(Qos::at_most_once)), "not connected");
    server.accept(
        {.maximum_qos = Qos::at_least_once, .retain_available = false, .maximum_packet_size = 20});
    EXPECT_EQ(why(message(Qos::at_least_once, "a/+")), "not a valid topic");
    EXPECT_EQ(why(message(Qos::at_least_once, "")), "not a valid topic");
    EXPECT_EQ(why(message(Qos::at_least_once, "\xff")), "not a valid topic");
    EXPECT_EQ(why(message(Qos::exactly_once)), "the server does not support this QoS");
    EXPECT_EQ(why({.topic = "a", .payload = {}, .qos = Qos::at_most_once, .retain = true}),
              "the server does not support retained messages");
    // 2 + 2 + 1 + 1 (properties) + 14 = 20 bytes are the limit. [MQTT-3.2.2-15]
    EXPECT_EQ(why({.topic = "a", .payload = as_bytes("12345678901234")}), "taken");
    EXPECT_EQ(why({.topic = "a", .payload = as_bytes("123456789012345")}),
              "larger than the server takes");
}

TEST(Client, TakesMessagesAtEachQosAndEachCut) {
    for (const Version version : kVersions) {
        for (std::size_t cut = 0; cut < 12; ++cut) {
            SCOPED_TRACE(cut);
            ScriptedServer server{named(version), cut};
            server.accept();
            const ByteSpan payload = as_bytes("x");
            server.says(mqtt::Publish{.retain = true, .topic = "a", .payload = payload});
            EXPECT_THAT(server.events(), ElementsAre("message a (x) qos=0 retain"));
            EXPECT_THAT(server.hears(), IsEmpty());
            server.says(mqtt::Publish{.dup = true,
                                      .qos = Qos::at_least_once,
                                      .topic = "a",
                                      .packet_id = 7,
                                      .payload = payload});
            EXPECT_THAT(server.events(), ElementsAre("message a (x) qos=1 dup"));
            EXPECT_THAT(server.hears(), ElementsAre("PUBACK 7"));
        }
    }
}

TEST(Client, TakesAQos2MessageOnceHoweverOftenItIsSent) {
    ScriptedServer server{named()};
    server.accept();
    mqtt::Publish publish{.qos = Qos::exactly_once, .topic = "a", .packet_id = 7};
    server.says(publish);
    EXPECT_THAT(server.events(), ElementsAre("message a () qos=2"));
    publish.dup = true;
    server.says(publish);
    EXPECT_THAT(server.events(), IsEmpty());
    EXPECT_THAT(server.hears(), ElementsAre("PUBREC 7", "PUBREC 7"));
    server.says_ack(PacketType::pubrel, 7);
    server.says_ack(PacketType::pubrel, 7);
    EXPECT_THAT(server.hears(), ElementsAre("PUBCOMP 7", "PUBCOMP 7 packet_identifier_not_found"));
    // The identifier is free: the same one is another message. [MQTT-4.3.3-12]
    publish.dup = false;
    server.says(publish);
    EXPECT_THAT(server.events(), ElementsAre("message a () qos=2"));
}

TEST(Client, GivesUserPropertiesOn) {
    ScriptedServer server{named()};
    server.accept();
    ByteBuffer properties;
    mqtt::WireWriter writer{properties};
    write_property(writer, mqtt::UserProperty{.name = "firehose-seq", .value = "17"});
    server.says(mqtt::Publish{.topic = "a", .properties = properties});
    const auto events = server.client().take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_THAT(std::get<Message>(events[0]).user_properties,
                ElementsAre(std::pair<std::string, std::string>{"firehose-seq", "17"}));
}

TEST(Client, SubscribesAndUnsubscribes) {
    for (const Version version : kVersions) {
        ScriptedServer server{named(version)};
        server.accept();
        const mqtt::Subscribe::Entry entries[] = {{.filter = "a/#"}, {.filter = "b"}};
        ASSERT_TRUE(server.client().subscribe(entries).has_value());
        EXPECT_THAT(server.hears(), ElementsAre("SUBSCRIBE 1 a/# b"));
        server.says(mqtt::Suback{
            .packet_id = 1, .reasons = {ReasonCode::granted_qos_1, ReasonCode::unspecified_error}});
        EXPECT_THAT(server.events(), ElementsAre("subscribed 1 granted_qos_1 unspecified_error"));
        const std::string_view filters[] = {"b"};
        ASSERT_TRUE(server.client().unsubscribe(filters).has_value());
        EXPECT_THAT(server.hears(), ElementsAre("UNSUBSCRIBE"));
        server.says(mqtt::Unsuback{.packet_id = 2, .reasons = {ReasonCode::success}});
        EXPECT_THAT(server.events(), ElementsAre(version == Version::v5 ? "unsubscribed 2 success"
                                                                        : "unsubscribed 2"));
    }
}

TEST(Client, SaysGoodbyeAndNothingAfterIt) {
    ScriptedServer server{named()};
    server.accept();
    server.client().disconnect();
    EXPECT_THAT(server.hears(), ElementsAre("DISCONNECT success"));
    EXPECT_THAT(server.events(), ElementsAre("hang up success disconnected by this client"));
    server.says(mqtt::Publish{.topic = "late"});
    EXPECT_THAT(server.events(), IsEmpty());
    EXPECT_FALSE(server.client().publish(message(Qos::at_most_once)).has_value());
    EXPECT_EQ(server.client().next_tick(), std::nullopt);
}

TEST(Client, ReportsWhyAServerSaysGoodbye) {
    ScriptedServer server{named()};
    server.accept();
    server.says(mqtt::Disconnect{.reason = ReasonCode::session_taken_over});
    EXPECT_THAT(server.events(),
                ElementsAre("hang up session_taken_over the server closed the connection"));
}

TEST(Client, BreaksOffWithAServerThatBreaksTheRules) {
    struct Row {
        const char* from;
        std::vector<unsigned> bytes;
        const char* said;
    };
    const Row rows[] = {
        {"a second CONNACK", {0x20, 3, 0, 0, 0}, "protocol_error"},
        {"SUBACK for nothing (bad-inputs 34)", {0x90, 4, 0, 9, 0, 0}, "protocol_error"},
        {"UNSUBACK for nothing", {0xb0, 4, 0, 9, 0, 0}, "protocol_error"},
        {"a client's packet", {0xc0, 0}, "protocol_error"},
        {"AUTH without a method", {0xf0, 0}, "protocol_error"},
        {"a Topic Alias that was not offered",
         {0x30, 7, 0, 1, 'a', 3, 35, 0, 1},
         "topic_alias_invalid"},
        {"garbage", {0xff, 0xff, 0xff, 0xff, 0xff}, "malformed_packet"},
        {"a packet beyond the limit", {0x30, 0xff, 0xff, 0xff, 0x7f}, "packet_too_large"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.from);
        ScriptedServer server{named()};
        server.accept();
        ByteBuffer bytes;
        for (const unsigned byte : row.bytes) bytes.push_back(static_cast<std::byte>(byte));
        server.says_bytes(bytes);
        EXPECT_THAT(server.hears(), ElementsAre(std::string{"DISCONNECT "} + row.said));
        EXPECT_THAT(server.events(), ElementsAre(HasSubstr(std::string{"hang up "} + row.said)));
    }
}

TEST(Client, BreaksOffWhenTheFirstPacketIsNoConnack) {
    ScriptedServer server{named()};
    server.open();
    EXPECT_EQ(server.hears().size(), 1U);
    server.says(mqtt::Publish{.topic = "a"});
    EXPECT_THAT(server.events(), ElementsAre(HasSubstr("MQTT-3.2.0-1")));
    EXPECT_THAT(server.hears(), IsEmpty());
}

TEST(Client, HoldsTheServerToItsReceiveMaximum) {
    ClientOptions options = named();
    options.receive_maximum = 2;
    ScriptedServer server{options};
    server.accept();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        server.says(mqtt::Publish{.qos = Qos::exactly_once, .topic = "a", .packet_id = id});
    }
    EXPECT_THAT(server.hears(),
                ElementsAre("PUBREC 1", "PUBREC 2", "DISCONNECT receive_maximum_exceeded"));
}

TEST(Client, GivesUpAServerThatDoesNotAnswerConnect) {
    ScriptedServer server{named()};
    server.open();
    EXPECT_EQ(server.client().next_tick(), server.now() + 10s);
    server.pass(10s - 1us);
    EXPECT_THAT(server.events(), IsEmpty());
    server.pass(1us);
    EXPECT_THAT(server.events(), ElementsAre(HasSubstr("did not answer CONNECT")));
}

}  // namespace
}  // namespace firehose::client
