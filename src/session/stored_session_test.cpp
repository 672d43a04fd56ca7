// SPDX-License-Identifier: Apache-2.0
// Goal:   a session that is packed, stored or folded from control records is the same session.
// Method: a full value cut and damaged at every byte; tables of records and what they leave.
#include "session/stored_session.h"

#include <gtest/gtest.h>

#include "log/log_test_support.h"

namespace firehose::session {
namespace {

using mqtt::Qos;
using Awaits = InFlight::Awaits;

StoredSession full() {
    return {.id = PublisherId{0x1122'3344'5566'7788},
            .key = std::string{"ualice\0reader-1", 15},
            .expiry_s = 3'600,
            .expires_in_s = 3'599,
            .wall = {Microseconds{1'767'323'045'000'000}},
            .true_for = Seq{90},
            .cursor = Seq{80},
            .subscriptions = {{"a/#", {.qos = Qos::at_least_once, .no_local = true}, 7, Seq{3}},
                              {"b",
                               {.qos = Qos::exactly_once,
                                .retain_as_published = true,
                                .retain_handling = mqtt::RetainHandling::do_not_send},
                               0,
                               Seq{4}}},
            .in_flight = {{.seq = Seq{70}, .subscription_ids = {7, 9}, .packet_id = 1},
                          {.seq = Seq{71},
                           .packet_id = 65'535,
                           .qos = Qos::exactly_once,
                           .awaits = Awaits::pubcomp,
                           .retain = true},
                          {.seq = Seq{72},
                           .packet_id = 2,
                           .qos = Qos::exactly_once,
                           .awaits = Awaits::pubrec,
                           .shared_filter = "$share/g/a"}},
            .inbound_held = {5, 65'535},
            .will = WillMessage{.topic = "status",
                                .payload = {std::byte{1}, std::byte{0}},
                                .properties = {std::byte{1}, std::byte{1}},
                                .qos = Qos::at_least_once,
                                .retain = true,
                                .payload_is_utf8 = true,
                                .message_expiry_s = 60,
                                .delay_s = 10,
                                .author = std::string("uw\0x", 4)},
            .will_in_s = 4};
}

StoredSession opened() {
    StoredSession session{.id = PublisherId{9}};
    EXPECT_TRUE(session.fold(Seq{10}, SessionOpened{.key = "ax", .expiry_s = 60}));
    return session;
}

IdsAssigned::Entry assigned(std::uint16_t packet_id, std::uint64_t seq, Qos qos) {
    return {.packet_id = packet_id, .qos = qos, .seq = Seq{seq}};
}

TEST(StoredSession, IsTheSameAfterPacking) {
    const StoredSession session = full();
    EXPECT_EQ(StoredSession::unpack(session.pack()), session);
    EXPECT_EQ(StoredSession::unpack(StoredSession{}.pack()), StoredSession{});
    StoredSession bare = full();
    bare.expires_in_s.reset();
    bare.will_in_s.reset();
    EXPECT_EQ(StoredSession::unpack(bare.pack()), bare);
    bare.will->author.clear();
    EXPECT_EQ(StoredSession::unpack(bare.pack()), bare);
    bare.will.reset();
    EXPECT_EQ(StoredSession::unpack(bare.pack()), bare);
}

TEST(StoredSession, CutAnywhereIsRefused) {
    const ByteBuffer packed = full().pack();
    for (std::size_t cut = 0; cut < packed.size(); ++cut) {
        const log::ExactBytes bytes{ByteSpan{packed}.first(cut)};
        EXPECT_FALSE(StoredSession::unpack(bytes.span()).has_value()) << cut;
        static_cast<void>(StoredSession::key_of(bytes.span()));
    }
}

TEST(StoredSession, AnyFlippedBitIsRefused) {
    ByteBuffer packed = full().pack();
    for (std::size_t at = 0; at < packed.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            packed[at] ^= static_cast<std::byte>(1U << bit);
            EXPECT_FALSE(StoredSession::unpack(packed).has_value()) << at << '.' << bit;
            packed[at] ^= static_cast<std::byte>(1U << bit);
        }
    }
}

TEST(StoredSession, KeyAndPositionAreReachedWithoutUnpacking) {
    for (const bool expires : {true, false}) {
        StoredSession session = full();
        if (!expires) session.expires_in_s.reset();
        ByteBuffer packed = session.pack();
        EXPECT_EQ(StoredSession::key_of(packed), session.key);
        EXPECT_EQ(StoredSession::id_of(packed), session.id);
        EXPECT_EQ(StoredSession::expiry_of(packed), session.expiry_s);
        StoredSession::set_true_for(packed, Seq{1'000});
        session.true_for = Seq{1'000};
        EXPECT_EQ(StoredSession::unpack(packed), session);
    }
}

TEST(StoredSession, ATypicalOneIsSmall) {
    const StoredSession session{.id = PublisherId{1},
                                .key = "a" + std::string(20, 'x'),
                                .expiry_s = 3'600,
                                .expires_in_s = 3'600,
                                .subscriptions = {{"gerrit/project/+", {}, 0, Seq{1}}}};
    EXPECT_LE(session.pack().size(), 128U);
}

TEST(StoredSession, OpensWithItsCursorAtTheRecord) {
    const StoredSession session = opened();
    EXPECT_EQ(session.key, "ax");
    EXPECT_EQ(session.expiry_s, 60U);
    EXPECT_EQ(session.cursor, Seq{10});
    EXPECT_EQ(session.true_for, Seq{11});
    EXPECT_TRUE(session.is_kept());
}

TEST(StoredSession, OpeningItAgainKeepsItsCursorAndSaysThatItIsConnected) {
    StoredSession session = full();
    EXPECT_TRUE(session.fold(Seq{100}, SessionOpened{.key = session.key, .expiry_s = 5}));
    EXPECT_EQ(session.cursor, Seq{80});
    EXPECT_EQ(session.expiry_s, 5U);
    EXPECT_EQ(session.expires_in_s, std::nullopt);
    EXPECT_EQ(session.subscriptions, full().subscriptions);
}

TEST(StoredSession, RecordsBelowItsPositionChangeNothing) {
    const std::vector<Control> records = {
        SessionOpened{.key = "other", .expiry_s = 1},
        SessionEnded{},
        Subscribed{.entries = {{"c", {}, 0, Seq{1}}}},
        Unsubscribed{.filters = {"b"}},
        PubrelReceived{.ids = {5}},
        IdsAssigned{.entries = {assigned(1, 200, Qos::at_least_once)}, .completed = {2}},
        PubrecReceived{.ids = {2}},
        WillArmed{.key = "other"},
        WillDisarmed{}};
    for (const Control& record : records) {
        StoredSession session = full();
        EXPECT_TRUE(session.fold(Seq{89}, record));
        session.fold_inbound(Seq{89}, 17);
        EXPECT_EQ(session, full()) << record.index();
        session.fold(Seq{90}, record);
        EXPECT_NE(session, full()) << record.index();
    }
}

TEST(StoredSession, FoldingTheSameRecordsAgainChangesNothing) {
    StoredSession session = opened();
    const auto fold_all = [&] {
        session.fold(Seq{12}, Subscribed{.entries = {{"a", {}, 0, Seq{11}}}});
        session.fold(Seq{13}, IdsAssigned{.entries = {assigned(1, 11, Qos::at_least_once)}});
        session.fold_inbound(Seq{14}, 3);
        session.fold(Seq{15}, IdsAssigned{.completed = {1}});
    };
    fold_all();
    const StoredSession once = session;
    fold_all();
    EXPECT_EQ(session, once);
    EXPECT_TRUE(session.in_flight.empty());
}

TEST(StoredSession, SubscriptionsAreReplacedByFilter) {
    StoredSession session = opened();
    session.fold(Seq{12}, Subscribed{.entries = {{"b", {}, 0, Seq{12}}, {"a", {}, 0, Seq{12}}}});
    session.fold(Seq{13}, Subscribed{.entries = {{"b", {.qos = Qos::at_least_once}, 4, Seq{12}}}});
    ASSERT_EQ(session.subscriptions.size(), 2U);
    EXPECT_EQ(session.subscriptions[0].filter, "a");
    EXPECT_EQ(session.subscriptions[1].id, 4U);
    session.fold(Seq{14}, Unsubscribed{.filters = {"a", "never"}});
    ASSERT_EQ(session.subscriptions.size(), 1U);
    EXPECT_EQ(session.subscriptions[0].filter, "b");
}

TEST(StoredSession, AFirstSubscriptionMovesTheCursorToWhereItBegins) {
    StoredSession session = opened();
    session.fold(Seq{50}, Subscribed{.entries = {{"a", {}, 0, Seq{49}}}});
    EXPECT_EQ(session.cursor, Seq{49});
    session.fold(Seq{60}, Subscribed{.entries = {{"b", {}, 0, Seq{59}}}});
    EXPECT_EQ(session.cursor, Seq{49});
}

TEST(StoredSession, AnAssignmentMovesTheCursorUnlessItIsOfARetainedCopy) {
    StoredSession session = opened();
    IdsAssigned::Entry copy = assigned(2, 40, Qos::at_least_once);
    copy.is_copy = copy.retain = true;
    session.fold(Seq{50}, IdsAssigned{.entries = {assigned(1, 20, Qos::exactly_once), copy}});
    EXPECT_EQ(session.cursor, Seq{21});
    session.fold(Seq{51}, IdsAssigned{.entries = {assigned(3, 15, Qos::at_least_once)}});
    EXPECT_EQ(session.cursor, Seq{21});
    ASSERT_EQ(session.in_flight.size(), 3U);
    EXPECT_EQ(session.in_flight[0].awaits, Awaits::pubrec);
    EXPECT_EQ(session.in_flight[1].awaits, Awaits::puback);
    EXPECT_TRUE(session.in_flight[1].retain);
    EXPECT_EQ(session.needed_from(), Seq{15});
}

TEST(StoredSession, AnIdThatIsAssignedAgainEndedItsEarlierExchange) {
    StoredSession session = opened();
    session.fold(Seq{50}, IdsAssigned{.entries = {assigned(1, 20, Qos::exactly_once),
                                                  assigned(2, 21, Qos::at_least_once)}});
    session.fold(Seq{51}, PubrecReceived{.ids = {1}});
    session.fold(Seq{52}, IdsAssigned{.entries = {assigned(1, 30, Qos::at_least_once)}});
    ASSERT_EQ(session.in_flight.size(), 2U);
    EXPECT_EQ(session.in_flight[0].packet_id, 2U);
    EXPECT_EQ(session.in_flight[1].seq, Seq{30});
    EXPECT_EQ(session.in_flight[1].awaits, Awaits::puback);
}

TEST(StoredSession, WhatIsCompletedComesBeforeWhatIsAssignedInTheSameRecord) {
    StoredSession session = opened();
    session.fold(Seq{50}, IdsAssigned{.entries = {assigned(1, 20, Qos::at_least_once)}});
    session.fold(Seq{51}, IdsAssigned{.entries = {assigned(1, 21, Qos::at_least_once)},
                                      .completed = {1, 9}});
    ASSERT_EQ(session.in_flight.size(), 1U);
    EXPECT_EQ(session.in_flight[0].seq, Seq{21});
}

TEST(StoredSession, APubrecMovesQos2OnToItsPubcomp) {
    StoredSession session = opened();
    session.fold(Seq{50}, IdsAssigned{.entries = {assigned(1, 20, Qos::exactly_once),
                                                  assigned(2, 21, Qos::at_least_once)}});
    session.fold(Seq{51}, PubrecReceived{.ids = {1, 2, 3}});
    EXPECT_EQ(session.in_flight[0].awaits, Awaits::pubcomp);
    EXPECT_EQ(session.in_flight[1].awaits, Awaits::puback);
}

TEST(StoredSession, AnInboundIdIsHeldFromItsMessageToItsPubrel) {
    StoredSession session = opened();
    session.fold_inbound(Seq{20}, 4);
    session.fold_inbound(Seq{21}, 4);
    session.fold_inbound(Seq{22}, 5);
    EXPECT_EQ(session.inbound_held, (std::vector<std::uint16_t>{4, 5}));
    session.fold(Seq{23}, PubrelReceived{.ids = {4}});
    EXPECT_EQ(session.inbound_held, (std::vector<std::uint16_t>{5}));
}

TEST(StoredSession, IsKeptForItsExpiryOrItsWill) {
    StoredSession session{.id = PublisherId{9}};
    EXPECT_FALSE(session.is_kept());
    EXPECT_TRUE(session.fold(Seq{1}, WillArmed{.key = "ax", .will = {.topic = "t"}}));
    EXPECT_EQ(session.key, "ax");
    EXPECT_FALSE(session.fold(Seq{2}, WillDisarmed{}));
    session = opened();
    session.fold(Seq{12}, WillArmed{.key = "ax", .will = {.topic = "t"}});
    EXPECT_TRUE(session.fold(Seq{13}, WillDisarmed{}));
    EXPECT_FALSE(session.fold(Seq{14}, SessionEnded{}));
    EXPECT_TRUE(session.subscriptions.empty());
}

TEST(StoredSession, ASharedSubscriptionSaysNothingOfTheCursor) {
    StoredSession session = opened();
    session.fold(Seq{11},
                 Subscribed{.entries = {{"$share/g/a", {.qos = Qos::at_least_once}, 0, Seq{}}}});
    EXPECT_EQ(session.needed_from(), StoredSession::kNeedsNothing);
    session.fold(Seq{12}, Subscribed{.entries = {{"a", {.qos = Qos::at_least_once}, 0, Seq{12}}}});
    EXPECT_EQ(session.needed_from(), Seq{12});
    IdsAssigned::Entry entry = assigned(1, 30, Qos::at_least_once);
    entry.is_copy = true;
    entry.shared_filter = "$share/g/a";
    session.fold(Seq{40}, IdsAssigned{.entries = {entry}});
    EXPECT_EQ(session.cursor, Seq{12});
    EXPECT_EQ(session.in_flight.front().shared_filter, "$share/g/a");
}

TEST(StoredSession, NeedsTheLogForWhatIsOwedAtQos1And2) {
    StoredSession session = opened();
    EXPECT_EQ(session.needed_from(), StoredSession::kNeedsNothing);
    session.fold(Seq{12}, Subscribed{.entries = {{"a", {}, 0, Seq{11}}}});
    EXPECT_EQ(session.needed_from(), StoredSession::kNeedsNothing);
    session.fold(Seq{13}, Subscribed{.entries = {{"b", {.qos = Qos::at_least_once}, 0, Seq{12}}}});
    EXPECT_EQ(session.needed_from(), Seq{11});
}

}  // namespace
}  // namespace firehose::session
