// SPDX-License-Identifier: Apache-2.0
// Goal:   what one shard owes its clients: feeds, windows, sessions, wills, retained copies, and
//         what becomes of readers that are slow.
// Method: a real shard over a real log in memory, clients made of bytes, time moved by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"
#include "ws/encoder.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;

TEST(Shard, AFeedReachesEveryMember) {
    Bus bus;
    Peer first{bus, Version::v311};
    Peer second{bus, Version::v5};
    Peer publisher{bus, Version::v311};
    first.connects("1").subscribes("a/#");
    second.connects("2").subscribes("a/+");
    publisher.connects("p").publishes("a/b", "hello");
    EXPECT_THAT(first.take(),
                ElementsAre(PacketType::connack, PacketType::suback, PacketType::publish));
    EXPECT_THAT(first.take_payloads(), ElementsAre("hello"));
    EXPECT_THAT(second.take_payloads(), ElementsAre("hello"));
    EXPECT_EQ(bus.shard.metrics().feeds.value(), 2U);
}

TEST(Shard, AcknowledgesQos1AndQos2) {
    Bus bus;
    Peer publisher{bus, Version::v311};
    publisher.connects("p").publishes("a", "1", Qos::at_least_once, 7);
    publisher.publishes("a", "2", Qos::exactly_once, 8);
    publisher.publishes("a", "2", Qos::exactly_once, 8);  // Again: not appended again.
    publisher.acks(PacketType::pubrel, 8);
    EXPECT_THAT(publisher.take(),
                ElementsAre(PacketType::connack, PacketType::puback, PacketType::pubrec,
                            PacketType::pubrec, PacketType::pubcomp));
    EXPECT_EQ(number(bus.log.end()) - number(bus.log.oldest()), 2U);
}

TEST(Shard, DeliversQos2InFourSteps) {
    Bus bus;
    Peer reader{bus, Version::v311};
    Peer publisher{bus, Version::v311};
    reader.connects("r").subscribes("a", Qos::exactly_once);
    publisher.connects("p").publishes("a", "x", Qos::exactly_once, 1);
    const auto got = reader.take_publishes();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].qos, Qos::exactly_once);
    EXPECT_EQ(got[0].packet_id, 1);
    reader.acks(PacketType::pubrec, 1);
    EXPECT_THAT(reader.take(), ElementsAre(PacketType::pubrel));
    reader.acks(PacketType::pubcomp, 1);
    EXPECT_THAT(reader.take(), IsEmpty());
}

TEST(Shard, ARecordThatSeveralFiltersMatchIsSentOnce) {
    Bus bus;
    Peer reader{bus, Version::v311};
    Peer publisher{bus, Version::v311};
    reader.connects("r").subscribes("a/#").subscribes("a/+", Qos::at_least_once);
    publisher.connects("p").publishes("a/b", "x", Qos::at_least_once, 1);
    const auto got = reader.take_publishes();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].qos, Qos::at_least_once);
}

TEST(Shard, AFullWindowHoldsBackInOrderAndGoesOnWithAcknowledgements) {
    for (const std::size_t owed : {std::size_t{0}, std::size_t{3}, std::size_t{256}}) {
        SCOPED_TRACE(owed);
        Settings settings;
        settings.session_inflight_max = 2;
        settings.owed_refs = owed;
        Bus bus{settings};
        Peer reader{bus, Version::v311};
        Peer publisher{bus, Version::v311};
        reader.connects("r").subscribes("#", Qos::at_least_once);
        publisher.connects("p");
        for (std::uint16_t i = 1; i <= 10; ++i) {
            publisher.publishes("a", std::to_string(i), Qos::at_least_once, i);
        }
        std::vector<std::string> all;
        for (int i = 0; i < 10; ++i) {
            for (const auto& got : reader.take_publishes()) {
                all.push_back(got.payload);
                reader.acks(PacketType::puback, got.packet_id);
            }
        }
        EXPECT_THAT(all, ElementsAre("1", "2", "3", "4", "5", "6", "7", "8", "9", "10"));
    }
}

TEST(Shard, ASessionGetsWhatItIsOwedInOrderAndWithDup) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    Bus bus{settings};
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    {
        Peer reader{bus, Version::v311};
        reader.connects("r", false).subscribes("#", Qos::at_least_once);
        publisher.publishes("a", "unacknowledged", Qos::at_least_once, 1);
        EXPECT_EQ(reader.take_publishes().size(), 1U);
        reader.vanishes();
    }
    publisher.publishes("a", "missed", Qos::at_least_once, 2);
    publisher.publishes("a", "qos 0 while away");
    Peer reader{bus, Version::v311};
    reader.connects("r", false);
    const auto got = reader.take_publishes();
    EXPECT_TRUE(reader.connack_present);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].payload, "unacknowledged");
    EXPECT_TRUE(got[0].dup);
    EXPECT_EQ(got[1].payload, "missed");
    EXPECT_FALSE(got[1].dup);
}

TEST(Shard, BlocksFetchedForAPacketToSendAgainDoNotMoveTheCursor) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    settings.session_inflight_max = 1;
    // Nothing stays in memory: what is sent again comes from disk.
    Bus bus{settings, "topic readwrite #\n", {.memory_bytes = 1}};
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    const auto publish = [&](std::string_view payload, std::uint16_t id, bool retain) {
        publisher.publishes("a", payload, Qos::at_least_once, id, retain);
    };
    std::vector<std::string> got;
    const auto take = [&](Peer& from) {
        for (const auto& message : from.take_publishes()) {
            got.push_back(message.payload + (message.retain ? " copy" : ""));
        }
    };
    Peer first{bus, Version::v311};
    first.connects("r", false).subscribes("#", Qos::at_least_once);
    publish("1", 1, false);
    publish("2", 2, false);  // Owed: the window is full.
    publish("3", 3, true);
    first.subscribes("#", Qos::at_least_once).acks(PacketType::puback, 1);
    take(first);  // The copy is in flight now, and 2 is not yet sent.
    first.vanishes();
    Peer second{bus, Version::v311};
    second.connects("r", false).acks(PacketType::puback, 1);
    second.acks(PacketType::puback, 1);
    take(second);
    EXPECT_THAT(got, ElementsAre("1", "3 copy", "3 copy", "2", "3"));
}

TEST(Shard, AnAnonymousClientTakesNobodyOver) {
    Bus bus;
    Peer first{bus, Version::v311};
    Peer second{bus, Version::v311};
    first.connects("same", false).subscribes("#");
    second.connects("same", false).subscribes("#");
    Peer publisher{bus, Version::v311};
    publisher.connects("p").publishes("a", "x");
    EXPECT_THAT(first.take_payloads(), ElementsAre("x"));
    EXPECT_THAT(second.take_payloads(), ElementsAre("x"));
    EXPECT_FALSE(second.connack_present);
}

TEST(Shard, ATakeOverClosesTheOldConnection) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    Bus bus{settings};
    Peer first{bus, Version::v5};
    Peer second{bus, Version::v5};
    first.connects("same");
    second.connects("same");
    EXPECT_THAT(first.take(), ElementsAre(PacketType::connack, PacketType::disconnect));
    EXPECT_TRUE(first.wire().is_shut_down);
    EXPECT_THAT(second.take(), ElementsAre(PacketType::connack));
}

TEST(Shard, ATakeOverOfAPublisherThatIsHeldBackIsNoHarm) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    settings.publish_inflight_max = 1;
    Bus bus{settings};
    Peer first{bus, Version::v311};
    Peer second{bus, Version::v311};
    first.connects("same");
    ByteBuffer publishes;
    for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}}) {
        mqtt::encode(mqtt::Publish{.qos = Qos::at_least_once, .topic = "t", .packet_id = id},
                     Version::v311, publishes);
    }
    ByteBuffer connect;
    mqtt::encode(mqtt::Connect{.version = Version::v311, .client_id = "same"}, connect);
    // All in one turn: the second PUBLISH waits for the window when the session goes.
    first.wire().handler->on_bytes(publishes);
    EXPECT_FALSE(first.wire().is_reading);
    second.wire().handler->on_bytes(connect);
    bus.turn();
    EXPECT_TRUE(first.wire().is_shut_down);
    EXPECT_THAT(second.take(), ElementsAre(PacketType::connack));
}

TEST(Shard, ARepeatedQos2PublishIsAnsweredThoughItsFirstConnectionIsGone) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    Bus bus{settings};
    Peer first{bus, Version::v5};
    first.connects("p", true, 1'000);
    ByteBuffer publish;
    mqtt::encode(mqtt::Publish{.qos = Qos::exactly_once, .topic = "t", .packet_id = 9}, Version::v5,
                 publish);
    // The connection breaks in the turn of its PUBLISH, before anything can be answered.
    first.wire().handler->on_bytes(publish);
    first.vanishes();
    Peer again{bus, Version::v5};
    again.connects("p", false, 1'000);
    EXPECT_THAT(again.take(), ElementsAre(PacketType::connack));
    EXPECT_TRUE(again.connack_present);
    again.sends(mqtt::Publish{.dup = true, .qos = Qos::exactly_once, .topic = "t", .packet_id = 9});
    EXPECT_THAT(again.take(), ElementsAre(PacketType::pubrec));
    EXPECT_EQ(bus.log.metrics().records_total, 3u);  // Opened, opened again, the message once.
}

TEST(Shard, RetainedCopiesComeAfterTheSubackAndNeverStale) {
    Bus bus;
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    publisher.publishes("a/1", "old", Qos::at_most_once, 0, true);
    publisher.publishes("a/1", "new", Qos::at_most_once, 0, true);
    publisher.publishes("a/2", "gone", Qos::at_most_once, 0, true);
    publisher.publishes("a/2", "", Qos::at_most_once, 0, true);
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("a/#");
    EXPECT_THAT(reader.take(),
                ElementsAre(PacketType::connack, PacketType::suback, PacketType::publish));
    const auto got = reader.take_publishes();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].payload, "new");
    EXPECT_TRUE(got[0].retain);
    publisher.publishes("a/1", "live", Qos::at_most_once, 0, true);
    EXPECT_FALSE(reader.take_publishes().at(0).retain);
}

TEST(Shard, AWillIsPublishedWhenTheConnectionIsLostAndNotAfterDisconnect) {
    Bus bus;
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("will/#");
    const mqtt::Connect connect{.version = Version::v311,
                                .client_id = "w",
                                .will = mqtt::Will{.topic = "will/w", .payload = as_bytes("gone")}};
    Peer lost{bus, Version::v311};
    lost.sends(connect).vanishes();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("gone"));
    Peer polite{bus, Version::v311};
    polite.sends(connect).sends(mqtt::Disconnect{});
    polite.vanishes();
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
}

TEST(Shard, ASilentClientIsClosedAfterOneAndAHalfKeepAlives) {
    Bus bus;
    Peer client{bus, Version::v5};
    client.sends(mqtt::Connect{.version = Version::v5, .keep_alive_s = 10, .client_id = "c"});
    bus.advance(std::chrono::seconds{14});
    EXPECT_FALSE(client.wire().is_shut_down);
    bus.advance(std::chrono::seconds{2});
    EXPECT_TRUE(client.wire().is_shut_down);
    EXPECT_THAT(client.take(), ElementsAre(PacketType::connack, PacketType::disconnect));
}

TEST(Shard, WhoMayNotPublishIsToldInFiveAndNotClosed) {
    Bus bus{{}, "topic read #\nuser writer\ntopic readwrite #\n"};
    Peer reader{bus, Version::v311};
    reader.connects("r").subscribes("#");
    Peer stranger{bus, Version::v5};
    stranger.connects("s").publishes("a", "x", Qos::at_least_once, 1);
    stranger.publishes("a", "y", Qos::exactly_once, 2).publishes("a", "z");
    EXPECT_THAT(stranger.take(),
                ElementsAre(PacketType::connack, PacketType::puback, PacketType::pubrec));
    Peer writer{bus, Version::v311};
    writer.sends(
        mqtt::Connect{.client_id = "w", .user_name = "writer", .password = as_bytes("right")});
    writer.publishes("a", "granted", Qos::at_least_once, 1);
    EXPECT_THAT(writer.take(), ElementsAre(PacketType::connack, PacketType::puback));
    EXPECT_THAT(reader.take_payloads(), ElementsAre("granted"));
    EXPECT_EQ(bus.shard.metrics().publishes_denied.value(), 3U);
}

TEST(Shard, AWrongPasswordIsRefused) {
    Bus bus;
    Peer client{bus, Version::v5};
    client.sends(mqtt::Connect{
        .version = Version::v5, .client_id = "w", .user_name = "u", .password = as_bytes("wrong")});
    EXPECT_THAT(client.take(), ElementsAre(PacketType::connack));
    EXPECT_EQ(client.connack_reason, mqtt::ReasonCode::bad_user_name_or_password);
    EXPECT_TRUE(client.wire().is_shut_down);
}

/// A reader whose socket takes few bytes at a time falls out of its feed and misses nothing, in
/// whatever place of a packet it was stopped.
TEST(Shard, AReaderThatFallsOutOfItsFeedIsCaughtUpFromTheLog) {
    for (const std::size_t first_room : {0U, 1U, 5U, 100U, 70'000U, 150'001U}) {
        SCOPED_TRACE(first_room);
        Settings settings;
        settings.feed_window_bytes = 128 * 1024;
        Bus bus{settings,
                "topic readwrite #\n",
                {.memory_bytes = 64 * 1024, .segment_bytes = 256 * 1024}};
        Peer slow{bus, Version::v311};
        Peer quick{bus, Version::v311};
        slow.connects("s").subscribes("#");
        quick.connects("q").subscribes("#");
        ASSERT_EQ(slow.take().size(), 2U);
        slow.gives_room(first_room);
        Peer publisher{bus, Version::v311};
        publisher.connects("p");
        constexpr std::size_t kCount = 500;
        for (std::size_t i = 0; i < kCount; ++i) {
            publisher.publishes("t", std::to_string(i) + std::string(1'000, '.'));
        }
        EXPECT_EQ(quick.take_publishes().size(), kCount);
        EXPECT_GT(bus.shard.metrics().members_fallen_out.value(), 0U);
        slow.sends_bytes(std::string_view{"\xc0\x00", 2});  // PINGREQ: answered in between.
        for (int i = 0; i < 2'000 && slow.wire().wants_room; ++i) slow.gives_room(1'777);
        slow.gives_room(SIZE_MAX);
        const auto got = slow.take_publishes();
        ASSERT_EQ(got.size(), kCount);
        for (std::size_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(got[i].payload.starts_with(std::to_string(i) + "."));
        }
    }
}

/// A log in memory forgets what nobody needs (SegmentLog::note_needed): so all that somebody may
/// still ask for must be told to it.
TEST(Shard, ALogInMemoryKeepsWhatAnyWayToReadStillNeeds) {
    Settings settings{.anonymous_sessions = AnonymousSessions::standard};
    settings.feed_window_bytes = 32 * 1024;
    Bus bus{
        settings, "topic readwrite #\n", {.memory_bytes = 64 * 1024, .segment_bytes = 64 * 1024}};
    Peer feed{bus, Version::v311};    // Stops reading, falls out of its feed.
    Peer own{bus, Version::v5};       // Stops reading at QoS 0, on its own.
    Peer window{bus, Version::v311};  // Acknowledges nothing.
    Peer away{bus, Version::v311};    // Its session waits.
    feed.connects("feed").subscribes("#");
    own.connects("own").sends(
        mqtt::Subscribe{.packet_id = 1, .entries = {{"#", {}}}, .subscription_id = 7});
    window.connects("window").subscribes("#", mqtt::Qos::at_least_once);
    away.connects("away", false).subscribes("#", mqtt::Qos::at_least_once);
    for (Peer* peer : {&feed, &own, &window, &away}) std::ignore = peer->take();
    feed.gives_room(1'000);
    own.gives_room(1'000);
    away.vanishes();
    Peer publisher{bus, Version::v311};
    publisher.connects("p");
    constexpr std::size_t kCount = 600;
    for (std::size_t i = 0; i < kCount; ++i) {
        publisher.publishes("t", std::to_string(i) + std::string(1'000, '.'),
                            mqtt::Qos::at_least_once, 1);
    }
    const auto expect_all = [=](const std::vector<std::string>& payloads) {
        ASSERT_EQ(payloads.size(), kCount);
        for (std::size_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(payloads[i].starts_with(std::to_string(i) + ".")) << i;
        }
    };
    const auto acknowledges_all = [](Peer& peer) {
        std::vector<std::string> payloads;
        while (true) {
            const auto got = peer.take_publishes();
            if (got.empty()) return payloads;
            for (const auto& each : got) {
                payloads.push_back(each.payload);
                if (each.packet_id == 0) continue;
                peer.acks(mqtt::PacketType::puback, each.packet_id);
            }
        }
    };
    feed.gives_room(SIZE_MAX);
    own.gives_room(SIZE_MAX);
    {
        SCOPED_TRACE("feed");
        expect_all(feed.take_payloads());
    }
    {
        SCOPED_TRACE("own");
        expect_all(own.take_payloads());
    }
    {
        SCOPED_TRACE("window");
        expect_all(acknowledges_all(window));
    }
    SCOPED_TRACE("back");
    Peer back{bus, Version::v311};
    back.connects("away", false);
    expect_all(acknowledges_all(back));
    // Now nobody needs anything: it is forgotten.
    for (std::size_t i = 0; i < 200; ++i) publisher.publishes("u", std::string(1'000, '.'));
    std::ignore = acknowledges_all(window);
    std::ignore = acknowledges_all(back);
    for (std::size_t i = 0; i < 200; ++i) publisher.publishes("v", std::string(1'000, '.'));
    EXPECT_EQ(bus.log.metrics().segments, 0U);
}

TEST(Shard, SysTopicsAreSentOnSubscribeAndOnTheirInterval) {
    Bus bus;
    Peer reader{bus, Version::v311};
    bus.advance(std::chrono::seconds{1});
    reader.connects("r").subscribes("$SYS/broker/clients/+");
    EXPECT_THAT(reader.take_publishes(), ::testing::SizeIs(::testing::Ge(1U)));
    Peer other{bus, Version::v311};
    other.connects("o");
    bus.advance(std::chrono::seconds{11});
    bool is_told = false;
    for (const auto& got : reader.take_publishes()) {
        is_told = is_told || (got.topic == "$SYS/broker/clients/connected" && got.payload == "2");
    }
    EXPECT_TRUE(is_told);
}

TEST(Shard, PacketsMayArriveByteByByte) {
    Bus bus;
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("#");
    ByteBuffer bytes;
    mqtt::encode(mqtt::Connect{.version = Version::v5, .client_id = "p"}, bytes);
    mqtt::encode(
        mqtt::Publish{
            .qos = Qos::at_least_once, .topic = "a", .packet_id = 3, .payload = as_bytes("x")},
        Version::v5, bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        Peer publisher{bus, Version::v5};
        publisher.sends_bytes(as_text(ByteSpan{bytes}.first(cut)));
        publisher.sends_bytes(as_text(ByteSpan{bytes}.subspan(cut)));
        ASSERT_THAT(publisher.take(), ElementsAre(PacketType::connack, PacketType::puback)) << cut;
        ASSERT_THAT(reader.take_payloads(), ElementsAre("x")) << cut;
    }
}

/// [MQTT-3.10.4-2]: what was not in flight is dropped; the rest of a half-sent packet is not.
TEST(Shard, ChangingSubscriptionsWithABacklogCutsNoPacketAndLosesNone) {
    for (const std::size_t room : {0U, 3U, 40U, 75U}) {
        SCOPED_TRACE(room);
        Bus bus;
        Peer slow{bus, Version::v311};
        Peer publisher{bus, Version::v311};
        publisher.connects("p");
        slow.connects("s").subscribes("a");
        ASSERT_EQ(slow.take().size(), 2U);
        slow.gives_room(room);
        for (int i = 0; i < 5; ++i) publisher.publishes("a", "a" + std::to_string(i));
        publisher.publishes("b", "before it subscribed");
        slow.subscribes("b");
        publisher.publishes("b", "b5");
        publisher.publishes("a", "a6");
        slow.gives_room(SIZE_MAX);
        EXPECT_THAT(slow.take_payloads(), ElementsAre("a0", "a1", "a2", "a3", "a4", "b5", "a6"));
    }
}

TEST(Shard, WebSocketReadersGetOneFrameAPacket) {
    Bus bus;
    Peer reader{bus, Version::v311, true};
    ByteBuffer packets;
    mqtt::encode(mqtt::Connect{.client_id = "w"}, packets);
    mqtt::encode(mqtt::Subscribe{.packet_id = 1, .entries = {{"#", {}}}}, Version::v311, packets);
    ByteBuffer framed;
    ws::append_masked_frame(framed, ws::Opcode::binary, packets, 0x01020304);
    for (const std::byte byte : framed) reader.sends_bytes(as_text(ByteSpan{&byte, 1}));
    Peer publisher{bus, Version::v311};
    publisher.connects("p").publishes("t", "x");
    const std::string expected{
        "\x82\x04\x20\x02\x00\x00"      // CONNACK
        "\x82\x05\x90\x03\x00\x01\x00"  // SUBACK
        "\x82\x06\x30\x04\x00\x01tx",   // PUBLISH
        6 + 7 + 8};
    EXPECT_EQ(reader.wire().sent, expected);
}

TEST(Shard, WebSocketsArePingedAndToldThatTheyAreClosed) {
    Bus bus{{.websocket_ping_interval = std::chrono::seconds{30}}};
    Peer reader{bus, Version::v311, true};
    // A masked frame with CONNECT, keep-alive 40 s. Frames that come back have two bytes of header.
    reader.sends_bytes(std::string{"\x82\x8f\0\0\0\0", 6} +
                       std::string{"\x10\x0d\x00\x04MQTT\x04\x02\x00\x28\x00\x01r", 15});
    EXPECT_EQ(std::exchange(reader.wire().sent, ""), (std::string{"\x82\x04\x20\x02\0\0", 6}));
    bus.advance(std::chrono::seconds{29});
    EXPECT_EQ(reader.wire().sent, "");
    bus.advance(std::chrono::seconds{2});
    EXPECT_EQ(std::exchange(reader.wire().sent, ""), (std::string{"\x89\0", 2}));
    // A pong is no packet [MQTT-3.1.2-22]: after one and a half times 40 s it is closed, with 1000.
    reader.sends_bytes(std::string{"\x8a\x80\0\0\0\0", 6});
    bus.advance(std::chrono::seconds{30});
    EXPECT_EQ(reader.wire().sent.substr(0, 4), "\x88\x02\x03\xe8");
    EXPECT_TRUE(reader.wire().is_shut_down);
}

TEST(Shard, EventStreamsGetEnvelopes) {
    Bus bus{{}, "topic read #\nuser w\ntopic write #\n"};
    auto wire = std::make_shared<testing::Wire>();
    bus.shard.accept_event_stream(
        {.stream = std::make_unique<testing::WireStream>(wire), .entrance = bus.entrance}, "a/#",
        Encoding::ndjson);
    Peer publisher{bus, Version::v311};
    publisher.sends(
        mqtt::Connect{.client_id = "w", .user_name = "w", .password = as_bytes("right")});
    publisher.publishes("b", "not asked for").publishes("a/\"", "line\n\"quoted\"");
    publisher.publishes("a", "\xff\xfe");
    const std::uint64_t first = number(bus.log.oldest());
    const std::string time = to_rfc3339(bus.clock.wall_now);
    EXPECT_EQ(wire->sent, "{\"seq\":" + std::to_string(first + 1) + ",\"time\":\"" + time +
                              "\",\"topic\":\"a/\\\"\",\"payload\":\"line\\n\\\"quoted\\\"\"}\n" +
                              "{\"seq\":" + std::to_string(first + 2) + ",\"time\":\"" + time +
                              "\",\"topic\":\"a\",\"payload_base64\":\"//4=\"}\n");
}

TEST(Shard, AFullLogHoldsPublishersBackAndEndsThemAfterTheStall) {
    Settings settings;
    settings.publish_stall_max = std::chrono::seconds{10};
    Bus bus{settings, "topic readwrite #\n", {.unwritten_bytes_max = 64 * 1'024}};
    bus.files.set_faults({.bytes_max = 0});
    Peer stuck{bus, Version::v311};  // Needs what nobody else does.
    stuck.connects("s").subscribes("t").gives_room(0);
    Peer publisher{bus, Version::v5};
    publisher.connects("p");
    for (std::uint16_t i = 1; i <= 60; ++i) {
        publisher.publishes("t", std::string(1'000, 'x'), Qos::at_least_once, i);
    }
    EXPECT_FALSE(publisher.wire().is_reading);
    EXPECT_FALSE(publisher.wire().is_shut_down);
    bus.advance(std::chrono::seconds{12});
    EXPECT_TRUE(publisher.wire().is_shut_down);
}

TEST(Shard, ADelayedWillWaitsAndIsTakenBackByTheClientsReturn) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    for (const bool returns : {false, true}) {
        SCOPED_TRACE(returns);
        Bus bus{settings};
        Peer reader{bus, Version::v5};
        reader.connects("r").subscribes("will");
        const mqtt::Connect connect{
            .version = Version::v5,
            .clean_start = false,
            .client_id = "w",
            .will = mqtt::Will{.topic = "will", .payload = as_bytes("gone"), .delay_s = 5},
            .session_expiry_s = 60};
        Peer lost{bus, Version::v5};
        lost.sends(connect).vanishes();
        bus.advance(std::chrono::seconds{4});
        EXPECT_THAT(reader.take_payloads(), IsEmpty());
        Peer back{bus, Version::v5};
        if (returns) back.sends(connect);
        bus.advance(std::chrono::seconds{3});
        EXPECT_EQ(reader.take_payloads().size(), returns ? 0U : 1U);
    }
}

TEST(Shard, ASessionEndsAtItsExpiry) {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    for (const int seconds : {29, 31}) {
        Bus bus{settings};
        Peer first{bus, Version::v5};
        first.connects("s", false, 30).subscribes("#").vanishes();
        bus.advance(std::chrono::seconds{seconds});
        Peer second{bus, Version::v5};
        second.connects("s", false, 30).take();
        EXPECT_EQ(second.connack_present, seconds < 30);
    }
}

}  // namespace
}  // namespace firehose::bus
