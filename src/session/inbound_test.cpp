// SPDX-License-Identifier: Apache-2.0
// Goal:   publishes are taken exactly once, answered in their order and only when they are safe.
// Method: dialogues: what arrives, what the log says, which answers may leave.
#include "session/inbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::session {
namespace {

using log::Ticket;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
constexpr Qos kQos1 = Qos::at_least_once;
constexpr Qos kQos2 = Qos::exactly_once;

Inbound connected(Version version, std::uint16_t window = 10) {
    Inbound inbound;
    inbound.on_connected(version, window);
    return inbound;
}

/// Everything that may be sent now: "puback 1, pubrec 2 0x97".
std::string answers(Inbound& inbound) {
    std::string text;
    mqtt::Ack ack;
    while (inbound.pop_answer(ack)) {
        if (!text.empty()) text += ", ";
        text += ack.type == mqtt::PacketType::puback ? "puback " : "pubrec ";
        text += std::to_string(ack.packet_id);
        if (ack.reason != ReasonCode::success) {
            text += " refused " + std::to_string(static_cast<int>(ack.reason));
        }
    }
    return text;
}

void publish(Inbound& inbound, Qos qos, std::uint16_t id, std::uint64_t ticket) {
    ASSERT_EQ(inbound.on_publish(qos, id), Verdict::append);
    inbound.awaits(qos, id, Ticket{ticket});
}

TEST(Inbound, AnswersWhenTheTicketIsDurableAndNotBefore) {  // [MQTT-4.3.2-4] [MQTT-4.3.3-8]
    Inbound inbound = connected(Version::v5);
    publish(inbound, kQos1, 1, 5);
    publish(inbound, kQos2, 2, 5);
    publish(inbound, kQos1, 3, 6);
    inbound.on_durable(Ticket{4});
    EXPECT_EQ(answers(inbound), "");
    inbound.on_durable(Ticket{5});
    EXPECT_EQ(answers(inbound), "puback 1, pubrec 2");
    inbound.on_durable(Ticket{6});
    EXPECT_EQ(answers(inbound), "puback 3");
    EXPECT_EQ(inbound.unanswered(), 0u);
}

TEST(Inbound, AnswersInTheOrderOfThePublishesRefusalsToo) {  // [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    Inbound inbound = connected(Version::v5);
    publish(inbound, kQos1, 1, 1);
    ASSERT_EQ(inbound.on_publish(kQos2, 2), Verdict::append);
    inbound.answers_now(kQos2, 2, ReasonCode::not_authorized);
    ASSERT_EQ(inbound.on_publish(kQos1, 3), Verdict::append);
    inbound.answers_now(kQos1, 3, ReasonCode::success);
    EXPECT_EQ(answers(inbound), "");
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "puback 1, pubrec 2 refused 135, puback 3");
}

TEST(Inbound, AtQos0NothingIsAnswered) {
    Inbound inbound = connected(Version::v5, 1);
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(inbound.on_publish(Qos::at_most_once, 0), Verdict::append);
        inbound.awaits(Qos::at_most_once, 0, Ticket{1});
    }
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "");
}

TEST(Inbound, AQos2MessageIsAppendedOnceUntilItsPubrel) {  // [MQTT-4.3.3-10] [MQTT-4.3.3-12]
    Inbound inbound = connected(Version::v311);
    publish(inbound, kQos2, 7, 1);
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 7");
    EXPECT_EQ(inbound.on_publish(kQos2, 7), Verdict::repeat);
    EXPECT_EQ(answers(inbound), "pubrec 7");
    EXPECT_EQ(inbound.on_pubrel(7)->reason, ReasonCode::success);
    EXPECT_EQ(inbound.held(), 0u);
    EXPECT_EQ(inbound.on_publish(kQos2, 7), Verdict::append);
}

TEST(Inbound, RepeatsBeforeThePubrecCostNothing) {  // Bad input 21.
    Inbound inbound = connected(Version::v5, 2);
    publish(inbound, kQos2, 7, 1);
    for (int i = 0; i < 1'000; ++i) ASSERT_EQ(inbound.on_publish(kQos2, 7), Verdict::repeat);
    EXPECT_EQ(inbound.unanswered(), 1u);
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 7");
}

TEST(Inbound, IdsThatAreNeverReleasedAreBounded) {  // Bad input 21.
    for (const Version version : {Version::v311, Version::v5}) {
        Inbound inbound;
        for (std::uint16_t id = 1; id <= 3; ++id) {
            // Connection after connection: each begins with a window of its own.
            inbound.on_connected(version, 10, {.held_max = 3});
            publish(inbound, kQos2, id, id);
            inbound.on_durable(Ticket{id});
        }
        EXPECT_EQ(inbound.on_publish(kQos2, 4), Verdict::exceeded);
        EXPECT_EQ(inbound.on_publish(kQos2, 3), Verdict::repeat);
        EXPECT_EQ(inbound.on_publish(kQos1, 4), Verdict::append);
        inbound.answers_now(kQos1, 4, ReasonCode::success);
        EXPECT_EQ(answers(inbound), "pubrec 3, puback 4");
        EXPECT_TRUE(inbound.on_pubrel(3).has_value());
        EXPECT_EQ(inbound.on_publish(kQos2, 4), Verdict::append);
    }
}

TEST(Inbound, APubrelForNothingIsAnsweredNotFound) {  // 3.7.2.1
    Inbound inbound = connected(Version::v5);
    EXPECT_EQ(inbound.on_pubrel(9)->reason, ReasonCode::packet_identifier_not_found);
    EXPECT_EQ(inbound.on_pubrel(9)->packet_id, 9);
    EXPECT_EQ(inbound.on_pubrel(9)->type, mqtt::PacketType::pubcomp);
}

TEST(Inbound, APubrelBeforeThePubrecCompletesNothing) {
    Inbound inbound = connected(Version::v5);
    publish(inbound, kQos2, 7, 1);
    EXPECT_EQ(inbound.on_pubrel(7)->reason, ReasonCode::packet_identifier_not_found);
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 7");
    EXPECT_EQ(inbound.on_pubrel(7)->reason, ReasonCode::success);
}

TEST(Inbound, ARefusedQos2IdIsFreeAtOnce) {  // [MQTT-4.3.3-9]
    Inbound inbound = connected(Version::v5);
    ASSERT_EQ(inbound.on_publish(kQos2, 7), Verdict::append);
    inbound.answers_now(kQos2, 7, ReasonCode::quota_exceeded);
    EXPECT_EQ(inbound.on_publish(kQos2, 7), Verdict::append);
}

TEST(Inbound, A3ClientsDroppedQos2IdIsHeldToItsPubrel) {
    Inbound inbound = connected(Version::v311);
    ASSERT_EQ(inbound.on_publish(kQos2, 7), Verdict::append);
    inbound.answers_now(kQos2, 7, ReasonCode::success);
    EXPECT_EQ(answers(inbound), "pubrec 7");
    EXPECT_EQ(inbound.on_publish(kQos2, 7), Verdict::repeat);
}

TEST(Inbound, ReceiveMaximumCountsQos2ToItsPubcomp) {  // [MQTT-3.3.4-7]
    Inbound inbound = connected(Version::v5, 2);
    publish(inbound, kQos2, 1, 1);
    publish(inbound, kQos1, 2, 1);
    EXPECT_EQ(inbound.on_publish(kQos1, 3), Verdict::exceeded);
    EXPECT_EQ(inbound.on_publish(kQos2, 3), Verdict::exceeded);
    EXPECT_TRUE(inbound.can_admit());
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 1, puback 2");
    publish(inbound, kQos1, 3, 2);
    EXPECT_EQ(inbound.on_publish(kQos1, 4), Verdict::exceeded);  // Id 1 still counts.
    static_cast<void>(inbound.on_pubrel(1));
    EXPECT_EQ(inbound.on_publish(kQos1, 4), Verdict::append);
}

TEST(Inbound, ARefusalGivesItsPlaceBack) {
    Inbound inbound = connected(Version::v5, 1);
    for (std::uint16_t id = 1; id < 100; ++id) {
        ASSERT_EQ(inbound.on_publish(kQos2, id), Verdict::append);
        inbound.answers_now(kQos2, id, ReasonCode::not_authorized);
        ASSERT_NE(answers(inbound), "");
    }
}

TEST(Inbound, A3ClientIsHeldByUnansweredPublishesNotByPubrels) {  // Rule Back-pressure.
    Inbound inbound = connected(Version::v311, 2);
    publish(inbound, kQos2, 1, 1);
    EXPECT_TRUE(inbound.can_admit());
    publish(inbound, kQos2, 2, 1);
    EXPECT_FALSE(inbound.can_admit());
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 1, pubrec 2");
    EXPECT_TRUE(inbound.can_admit());
    EXPECT_EQ(inbound.held(), 2u);
}

TEST(Inbound, AClosedConnectionsAnswersAreDroppedAndItsIdsKept) {
    Inbound inbound = connected(Version::v311);
    publish(inbound, kQos1, 1, 1);
    publish(inbound, kQos2, 2, 1);
    inbound.on_disconnected();
    EXPECT_EQ(inbound.unanswered(), 0u);
    inbound.on_connected(Version::v311, 10);
    EXPECT_EQ(inbound.on_publish(kQos2, 2), Verdict::repeat);
    EXPECT_EQ(answers(inbound), "");  // Still not durable.
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 2");
}

TEST(Inbound, ANewConnectionHasItsWholeReceiveMaximum) {  // [MQTT-4.9.0-1]
    Inbound inbound = connected(Version::v5, 1);
    publish(inbound, kQos2, 1, 1);
    inbound.on_durable(Ticket{1});
    EXPECT_EQ(answers(inbound), "pubrec 1");
    inbound.on_connected(Version::v5, 1);
    publish(inbound, kQos2, 2, 2);
    EXPECT_EQ(inbound.on_publish(kQos2, 1), Verdict::exceeded);  // Sent again, it counts.
    static_cast<void>(inbound.on_pubrel(1));                     // Not counted here: no change.
    EXPECT_EQ(inbound.on_publish(kQos1, 3), Verdict::exceeded);
}

TEST(Inbound, ARefusedTicketIsSaidTo5AndWithheldFrom3) {
    Inbound v5 = connected(Version::v5);
    publish(v5, kQos2, 1, 1);
    publish(v5, kQos1, 2, 2);
    v5.on_refused(Ticket{1}, ReasonCode::quota_exceeded);
    v5.on_durable(Ticket{2});
    EXPECT_EQ(answers(v5), "pubrec 1 refused 151, puback 2");
    EXPECT_EQ(v5.on_publish(kQos2, 1), Verdict::append);

    Inbound v311 = connected(Version::v311);
    publish(v311, kQos2, 1, 1);
    publish(v311, kQos1, 2, 2);
    v311.on_refused(Ticket{1}, ReasonCode::quota_exceeded);
    v311.on_durable(Ticket{2});
    EXPECT_TRUE(v311.is_withheld());
    EXPECT_EQ(answers(v311), "");
    v311.on_connected(Version::v311, 10);
    EXPECT_EQ(v311.on_publish(kQos2, 1), Verdict::append);  // It is in no log.
}

TEST(Inbound, ATicketRefusedAfterTheCloseFreesItsId) {
    Inbound inbound = connected(Version::v311);
    publish(inbound, kQos2, 1, 1);
    inbound.on_disconnected();
    inbound.on_refused(Ticket{1}, ReasonCode::quota_exceeded);
    inbound.on_connected(Version::v311, 10);
    EXPECT_EQ(inbound.on_publish(kQos2, 1), Verdict::append);
}

Inbound recorded(Version version, std::uint16_t window = 10) {
    Inbound inbound;
    inbound.on_connected(version, window, {.is_recorded = true});
    return inbound;
}

/// The PUBCOMPs that may be sent now.
std::vector<int> pubcomps(Inbound& inbound) {
    std::vector<int> ids;
    mqtt::Ack ack;
    while (inbound.pop_pubcomp(ack)) {
        EXPECT_EQ(ack.type, mqtt::PacketType::pubcomp);
        EXPECT_EQ(ack.reason, ReasonCode::success);
        ids.push_back(ack.packet_id);
    }
    return ids;
}

void receive(Inbound& inbound, std::uint16_t id, std::uint64_t ticket) {
    publish(inbound, kQos2, id, ticket);
    inbound.on_durable(Ticket{ticket});
    EXPECT_EQ(answers(inbound), "pubrec " + std::to_string(id));
}

TEST(Inbound, APubcompWaitsUntilItsPubrelIsDurable) {
    Inbound inbound = recorded(Version::v311);
    receive(inbound, 1, 1);
    receive(inbound, 2, 2);
    EXPECT_EQ(inbound.on_pubrel(2), std::nullopt);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);  // Repeated: the same PUBCOMP.
    EXPECT_EQ(inbound.held(), 0u);
    ASSERT_TRUE(inbound.has_unrecorded());
    EXPECT_THAT(inbound.record(Ticket{3}), ElementsAre(2, 1));
    EXPECT_FALSE(inbound.has_unrecorded());
    EXPECT_THAT(pubcomps(inbound), IsEmpty());
    inbound.on_durable(Ticket{3});
    EXPECT_THAT(pubcomps(inbound), ElementsAre(2, 1));
    EXPECT_EQ(inbound.on_pubrel(1)->reason, ReasonCode::packet_identifier_not_found);
}

TEST(Inbound, APubrelThatTheLogRefusedIsRecordedAgain) {
    Inbound inbound = recorded(Version::v5);
    receive(inbound, 1, 1);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    EXPECT_THAT(inbound.record(Ticket{2}), ElementsAre(1));
    inbound.on_refused(Ticket{2}, ReasonCode::quota_exceeded);
    inbound.on_durable(Ticket{3});
    EXPECT_THAT(pubcomps(inbound), IsEmpty());
    EXPECT_THAT(inbound.record(Ticket{4}), ElementsAre(1));
    inbound.on_durable(Ticket{4});
    EXPECT_THAT(pubcomps(inbound), ElementsAre(1));
}

TEST(Inbound, AConnectionThatBreaksAfterItsPubrelIsAnsweredWhenItAsksAgain) {
    Inbound inbound = recorded(Version::v5);
    receive(inbound, 1, 1);
    receive(inbound, 2, 2);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    EXPECT_EQ(inbound.on_pubrel(2), std::nullopt);
    EXPECT_THAT(inbound.record(Ticket{3}), ElementsAre(1, 2));
    inbound.on_connected(Version::v5, 10, {.is_recorded = true});
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    inbound.on_durable(Ticket{3});
    EXPECT_THAT(pubcomps(inbound), ElementsAre(1));  // 2 was not asked for here.
    EXPECT_EQ(inbound.on_pubrel(2)->reason, ReasonCode::packet_identifier_not_found);
}

TEST(Inbound, APubcompGivesThePlaceInReceiveMaximumBack) {
    Inbound inbound = recorded(Version::v5, 1);
    receive(inbound, 1, 1);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    EXPECT_THAT(inbound.record(Ticket{2}), ElementsAre(1));
    EXPECT_EQ(inbound.on_publish(kQos1, 2), Verdict::exceeded);
    inbound.on_durable(Ticket{2});
    EXPECT_THAT(pubcomps(inbound), ElementsAre(1));
    EXPECT_EQ(inbound.on_publish(kQos1, 2), Verdict::append);
}

TEST(Inbound, AnIdThatIsHeldAgainIsNotFreedByItsOldRecord) {
    Inbound inbound = recorded(Version::v311);
    receive(inbound, 1, 1);
    EXPECT_EQ(inbound.on_pubrel(1), std::nullopt);
    EXPECT_THAT(inbound.record(Ticket{2}), ElementsAre(1));
    publish(inbound, kQos2, 1, 3);  // The client does not wait for its PUBCOMP.
    inbound.on_refused(Ticket{2}, ReasonCode::quota_exceeded);
    ASSERT_TRUE(inbound.has_unrecorded());
    EXPECT_THAT(inbound.record(Ticket{4}), IsEmpty());
    EXPECT_EQ(inbound.on_publish(kQos2, 1), Verdict::repeat);
}

TEST(Inbound, AListenerThatDoesNotWaitForTheDiskAnswersWhenItIsPlaced) {
    Inbound inbound;
    inbound.on_connected(Version::v5, 10, {.is_recorded = true, .answers_at_placed = true});
    publish(inbound, kQos1, 1, 1);
    publish(inbound, kQos2, 2, 2);
    inbound.on_placed(Ticket{1});
    EXPECT_EQ(answers(inbound), "puback 1");
    inbound.on_placed(Ticket{2});
    EXPECT_EQ(answers(inbound), "pubrec 2");
    EXPECT_EQ(inbound.on_pubrel(2), std::nullopt);
    EXPECT_THAT(inbound.record(Ticket{3}), ElementsAre(2));
    inbound.on_placed(Ticket{3});
    EXPECT_THAT(pubcomps(inbound), ElementsAre(2));
    publish(inbound, kQos2, 4, 4);
    inbound.on_placed(Ticket{4});
    // On another listener the same message's PUBREC waits for the disk.
    inbound.on_connected(Version::v5, 10, {.is_recorded = true});
    EXPECT_EQ(inbound.on_publish(kQos2, 4), Verdict::repeat);
    EXPECT_EQ(answers(inbound), "");
    inbound.on_durable(Ticket{4});
    EXPECT_EQ(answers(inbound), "pubrec 4");
}

TEST(Inbound, WhatIsNotAppendedIsWithheldFrom3InItsPlace) {
    Inbound inbound = connected(Version::v311);
    publish(inbound, kQos1, 1, 1);
    ASSERT_EQ(inbound.on_publish(kQos2, 2), Verdict::append);
    inbound.withhold(kQos2, 2);
    inbound.on_durable(Ticket{1});
    EXPECT_FALSE(inbound.is_withheld());
    EXPECT_EQ(answers(inbound), "puback 1");
    EXPECT_TRUE(inbound.is_withheld());
    EXPECT_EQ(inbound.held(), 0u);
}

TEST(Inbound, GoesOnWithTheIdsThatWerePutAway) {
    Inbound first = connected(Version::v5);
    receive(first, 3, 1);
    Inbound inbound;
    inbound.adopt(first.held_ids());
    inbound.on_connected(Version::v5, 10, {.is_recorded = true});
    EXPECT_EQ(inbound.on_publish(kQos2, 3), Verdict::repeat);
    EXPECT_EQ(answers(inbound), "pubrec 3");
    EXPECT_EQ(inbound.on_pubrel(3), std::nullopt);
}

}  // namespace
}  // namespace firehose::session
