// SPDX-License-Identifier: Apache-2.0
// Goal:   packet ids are never shared, the window never overrun, what is unfinished is sent again
//         in its order, what is finished never.
// Method: dialogues with a client that answers in any order, not at all, or wrongly.
#include "session/outbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace firehose::session {
namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using Kind = AckOutcome::Kind;
constexpr Qos kQos1 = Qos::at_least_once;
constexpr Qos kQos2 = Qos::exactly_once;

Outbound connected(std::uint16_t window = 10) {
    Outbound outbound;
    outbound.on_connected(window);
    return outbound;
}

std::uint16_t deliver(Outbound& outbound, std::uint64_t seq, Qos qos = kQos1) {
    return outbound.begin({.seq = Seq{seq}, .qos = qos}).packet_id;
}

/// What is sent now that was not sent at once: "publish 1 dup, pubrel 2".
std::string resends(Outbound& outbound) {
    std::string text;
    while (const auto entry = outbound.next_to_send()) {
        if (!text.empty()) text += ", ";
        const bool is_publish = entry->awaits != InFlight::Awaits::pubcomp;
        text += is_publish ? "publish " : "pubrel ";
        text += std::to_string(entry->packet_id);
        if (is_publish && !entry->was_sent) text += " first";
    }
    return text;
}

TEST(Outbound, HoldsTheWindowAtReceiveMaximum) {  // [MQTT-3.3.4-9]
    Outbound outbound = connected(2);
    EXPECT_EQ(deliver(outbound, 1), 1);
    EXPECT_EQ(deliver(outbound, 2, kQos2), 2);
    EXPECT_FALSE(outbound.has_room());
    EXPECT_EQ(outbound.on_puback(1), (AckOutcome{.kind = Kind::done, .seq = Seq{1}}));
    EXPECT_TRUE(outbound.has_room());
    EXPECT_EQ(deliver(outbound, 3), 1);
    EXPECT_EQ(outbound.on_pubrec(2, ReasonCode::success),
              (AckOutcome{.kind = Kind::send_pubrel, .seq = Seq{2}}));
    EXPECT_FALSE(outbound.has_room());  // A QoS 2 exchange takes its place to its PUBCOMP.
    EXPECT_EQ(outbound.on_pubcomp(2), (AckOutcome{.kind = Kind::done, .seq = Seq{2}}));
    EXPECT_TRUE(outbound.has_room());
}

TEST(Outbound, GivesTheLowestIdThatIsNotInUse) {  // [MQTT-2.2.1-4]
    Outbound outbound = connected(4);
    for (std::uint16_t id = 1; id <= 4; ++id) EXPECT_EQ(deliver(outbound, id), id);
    ASSERT_EQ(outbound.on_puback(3).kind, Kind::done);
    ASSERT_EQ(outbound.on_puback(2).kind, Kind::done);
    EXPECT_EQ(deliver(outbound, 5), 2);
    EXPECT_EQ(deliver(outbound, 6), 3);
    ASSERT_EQ(outbound.on_puback(4).kind, Kind::done);
    EXPECT_EQ(deliver(outbound, 7), 4);
}

TEST(Outbound, GivesAll65535Ids) {
    Outbound outbound = connected(65'535);
    for (std::uint64_t seq = 1; seq <= 65'535; ++seq) ASSERT_EQ(deliver(outbound, seq), seq);
    EXPECT_FALSE(outbound.has_room());
    ASSERT_EQ(outbound.on_puback(400).kind, Kind::done);
    ASSERT_TRUE(outbound.has_room());
    EXPECT_EQ(deliver(outbound, 65'536), 400);
}

TEST(Outbound, APubrecThatRefusesEndsTheExchange) {  // [MQTT-4.4.0-2]
    Outbound outbound = connected(1);
    const std::uint16_t id = deliver(outbound, 1, kQos2);
    EXPECT_EQ(outbound.on_pubrec(id, ReasonCode::quota_exceeded),
              (AckOutcome{.kind = Kind::done, .seq = Seq{1}}));
    EXPECT_TRUE(outbound.has_room());
    outbound.on_connected(1);
    EXPECT_EQ(resends(outbound), "");
}

TEST(Outbound, AnswersForNothingAreHarmless) {
    Outbound outbound = connected();
    for (const std::uint16_t id : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{65'535}}) {
        EXPECT_EQ(outbound.on_puback(id).kind, Kind::ignore);
        EXPECT_EQ(outbound.on_pubcomp(id).kind, Kind::ignore);
        EXPECT_EQ(outbound.on_pubrec(id, ReasonCode::success),
                  (AckOutcome{.kind = Kind::send_pubrel,
                              .reason = ReasonCode::packet_identifier_not_found}));
    }
}

TEST(Outbound, AnAnswerOfTheWrongKindIsAProtocolError) {
    Outbound outbound = connected();
    const std::uint16_t one = deliver(outbound, 1, kQos1);
    const std::uint16_t two = deliver(outbound, 2, kQos2);
    EXPECT_EQ(outbound.on_pubrec(one, ReasonCode::success).kind, Kind::protocol_error);
    EXPECT_EQ(outbound.on_pubcomp(one).kind, Kind::protocol_error);
    EXPECT_EQ(outbound.on_puback(two).kind, Kind::protocol_error);
    EXPECT_EQ(outbound.on_pubcomp(two).kind, Kind::protocol_error);
    EXPECT_EQ(outbound.in_flight().size(), 2u);
}

TEST(Outbound, ARepeatedPubrecGetsItsPubrelAgain) {
    Outbound outbound = connected();
    const std::uint16_t id = deliver(outbound, 1, kQos2);
    EXPECT_EQ(outbound.on_pubrec(id, ReasonCode::success).kind, Kind::send_pubrel);
    EXPECT_EQ(outbound.on_pubrec(id, ReasonCode::success).kind, Kind::send_pubrel);
    EXPECT_EQ(outbound.on_pubcomp(id).kind, Kind::done);
}

TEST(Outbound, SendsAgainWhatIsUnfinishedInItsOrder) {  // [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    Outbound outbound = connected();
    for (std::uint64_t seq = 1; seq <= 5; ++seq) {
        static_cast<void>(deliver(outbound, seq, seq % 2 == 0 ? kQos2 : kQos1));
    }
    ASSERT_EQ(outbound.on_puback(3).kind, Kind::done);
    ASSERT_EQ(outbound.on_pubrec(2, ReasonCode::success).kind, Kind::send_pubrel);
    EXPECT_EQ(resends(outbound), "");  // Not on the same connection.
    outbound.on_connected(10);
    EXPECT_FALSE(outbound.has_room());  // First what is owed.
    EXPECT_EQ(resends(outbound), "publish 1, pubrel 2, publish 4, publish 5");
    EXPECT_TRUE(outbound.has_room());
    EXPECT_EQ(deliver(outbound, 6), 3);
}

TEST(Outbound, HoldsTheWindowAcrossReconnect) {  // [MQTT-3.3.4-9]
    Outbound outbound = connected(4);
    for (std::uint64_t seq = 1; seq <= 4; ++seq) static_cast<void>(deliver(outbound, seq));
    outbound.on_connected(2);  // The client takes less now.
    EXPECT_EQ(resends(outbound), "publish 1, publish 2");
    EXPECT_FALSE(outbound.has_room());
    ASSERT_EQ(outbound.on_puback(1).kind, Kind::done);
    EXPECT_FALSE(outbound.has_room());
    EXPECT_EQ(resends(outbound), "publish 3");
    ASSERT_EQ(outbound.on_puback(3).kind, Kind::done);
    ASSERT_EQ(outbound.on_puback(2).kind, Kind::done);
    EXPECT_EQ(resends(outbound), "publish 4");
    EXPECT_TRUE(outbound.has_room());
}

TEST(Outbound, AnAnswerBeforeItWasSentAgainCounts) {
    Outbound outbound = connected(2);
    static_cast<void>(deliver(outbound, 1));
    static_cast<void>(deliver(outbound, 2));
    outbound.on_connected(2);
    ASSERT_EQ(outbound.on_puback(1).kind, Kind::done);
    EXPECT_EQ(resends(outbound), "publish 2");
    EXPECT_TRUE(outbound.has_room());
}

TEST(Outbound, SendsPubrelsWhateverTheWindow) {  // [MQTT-3.3.4-8]
    Outbound outbound = connected(3);
    for (std::uint64_t seq = 1; seq <= 3; ++seq) static_cast<void>(deliver(outbound, seq, kQos2));
    for (std::uint16_t id = 1; id <= 3; ++id) {
        ASSERT_EQ(outbound.on_pubrec(id, ReasonCode::success).kind, Kind::send_pubrel);
    }
    outbound.on_connected(1);
    EXPECT_EQ(resends(outbound), "pubrel 1, pubrel 2, pubrel 3");
    EXPECT_FALSE(outbound.has_room());
}

TEST(Outbound, KeepsWhatAPublishNeedsToBeSentAgain) {
    Outbound outbound = connected();
    static_cast<void>(
        outbound.begin({.seq = Seq{9}, .qos = kQos2, .retain = true, .subscription_ids = {3, 4}}));
    outbound.on_connected(10);
    const auto entry = outbound.next_to_send();
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->seq, Seq{9});
    EXPECT_EQ(entry->qos, kQos2);
    EXPECT_TRUE(entry->retain);
    EXPECT_THAT(entry->subscription_ids, ::testing::ElementsAre(3, 4));
}

TEST(Outbound, KnowsTheOldestPositionInFlight) {
    Outbound outbound = connected();
    EXPECT_FALSE(outbound.oldest());
    static_cast<void>(deliver(outbound, 20));
    static_cast<void>(deliver(outbound, 5));  // A retained copy.
    EXPECT_EQ(outbound.oldest(), Seq{5});
    outbound.drop(2);
    outbound.drop(2);
    EXPECT_EQ(outbound.oldest(), Seq{20});
}

Outbound recorded(std::uint16_t window = 10) {
    Outbound outbound;
    outbound.on_connected(window, true);
    return outbound;
}

/// Records what is to be recorded: "assigned 1 2, completed 3, received 4".
std::string record(Outbound& outbound, std::uint64_t ticket) {
    const Outbound::Records records = outbound.record(log::Ticket{ticket});
    std::string text;
    const auto add = [&text](std::string_view what, const auto& ids, auto id_of) {
        if (ids.empty()) return;
        if (!text.empty()) text += ", ";
        text += what;
        for (const auto& id : ids) text += ' ' + std::to_string(id_of(id));
    };
    const auto itself = [](std::uint16_t id) { return id; };
    add("assigned", records.assigned.entries, [](const auto& entry) { return entry.packet_id; });
    add("completed", records.assigned.completed, itself);
    add("received", records.received.ids, itself);
    return text;
}

TEST(Outbound, AQos2PublishWaitsUntilItsAssignmentIsDurable) {
    Outbound outbound = recorded();
    EXPECT_FALSE(outbound.begin({.seq = Seq{1}, .qos = kQos2}).is_sent);
    EXPECT_EQ(resends(outbound), "");
    EXPECT_TRUE(outbound.has_unrecorded());
    EXPECT_EQ(record(outbound, 7), "assigned 1");
    EXPECT_FALSE(outbound.has_unrecorded());
    outbound.on_durable(log::Ticket{6});
    EXPECT_FALSE(outbound.can_send());
    outbound.on_durable(log::Ticket{7});
    EXPECT_TRUE(outbound.can_send());
    EXPECT_EQ(resends(outbound), "publish 1 first");
    EXPECT_FALSE(outbound.can_send());
}

TEST(Outbound, Qos1IsRecordedButWaitsForNothing) {
    Outbound outbound = recorded();
    EXPECT_TRUE(outbound.begin({.seq = Seq{1}, .qos = kQos1}).is_sent);
    ASSERT_EQ(outbound.on_puback(1).kind, Kind::done);
    EXPECT_FALSE(outbound.has_unrecorded());
    EXPECT_TRUE(outbound.begin({.seq = Seq{2}, .qos = kQos1}).is_sent);
    EXPECT_EQ(record(outbound, 1), "assigned 1, completed 1");
}

TEST(Outbound, NothingOvertakesAPublishThatWaits) {
    Outbound outbound = recorded();
    EXPECT_FALSE(outbound.begin({.seq = Seq{1}, .qos = kQos2}).is_sent);
    EXPECT_FALSE(outbound.begin({.seq = Seq{2}, .qos = kQos1}).is_sent);
    EXPECT_TRUE(outbound.has_unsent());  // QoS 0 waits as well.
    EXPECT_TRUE(outbound.has_room());
    EXPECT_EQ(record(outbound, 1), "assigned 1 2");
    outbound.on_durable(log::Ticket{1});
    EXPECT_EQ(resends(outbound), "publish 1 first, publish 2 first");
    EXPECT_FALSE(outbound.has_unsent());
    EXPECT_TRUE(outbound.begin({.seq = Seq{3}, .qos = kQos1}).is_sent);
}

TEST(Outbound, WhatWaitsTakesItsPlaceInTheWindow) {  // [MQTT-3.3.4-9]
    Outbound outbound = recorded(2);
    static_cast<void>(deliver(outbound, 1, kQos2));
    static_cast<void>(deliver(outbound, 2, kQos2));
    EXPECT_FALSE(outbound.has_room());
}

TEST(Outbound, APubrelWaitsUntilItsPubrecIsDurableInTheirOrder) {  // [MQTT-4.6.0-4]
    Outbound outbound = recorded();
    for (std::uint64_t seq = 1; seq <= 3; ++seq) static_cast<void>(deliver(outbound, seq, kQos2));
    ASSERT_EQ(record(outbound, 1), "assigned 1 2 3");
    outbound.on_durable(log::Ticket{1});
    ASSERT_EQ(resends(outbound), "publish 1 first, publish 2 first, publish 3 first");
    EXPECT_EQ(outbound.on_pubrec(3, ReasonCode::success),
              (AckOutcome{.kind = Kind::record, .seq = Seq{3}}));
    EXPECT_EQ(outbound.on_pubrec(1, ReasonCode::success).kind, Kind::record);
    EXPECT_EQ(outbound.on_pubrec(1, ReasonCode::success).kind, Kind::ignore);  // Repeated.
    EXPECT_EQ(record(outbound, 2), "received 1 3");
    EXPECT_EQ(outbound.on_pubrec(3, ReasonCode::success).kind, Kind::ignore);  // Not twice.
    EXPECT_FALSE(outbound.has_unrecorded());
    EXPECT_EQ(outbound.pop_pubrel(), std::nullopt);
    EXPECT_EQ(outbound.on_pubcomp(3).kind, Kind::protocol_error);  // It has no PUBREL yet.
    outbound.on_durable(log::Ticket{2});
    EXPECT_EQ(outbound.pop_pubrel(), 3);
    EXPECT_EQ(outbound.pop_pubrel(), 1);
    EXPECT_EQ(outbound.pop_pubrel(), std::nullopt);
    EXPECT_EQ(outbound.on_pubrec(3, ReasonCode::success).kind, Kind::send_pubrel);
    EXPECT_EQ(outbound.on_pubcomp(3).kind, Kind::done);
    EXPECT_EQ(outbound.on_pubcomp(1).kind, Kind::done);
    EXPECT_FALSE(outbound.has_unrecorded());  // Completed ids ride with the next assignment.
    static_cast<void>(deliver(outbound, 4, kQos2));
    EXPECT_EQ(record(outbound, 3), "assigned 1, completed 3 1");
}

TEST(Outbound, WhatTheLogRefusedIsRecordedAgain) {
    Outbound outbound = recorded();
    static_cast<void>(deliver(outbound, 1, kQos2));
    ASSERT_EQ(record(outbound, 1), "assigned 1");
    static_cast<void>(deliver(outbound, 2, kQos2));
    ASSERT_EQ(record(outbound, 2), "assigned 2");
    outbound.on_refused(log::Ticket{1});
    outbound.on_durable(log::Ticket{2});
    EXPECT_EQ(resends(outbound), "");  // 2 does not overtake 1.
    EXPECT_EQ(record(outbound, 3), "assigned 1");
    outbound.on_durable(log::Ticket{3});
    EXPECT_EQ(resends(outbound), "publish 1 first, publish 2 first");
    ASSERT_EQ(outbound.on_pubrec(1, ReasonCode::success).kind, Kind::record);
    ASSERT_EQ(record(outbound, 4), "received 1");
    outbound.on_refused(log::Ticket{4});
    EXPECT_EQ(record(outbound, 5), "received 1");
    outbound.on_durable(log::Ticket{5});
    EXPECT_EQ(outbound.pop_pubrel(), 1);
}

TEST(Outbound, AConnectionThatBreaksWhileARecordIsAwaitedGoesOnWithIt) {
    Outbound outbound = recorded();
    static_cast<void>(deliver(outbound, 1, kQos2));
    static_cast<void>(deliver(outbound, 2, kQos2));
    ASSERT_EQ(record(outbound, 1), "assigned 1 2");
    outbound.on_connected(10, true);
    EXPECT_EQ(resends(outbound), "");
    EXPECT_FALSE(outbound.has_room());
    outbound.on_durable(log::Ticket{1});
    EXPECT_EQ(resends(outbound), "publish 1 first, publish 2 first");  // No DUP: never sent.
    ASSERT_EQ(outbound.on_pubrec(1, ReasonCode::success).kind, Kind::record);
    ASSERT_EQ(record(outbound, 2), "received 1");
    outbound.on_connected(10, true);
    EXPECT_EQ(resends(outbound), "");  // The PUBREL waits, and 2 stays behind it.
    EXPECT_EQ(outbound.pop_pubrel(), std::nullopt);
    outbound.on_durable(log::Ticket{2});
    EXPECT_EQ(resends(outbound), "pubrel 1, publish 2");
    EXPECT_EQ(outbound.pop_pubrel(), std::nullopt);  // It went with what is sent again.
}

TEST(Outbound, GoesOnWithWhatWasPutAway) {
    Outbound outbound;
    outbound.adopt(
        {{.seq = Seq{5}, .packet_id = 2, .qos = kQos1},
         {.seq = Seq{6}, .packet_id = 4, .qos = kQos2, .awaits = InFlight::Awaits::pubcomp}});
    outbound.on_connected(10, true);
    EXPECT_FALSE(outbound.has_unrecorded());
    EXPECT_EQ(resends(outbound), "publish 2, pubrel 4");
    EXPECT_EQ(deliver(outbound, 7), 1);
    EXPECT_EQ(deliver(outbound, 8), 3);
    EXPECT_EQ(deliver(outbound, 9), 5);
    EXPECT_EQ(outbound.on_pubcomp(4).kind, Kind::done);
    EXPECT_EQ(record(outbound, 1), "assigned 1 3 5, completed 4");
}

TEST(Outbound, KnowsWhatWasAssigned) {
    Outbound outbound = recorded();
    static_cast<void>(deliver(outbound, 5));
    static_cast<void>(outbound.begin({.seq = Seq{9}, .qos = kQos1, .is_copy = true}));
    EXPECT_EQ(outbound.assigned_end(), Seq{6});
}

/// Any order of answers and reconnects: the window holds and everything ends once.
TEST(Outbound, EndsEveryExchangeOnceInAnyOrder) {
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
        std::uint32_t state = seed;
        const auto random = [&state](std::uint32_t below) {
            state = state * 1'664'525 + 1'013'904'223;
            return (state >> 16) % below;
        };
        const bool is_recorded = seed % 2 == 0;
        Outbound outbound;
        outbound.on_connected(4, is_recorded);
        std::uint64_t ticket = 0;
        std::uint64_t begun = 0;
        std::uint64_t ended = 0;
        for (int step = 0; step < 300 || ended < begun; ++step) {
            ASSERT_LT(step, 5'000);
            if (step < 300 && random(20) == 0) {
                outbound.on_connected(static_cast<std::uint16_t>(1 + random(6)), is_recorded);
            }
            if (outbound.has_unrecorded()) static_cast<void>(record(outbound, ++ticket));
            if (random(3) == 0) {
                outbound.on_refused(log::Ticket{ticket});
            } else {
                outbound.on_durable(log::Ticket{ticket});
            }
            static_cast<void>(resends(outbound));
            if (step < 300 && outbound.has_room()) {
                ++begun;
                static_cast<void>(deliver(outbound, begun, random(2) == 0 ? kQos1 : kQos2));
            }
            if (outbound.in_flight().empty()) continue;
            const auto pick = random(static_cast<std::uint32_t>(outbound.in_flight().size()));
            const InFlight entry = outbound.in_flight()[pick];
            if (!entry.was_sent) continue;  // The client has not heard of it.
            AckOutcome outcome;
            switch (entry.awaits) {
                case InFlight::Awaits::puback:
                    outcome = outbound.on_puback(entry.packet_id);
                    break;
                case InFlight::Awaits::pubrec:
                    outcome = outbound.on_pubrec(entry.packet_id, ReasonCode::success);
                    break;
                case InFlight::Awaits::pubcomp:
                    outcome = outbound.on_pubcomp(entry.packet_id);
                    // Nor of a PUBREL that waits.
                    if (outcome.kind == Kind::protocol_error) continue;
                    break;
            }
            ASSERT_NE(outcome.kind, Kind::ignore);
            ASSERT_EQ(outcome.seq, entry.seq);
            if (outcome.kind == Kind::done) ++ended;
        }
        EXPECT_EQ(begun, ended);
    }
}

}  // namespace
}  // namespace firehose::session
