// SPDX-License-Identifier: Apache-2.0
// Goal:   what is too much is refused politely at its limit and not before, by each protocol
//         version's means, and counted by the limit's name; operators see who is there.
// Method: dialogues with one shard; the clock is moved by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using namespace std::chrono_literals;
using mqtt::Connect;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;

struct Strangers : ::testing::Test {
    /// The bus of a test; before its first client.
    Bus& make(Settings settings, AddressLimitSettings of_addresses = {}) {
        addresses = std::make_unique<AddressLimits>(std::move(of_addresses), 1);
        bus = std::make_unique<Bus>(settings);
        return *bus;
    }
    Peer from(std::string_view address, Version version = Version::v5) {
        return Peer{*bus,
                    version,
                    {.address = std::string{address},
                     .lease = std::move(*addresses->admit(address, bus->clock.monotonic()))}};
    }
    const LimitMetrics& met() { return bus->shard.metrics().limits; }

    std::unique_ptr<AddressLimits> addresses;
    std::unique_ptr<Bus> bus;
};

TEST_F(Strangers, AConnectBeyondTheRateOfItsAddressIsToldSo) {
    make({}, {.connects = {1, 2}});
    for (int i = 0; i < 2; ++i) {
        Peer peer = from("192.0.2.1");
        peer.connects("c" + std::to_string(i)).take();
        EXPECT_EQ(peer.connack_reason, ReasonCode::success);
    }
    Peer third = from("192.0.2.1");
    third.connects("c3").take();
    EXPECT_EQ(third.connack_reason, ReasonCode::connection_rate_exceeded);
    EXPECT_TRUE(third.wire().is_shut_down);
    Peer older = from("192.0.2.1", Version::v311);
    EXPECT_EQ(older.connects("c4").wire().sent, std::string("\x20\x02\x00\x03", 4));
    bus->advance(2s);
    Peer later = from("192.0.2.1");
    later.connects("c5").take();
    EXPECT_EQ(later.connack_reason, ReasonCode::success);
}

TEST_F(Strangers, AConnectionBeyondTheBoundOfItsAddressIsToldSo) {
    make({}, {.connections_max = 1});
    Peer first = from("192.0.2.1");
    first.connects("a").take();
    Peer second = from("192.0.2.1");
    second.connects("b").take();
    EXPECT_EQ(first.connack_reason, ReasonCode::success);
    EXPECT_EQ(second.connack_reason, ReasonCode::quota_exceeded);
    first.vanishes();
    second.vanishes();
    Peer third = from("192.0.2.1");
    third.connects("c").take();
    EXPECT_EQ(third.connack_reason, ReasonCode::success) << "their places are free again";
}

TEST_F(Strangers, ASubscribeBeyondTheRateIsRefusedAndTheClientStays) {
    make({}, {.subscribes = {1, 2}});
    Peer peer = from("192.0.2.1");
    peer.connects("a").subscribes("a").subscribes("b").take();
    EXPECT_THAT(peer.suback_reasons, ElementsAre(ReasonCode{0}));
    peer.subscribes("c").take();
    EXPECT_THAT(peer.suback_reasons, ElementsAre(ReasonCode::quota_exceeded));
    EXPECT_FALSE(peer.wire().is_shut_down);
    Peer older = from("192.0.2.1", Version::v311);
    older.connects("b").take();
    EXPECT_EQ(older.subscribes("c").wire().sent, std::string("\x90\x03\x00\x01\x80", 5));
    bus->advance(2s);
    peer.subscribes("c").take();
    EXPECT_THAT(peer.suback_reasons, ElementsAre(ReasonCode{0}));
}

// No packet could refuse it: it waits, with what follows it.
TEST_F(Strangers, AnUnsubscribeBeyondTheRateWaits) {
    make({}, {.subscribes = {1, 2}});
    Peer peer = from("192.0.2.1");
    peer.connects("a").take();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        peer.sends(mqtt::Unsubscribe{.packet_id = id, .filters = {"a"}});
    }
    peer.sends_bytes(std::string("\xc0\x00", 2));  // PINGREQ.
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::unsuback, PacketType::unsuback));
    EXPECT_EQ(addresses->metrics().subscribes_refused.value(), 1U);
    Peer other = from("192.0.2.2");
    other.connects("b").take();
    other.sends(mqtt::Unsubscribe{.packet_id = 1, .filters = {"a"}});
    EXPECT_THAT(other.take(), ElementsAre(PacketType::unsuback)) << "it waits for nobody";
    bus->advance(2s);
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::unsuback, PacketType::pingresp));
}

TEST_F(Strangers, AnUnsubscribeWithTooManyFiltersIsRefusedWhole) {
    make({.filters_per_subscribe_max = 2});
    Peer peer{*bus, Version::v5};
    peer.connects("a").subscribes("a").take();
    peer.sends(mqtt::Unsubscribe{.packet_id = 2, .filters = {"a", "b", "c"}});
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::unsuback));
    EXPECT_EQ(met().filters_per_subscribe.value(), 1U);
    peer.publishes("a", "still subscribed");
    EXPECT_THAT(peer.take_payloads(), ElementsAre("still subscribed"));
    Peer older{*bus, Version::v311};
    older.connects("b").sends(mqtt::Unsubscribe{.packet_id = 2, .filters = {"a", "b", "c"}});
    EXPECT_TRUE(older.wire().is_shut_down) << "3.1.1 has no word for it";
}

TEST_F(Strangers, AConnectionBeyondTheBoundOfItsListenerIsToldSo) {
    make({});
    std::size_t count = 0;
    const auto seat = [&] {
        return firehose::bus::Peer{.address = "192.0.2.1", .place = Place{count, 1}};
    };
    Peer first{*bus, Version::v5, seat()};
    first.connects("a").take();
    Peer second{*bus, Version::v5, seat()};
    second.connects("b").take();
    EXPECT_EQ(first.connack_reason, ReasonCode::success);
    EXPECT_EQ(second.connack_reason, ReasonCode::quota_exceeded);
    EXPECT_EQ(count, 2U);
    first.vanishes();
    second.vanishes();
    EXPECT_EQ(count, 0U);
    Peer third{*bus, Version::v311, seat()};
    EXPECT_EQ(third.connects("c").wire().sent, std::string("\x20\x02\x00\x00", 4));
}

TEST_F(Strangers, NamesAreRefusedWhenTheyAreTooLong) {
    struct Row {
        std::string id, user;
        ReasonCode answer;
    };
    const Row rows[] = {
        {std::string(30, 'i'), "", ReasonCode::success},
        {std::string(31, 'i'), "", ReasonCode::client_identifier_not_valid},
        {"i", std::string(20, 'u'), ReasonCode::success},
        {"i", std::string(21, 'u'), ReasonCode::bad_user_name_or_password},
    };
    make({.client_id_bytes_max = 30, .user_name_bytes_max = 20});
    for (const Row& row : rows) {
        SCOPED_TRACE(row.id + " " + row.user);
        Peer peer{*bus, Version::v5};
        Connect connect{.version = Version::v5, .client_id = row.id};
        if (!row.user.empty()) {
            connect.user_name = row.user;
            connect.password = as_bytes(std::string_view{"right"});
        }
        peer.sends(connect).take();
        EXPECT_EQ(peer.connack_reason, row.answer);
    }
    EXPECT_EQ(met().client_id_bytes.value(), 1U);
    EXPECT_EQ(met().user_name_bytes.value(), 1U);
}

TEST_F(Strangers, AFirstPacketThatIsTooLargeEndsTheConnectionUnread) {
    make({.connect_bytes_max = 100});
    Peer peer{*bus, Version::v5};
    // A CONNECT that announces 98 bytes may come; one of 99 has a head of two bytes and is 101.
    peer.sends_bytes(std::string("\x10\x63", 2));
    EXPECT_TRUE(peer.wire().is_destroyed);
    EXPECT_EQ(met().connect_bytes.value(), 1U);
    Peer other{*bus, Version::v5};
    other.sends_bytes(std::string("\x10\x62", 2));
    EXPECT_FALSE(other.wire().is_destroyed);
}

TEST_F(Strangers, OneThatGoesInTheTurnInWhichItIsEndedIsBuriedOnce) {
    for (const bool is_late : {true, false}) {
        make({});
        Peer peer = from("192.0.2.1");
        ByteStreamHandler& handler = *peer.wire().handler;
        if (is_late) bus->clock.advance(1min);
        bus->shard.begin_turn(bus->clock.monotonic(), bus->clock.wall());  // Its time is over,
        if (!is_late) handler.on_bytes(as_bytes("\x30\x01x"));             // or this is no CONNECT.
        EXPECT_EQ(bus->shard.clients_open(), 0U);
        handler.on_closed("the peer closed the connection");
        bus->shard.end_turn();
        EXPECT_TRUE(peer.wire().is_destroyed);
        peer.wire().handler = nullptr;
    }
}

TEST_F(Strangers, WhatIsSentWhileAPasswordIsCheckedIsBounded) {
    make({.connect_bytes_max = 200});
    for (const std::size_t payload : {50, 300}) {
        Peer peer{*bus, Version::v5};
        ByteBuffer bytes;
        mqtt::encode(Connect{.version = Version::v5,
                             .client_id = "a",
                             .user_name = "u",
                             .password = as_bytes(std::string_view{"right"})},
                     bytes);
        const std::string text(payload, 'x');
        mqtt::encode(mqtt::Publish{.topic = "t", .payload = as_bytes(text)}, Version::v5, bytes);
        peer.sends_bytes(as_text(bytes));
        std::ignore = peer.take();
        EXPECT_EQ(peer.connack_reason,
                  payload < 200 ? ReasonCode::success : ReasonCode::quota_exceeded);
    }
}

TEST_F(Strangers, FiltersAreRefusedOneByOneEachForItsReason) {
    make({.subscriptions_max = 3,
          .topic_levels_max = 8,
          .subscription_bytes_max = 60,
          .topic_bytes_max = 40,
          .anonymous_wildcard_all = false});
    struct Row {
        std::string filter;
        ReasonCode answer;
    };
    const Row rows[] = {
        {"#", ReasonCode::not_authorized},
        {"+/#", ReasonCode::not_authorized},
        {"+/+/#", ReasonCode::not_authorized},
        {"a/#", ReasonCode{0}},
        {"1/2/3/4/5/6/7/8/9", ReasonCode::topic_filter_invalid},
        {std::string(41, 'x'), ReasonCode::topic_filter_invalid},
        {std::string(40, 'x'), ReasonCode{0}},
        {std::string(30, 'y'), ReasonCode::quota_exceeded},  // 3 + 40 + 30 bytes.
        {"+/+", ReasonCode{0}},
        {"z", ReasonCode::quota_exceeded},  // The fourth.
        {"a/#", ReasonCode{0}},             // Not a new one.
    };
    Peer peer{*bus, Version::v5};
    peer.connects("a");
    for (const Row& row : rows) {
        peer.subscribes(row.filter).take();
        EXPECT_THAT(peer.suback_reasons, ElementsAre(row.answer)) << row.filter;
    }
    EXPECT_EQ(met().wildcard_all.value(), 3U);
    EXPECT_EQ(met().topic_levels.value(), 1U);
    EXPECT_EQ(met().topic_bytes.value(), 1U);
    EXPECT_EQ(met().subscription_bytes.value(), 1U);
    EXPECT_EQ(met().subscriptions.value(), 1U);
}

TEST_F(Strangers, ASubscribeWithTooManyFiltersIsRefusedWhole) {
    make({.filters_per_subscribe_max = 2});
    Peer peer{*bus, Version::v5};
    peer.connects("a").sends(mqtt::Subscribe{.packet_id = 1, .entries = {{"a", {}}, {"b", {}}}});
    peer.take();
    EXPECT_THAT(peer.suback_reasons, ElementsAre(ReasonCode{0}, ReasonCode{0}));
    peer.sends(mqtt::Subscribe{.packet_id = 2, .entries = {{"a", {}}, {"b", {}}, {"c", {}}}});
    peer.take();
    EXPECT_THAT(peer.suback_reasons,
                ElementsAre(ReasonCode::quota_exceeded, ReasonCode::quota_exceeded,
                            ReasonCode::quota_exceeded));
}

TEST_F(Strangers, RetainedMessagesAreBoundedByCountAndByBytes) {
    make({.retained_count_max = 2, .retained_bytes_max = 1'000});
    Peer peer{*bus, Version::v5};
    peer.connects("a");
    std::uint16_t id = 0;
    const auto answer = [&](std::string_view topic, std::string_view payload) {
        peer.publishes(topic, payload, Qos::at_least_once, ++id, true);
        const auto reasons = peer.take_reasons();
        return reasons.size() == 1 ? reasons[0] : ReasonCode::unspecified_error;
    };
    EXPECT_EQ(answer("a", "1"), ReasonCode::success);
    EXPECT_EQ(answer("b", "1"), ReasonCode::success);
    EXPECT_EQ(answer("c", "1"), ReasonCode::quota_exceeded);
    EXPECT_EQ(answer("b", "2"), ReasonCode::success) << "one in its place";
    EXPECT_EQ(answer("a", ""), ReasonCode::success) << "clears";
    EXPECT_EQ(answer("c", "1"), ReasonCode::success);
    EXPECT_EQ(answer("c", std::string(1'000, 'x')), ReasonCode::quota_exceeded);
    EXPECT_EQ(met().retained_count.value(), 1U);
    EXPECT_EQ(met().retained_bytes.value(), 1U);
}

TEST_F(Strangers, AnAddressThatPublishesTooMuchIsReadMoreSlowlyAndLosesNothing) {
    make({}, {.publishes = {.messages = {10, 5}}});
    Peer reader{*bus, Version::v5};
    reader.connects("r").subscribes("#").take();
    Peer publisher = from("192.0.2.1");
    publisher.connects("p").take();
    for (int i = 0; i < 8; ++i) publisher.publishes("t", std::to_string(i));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("0", "1", "2", "3", "4"));
    EXPECT_FALSE(publisher.wire().is_reading);
    ASSERT_TRUE(bus->shard.wake_at().has_value());
    EXPECT_LE(*bus->shard.wake_at() - bus->clock.monotonic(), 101ms);
    bus->advance(101ms);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("5"));
    bus->advance(200ms);
    EXPECT_THAT(reader.take_payloads(), ElementsAre("6", "7"));
    EXPECT_TRUE(publisher.wire().is_reading);
    EXPECT_FALSE(bus->shard.wake_at().has_value());
    EXPECT_GT(met().publish_quota.value(), 0U);
}

TEST_F(Strangers, AUserHasOneQuotaWhereverItIs) {
    make({.user_publishes = {.messages = {10, 2}}});
    Peer one = from("192.0.2.1");
    Peer two = from("192.0.2.2");
    for (auto [peer, id] : {std::pair{&one, "1"}, {&two, "2"}}) {
        peer->sends(Connect{.version = Version::v5,
                            .client_id = id,
                            .user_name = "u",
                            .password = as_bytes(std::string_view{"right"})});
        peer->take();
    }
    one.publishes("t", "1", Qos::at_least_once, 1);
    two.publishes("t", "2", Qos::at_least_once, 1);
    EXPECT_THAT(one.take(), ElementsAre(PacketType::puback));
    EXPECT_THAT(two.take(), ElementsAre(PacketType::puback));
    one.publishes("t", "3", Qos::at_least_once, 2);
    EXPECT_THAT(one.take(), IsEmpty()) << "held";
    bus->advance(110ms);
    EXPECT_THAT(one.take(), ElementsAre(PacketType::puback)) << "and answered late";
}

TEST_F(Strangers, APublisherThatWouldWaitLongerThanStallMaxIsDisconnected) {
    make({.publish_stall_max = 2s}, {.publishes = {.messages = {1, 1}, .bytes = {10, 10}}});
    Peer publisher = from("192.0.2.1");
    publisher.connects("p").publishes("t", std::string(200, 'x')).publishes("t", "more").take();
    bus->advance(2s);
    EXPECT_THAT(publisher.take(), IsEmpty());
    bus->advance(1s);
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::disconnect));
    EXPECT_EQ(publisher.disconnect_reason, ReasonCode::quota_exceeded);
}

struct Operator : Strangers {};

TEST_F(Operator, SeesConnectionsInPages) {
    make({});
    Peer one = from("192.0.2.1");
    Peer two{*bus, Version::v311};
    Peer three{*bus, Version::v5};
    one.connects("one").subscribes("a/#");
    two.connects("two");
    const auto first = bus->shard.connections(ConnectionId{0}, 2);
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(first[0].client_id, "one");
    EXPECT_EQ(first[0].address, "192.0.2.1");
    EXPECT_EQ(first[0].version, "5.0");
    EXPECT_EQ(first[0].subscriptions, 1U);
    EXPECT_EQ(first[0].reading, "feed");
    EXPECT_EQ(first[1].version, "3.1.1");
    const auto rest = bus->shard.connections(first[1].id, 2);
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0].client_id, "");
    EXPECT_EQ(bus->shard.connection_counts().mqtt, 3U);
    EXPECT_THAT(bus->shard.connections(rest[0].id, 2), IsEmpty());
}

TEST_F(Operator, SeesSessionsWithAndWithoutAConnection) {
    make({.anonymous_sessions = AnonymousSessions::standard});
    Peer one{*bus, Version::v5};
    one.connects("kept", false, 3'600).subscribes("a");
    Peer two{*bus, Version::v5};
    two.connects("brief");
    const auto rows = bus->shard.sessions("", 10);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(bus->shard.sessions(rows[0].place, 10).size(), 1U);
    EXPECT_EQ(bus->shard.sessions("", 1)[0].place, rows[0].place);
    for (const SessionRow& row : rows) {
        EXPECT_EQ(row.is_durable, row.client_id == "kept");
        EXPECT_TRUE(row.is_connected);
    }
}

// Packed ones too: each once, over pages of every size.
TEST_F(Operator, SeesSessionsOfAbsentClientsInPages) {
    make({.anonymous_sessions = AnonymousSessions::standard});
    std::set<std::string> ids;
    for (int i = 0; i < 7; ++i) {
        const std::string id = "s" + std::to_string(i);
        ids.insert(id);
        Peer peer{*bus, Version::v5};
        peer.sends(Connect{.version = Version::v5,
                           .clean_start = false,
                           .client_id = id,
                           .user_name = "w",
                           .password = as_bytes(std::string_view{"right"}),
                           .session_expiry_s = 3'600});
        peer.subscribes("a", Qos::at_least_once);
        peer.vanishes();
    }
    Peer here{*bus, Version::v5};
    here.connects("here", false, 3'600);
    ids.insert("here");
    for (std::size_t limit = 1; limit <= 9; ++limit) {
        SCOPED_TRACE(limit);
        std::multiset<std::string> seen;
        std::string after;
        for (auto rows = bus->shard.sessions("", limit); !rows.empty();
             rows = bus->shard.sessions(after, limit)) {
            for (const SessionRow& row : rows) {
                seen.insert(row.client_id);
                EXPECT_EQ(row.is_connected, row.client_id == "here");
                if (row.is_connected) continue;
                EXPECT_EQ(row.user_name, "w");
                EXPECT_EQ(row.expires_in_s, 3'600U);
                EXPECT_EQ(row.subscriptions, 1U);
            }
            after = rows.back().place;
        }
        EXPECT_THAT(seen, ::testing::ElementsAreArray(ids));
    }
    EXPECT_EQ(bus->shard.sessions_stored(), ids.size());
}

TEST_F(Operator, DisconnectsAClientByItsId) {
    make({});
    Peer one{*bus, Version::v5};
    Peer other{*bus, Version::v5};
    one.connects("one").take();
    other.connects("other").take();
    EXPECT_EQ(bus->shard.oust("nobody"), 0U);
    EXPECT_EQ(bus->shard.oust("one"), 1U);
    bus->turn();
    EXPECT_THAT(one.take(), ElementsAre(PacketType::disconnect));
    EXPECT_EQ(one.disconnect_reason, ReasonCode::administrative_action);
    EXPECT_TRUE(one.wire().is_shut_down);
    EXPECT_FALSE(other.wire().is_shut_down);
}

TEST_F(Operator, SeesThePacketsOfOneClientWithoutPayloads) {
    make({});
    Peer one{*bus, Version::v5};
    one.connects("one").take();
    std::vector<std::string> lines;
    bool is_listening = true;
    ASSERT_TRUE(bus->shard.trace("one", [&](const TraceLine* line) {
        if (line != nullptr) {
            lines.push_back((line->direction == TraceLine::Direction::in ? "in " : "out ") +
                            std::string{mqtt::name(line->type)} + " " + std::string{line->topic});
        }
        return is_listening;
    }));
    one.publishes("a/b", "secret", Qos::at_least_once, 7);
    Peer other{*bus, Version::v5};
    other.connects("other").publishes("c", "x");
    EXPECT_THAT(lines, ElementsAre("in PUBLISH a/b", "out PUBACK "));
    is_listening = false;
    one.publishes("a/b", "x");
    lines.clear();
    one.publishes("a/b", "x");
    EXPECT_THAT(lines, IsEmpty()) << "nobody listens any more";
}

TEST_F(Operator, MayTraceSoManyAtOneTime) {
    make({});
    const auto listens = [](const TraceLine*) { return true; };
    for (std::size_t i = 0; i < kTracesMax; ++i) EXPECT_TRUE(bus->shard.trace("x", listens));
    EXPECT_FALSE(bus->shard.trace("x", listens));
}

}  // namespace
}  // namespace firehose::bus
