// SPDX-License-Identifier: Apache-2.0
// Goal:   a stop loses nothing that was on its way, tells who can be told, and waits no longer.
// Method: dialogues with one shard that drains.
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

void begin(Bus& bus) {
    bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall());
    bus.shard.begin_drain();
    bus.shard.end_turn();
    bus.turn();
}

TEST(Drain, WhoHasNothingOnItsWayGoesAtOnce) {
    Bus bus;
    Peer v5{bus, Version::v5};
    v5.connects("5").subscribes("#");
    Peer v311{bus, Version::v311};
    v311.connects("3");
    Peer silent{bus, Version::v5};  // Has not sent its CONNECT.
    for (Peer* peer : {&v5, &v311}) std::ignore = peer->take();
    begin(bus);
    EXPECT_THAT(v5.take(), ElementsAre(PacketType::disconnect));
    EXPECT_THAT(v311.take(), IsEmpty());
    for (Peer* peer : {&v5, &v311, &silent}) EXPECT_TRUE(peer->wire().is_shut_down);
}

TEST(Drain, AnswersWhatWasPublishedFirst) {
    Bus bus;
    Peer publisher{bus, Version::v5};
    publisher.connects("p");
    std::ignore = publisher.take();
    bus.delayed.hold();
    publisher.publishes("a", "1", Qos::at_least_once, 1);
    begin(bus);
    EXPECT_THAT(publisher.take(), IsEmpty());
    EXPECT_FALSE(publisher.wire().is_reading);
    EXPECT_FALSE(publisher.wire().is_shut_down);
    bus.delayed.let_durable();
    bus.turn();
    EXPECT_THAT(publisher.take(), ElementsAre(PacketType::puback, PacketType::disconnect));
    EXPECT_TRUE(publisher.wire().is_shut_down);
}

TEST(Drain, SendsWhatASlowReaderIsOwed) {
    Bus bus;
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("#");
    std::ignore = reader.take();
    reader.gives_room(3);
    Peer publisher{bus, Version::v5};
    publisher.connects("p").publishes("a", "1");
    begin(bus);
    EXPECT_FALSE(reader.wire().is_shut_down);
    reader.gives_room(SIZE_MAX);
    EXPECT_THAT(reader.take(), ElementsAre(PacketType::publish, PacketType::disconnect));
    EXPECT_TRUE(reader.wire().is_shut_down);
}

TEST(Drain, WaitsForNobodyPastItsEnd) {
    Bus bus;
    Peer reader{bus, Version::v5};
    reader.connects("r").subscribes("#");
    std::ignore = reader.take();
    reader.gives_room(3);
    Peer publisher{bus, Version::v5};
    publisher.connects("p").publishes("a", "1");
    begin(bus);
    bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall());
    bus.shard.end_drain();
    bus.shard.end_turn();
    EXPECT_TRUE(reader.wire().is_shut_down);
    EXPECT_EQ(reader.wire().sent.size(), 3u);
}

TEST(Drain, AWebSocketIsToldThatTheServerGoes) {
    Bus bus;
    Peer peer{bus, Version::v311, true};
    ByteBuffer connect;
    mqtt::encode(mqtt::Connect{.client_id = "w"}, connect);
    ByteBuffer framed;
    ws::append_masked_frame(framed, ws::Opcode::binary, connect, 0x01020304);
    peer.sends_bytes(as_text(framed));
    begin(bus);
    EXPECT_EQ(peer.wire().sent, std::string("\x82\x04\x20\x02\x00\x00"  // CONNACK
                                            "\x88\x02\x03\xe9",         // Close, 1001.
                                            10));
    EXPECT_TRUE(peer.wire().is_shut_down);
}

}  // namespace
}  // namespace firehose::bus
