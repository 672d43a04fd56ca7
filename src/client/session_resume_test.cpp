// SPDX-License-Identifier: Apache-2.0
// Goal:   what was published ends in one Published over any number of connections, within the
//         server's window, in order [MQTT-4.4.0-1, 4.6.0-1, 3.3.4-7].
// Method: dialogues that are cut off at each step and go on with and without the server's session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/scripted_server.h"

namespace firehose::client {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr mqtt::Connack kResumed{.session_present = true};

ClientOptions durable(Version version = Version::v5) {
    return {.version = version,
            .client_id = "me",
            .clean_start = version == Version::v5,
            .session_expiry_s = 60,
            .in_flight_max = 4};
}

void publish(ScriptedServer& server, std::string_view topic, Qos qos) {
    ASSERT_TRUE(server.client()
                    .publish({.topic = topic, .payload = as_bytes("x"), .qos = qos})
                    .has_value());
}

TEST(SessionResume, SendsAgainWithDupWhatWasNotAcknowledged) {
    for (const Version version : {Version::v311, Version::v5}) {
        ScriptedServer server{durable(version)};
        server.accept();
        publish(server, "a", Qos::at_least_once);
        publish(server, "b", Qos::exactly_once);
        publish(server, "c", Qos::exactly_once);
        server.says_ack(PacketType::pubrec, 3);
        EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a q1 (x)", "PUBLISH 2 b q2 (x)",
                                                "PUBLISH 3 c q2 (x)", "PUBREL 3"));
        server.cut_off();
        server.open();
        EXPECT_THAT(server.hears(),
                    ElementsAre(version == Version::v5 ? "CONNECT 5.0 me resume k60"
                                                       : "CONNECT 3.1.1 me resume k60"));
        server.says(kResumed);
        EXPECT_THAT(server.hears(),
                    ElementsAre("PUBLISH 1 a dup q1 (x)", "PUBLISH 2 b dup q2 (x)", "PUBREL 3"));
        EXPECT_THAT(server.events(), ElementsAre("connected to its session"));
        server.says_ack(PacketType::puback, 1);
        server.says_ack(PacketType::pubrec, 2);
        server.says_ack(PacketType::pubcomp, 3);
        server.says_ack(PacketType::pubcomp, 2);
        EXPECT_THAT(server.events(), ElementsAre("published 1 success", "published 3 success",
                                                 "published 2 success"));
    }
}

TEST(SessionResume, PublishesAnewToAServerThatLostTheSession) {
    ScriptedServer server{durable()};
    server.accept();
    publish(server, "a", Qos::at_least_once);
    publish(server, "b", Qos::exactly_once);
    publish(server, "c", Qos::exactly_once);
    server.says_ack(PacketType::pubrec, 3);
    server.cut_off();
    server.open();
    static_cast<void>(server.hears());
    server.says(mqtt::Connack{});
    // The server has acknowledged that it received c: that is the end of it.
    EXPECT_THAT(server.events(), ElementsAre("connected", "published 3 success"));
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 4 a q1 (x)", "PUBLISH 5 b q2 (x)"));
}

TEST(SessionResume, TakesAQos2MessageOnceAcrossConnections) {
    ScriptedServer server{durable()};
    server.accept();
    mqtt::Publish message{.qos = Qos::exactly_once, .topic = "a", .packet_id = 7};
    server.says(message);
    EXPECT_EQ(server.events().size(), 1U);
    server.cut_off();
    server.accept(kResumed);
    message.dup = true;
    server.says(message);
    EXPECT_THAT(server.events(), IsEmpty());
    EXPECT_THAT(server.hears(), ElementsAre("PUBREC 7"));
    // Without the session, the identifier means another message.
    server.cut_off();
    server.accept();
    server.says(message);
    EXPECT_EQ(server.events().size(), 1U);
}

TEST(SessionResume, TakesMessagesBeforeThereIsAConnection) {
    ScriptedServer server{durable()};
    publish(server, "a", Qos::at_least_once);
    server.open();
    EXPECT_THAT(server.hears(), ElementsAre("CONNECT 5.0 me clean k60"));
    server.says(mqtt::Connack{});
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a q1 (x)"));
}

TEST(SessionResume, KeepsACleanThreeDotOneDotOneClientClean) {
    ScriptedServer server{{.version = Version::v311, .client_id = "me"}};
    server.accept();
    server.cut_off();
    server.open();
    EXPECT_THAT(server.hears(), ElementsAre("CONNECT 3.1.1 me clean k60"));
}

TEST(SessionResume, ComesBackUnderTheIdThatTheServerGave) {
    ScriptedServer server{{.version = Version::v5}};
    server.accept({.assigned_client_id = "given"});
    EXPECT_EQ(server.client().client_id(), "given");
    server.cut_off();
    server.open();
    EXPECT_THAT(server.hears(), ElementsAre("CONNECT 5.0 given resume k60"));
}

TEST(Window, IsTheServersReceiveMaximumAndOurs) {
    ScriptedServer server{durable()};
    server.accept({.receive_maximum = 2});
    for (const char* topic : {"a", "b", "c", "d"}) publish(server, topic, Qos::at_least_once);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a q1 (x)", "PUBLISH 2 b q1 (x)"));
    EXPECT_FALSE(server.client().can_publish(Qos::at_least_once));
    EXPECT_TRUE(server.client().can_publish(Qos::at_most_once));
    server.says_ack(PacketType::puback, 2);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 3 c q1 (x)"));
    EXPECT_TRUE(server.client().can_publish(Qos::at_least_once));
}

TEST(Window, HoldsAcrossReconnect) {
    ScriptedServer server{durable()};
    server.accept();
    for (const char* topic : {"a", "b", "c"}) publish(server, topic, Qos::at_least_once);
    EXPECT_EQ(server.hears().size(), 3U);
    server.cut_off();
    mqtt::Connack narrower = kResumed;
    narrower.receive_maximum = 1;
    server.accept(narrower);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a dup q1 (x)"));
    server.says_ack(PacketType::puback, 1);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 2 b dup q1 (x)"));
}

TEST(Window, AQos2ExchangeCountsUntilItsEnd) {
    ScriptedServer server{durable()};
    server.accept({.receive_maximum = 1});
    publish(server, "a", Qos::exactly_once);
    publish(server, "b", Qos::exactly_once);
    server.says_ack(PacketType::pubrec, 1);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 1 a q2 (x)", "PUBREL 1"));
    server.says_ack(PacketType::pubcomp, 1);
    EXPECT_THAT(server.hears(), ElementsAre("PUBLISH 2 b q2 (x)"));
}

TEST(Window, AnAcknowledgementOfTheWrongKindEndsTheConnection) {
    ScriptedServer server{durable()};
    server.accept();
    publish(server, "a", Qos::exactly_once);
    static_cast<void>(server.hears());
    server.says_ack(PacketType::puback, 1);
    EXPECT_THAT(server.hears(), ElementsAre("DISCONNECT protocol_error"));
    EXPECT_EQ(server.client().in_flight(), 1U);
}

TEST(Window, AcknowledgementsOfNothingAreAnsweredOrIgnored) {
    ScriptedServer server{durable()};
    server.accept();
    server.says_ack(PacketType::puback, 9);
    server.says_ack(PacketType::pubcomp, 9);
    server.says_ack(PacketType::pubrec, 9);
    EXPECT_THAT(server.hears(), ElementsAre("PUBREL 9 packet_identifier_not_found"));
    EXPECT_THAT(server.events(), IsEmpty());
}

TEST(PacketIds, AreReusedOnlyWhenFree) {
    PacketIds ids;
    EXPECT_EQ(ids.take(), 1);
    EXPECT_EQ(ids.take(), 2);
    for (int i = 0; i < 65'533; ++i) ids.give_back(ids.take());
    // All the way round, past 0 and what is in use.
    ids.give_back(1);
    EXPECT_EQ(ids.take(), 1);
    EXPECT_EQ(ids.take(), 3);
}

}  // namespace
}  // namespace firehose::client
