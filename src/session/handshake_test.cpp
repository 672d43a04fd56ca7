// SPDX-License-Identifier: Apache-2.0
// Goal:   CONNECT comes first [MQTT-3.1.0-1], once [MQTT-3.1.0-2], and soon (section 3.1.4).
// Method: a script of events and the one action each must answer; no sockets, no sleeping.
#include "session/handshake.h"

#include <gtest/gtest.h>

namespace firehose::session {
namespace {

using namespace std::chrono_literals;
using mqtt::PacketType;
using mqtt::ReasonCode;

const Action kProceed{};

TEST(Handshake, AnythingBeforeConnectIsClosedInSilence) {  // Bad inputs 2 and 3.
    for (int type = 2; type <= 15; ++type) {
        Handshake handshake{10s};
        EXPECT_EQ(handshake.on_packet(static_cast<PacketType>(type)),
                  (Action{Action::Kind::close_in_silence, {}, "MQTT-3.1.0-1"}))
            << type;
        EXPECT_FALSE(handshake.is_connected());
    }
}

TEST(Handshake, ASecondConnectIsAProtocolError) {
    Handshake handshake{10s};
    ASSERT_EQ(handshake.on_packet(PacketType::connect), kProceed);
    ASSERT_EQ(handshake.on_packet(PacketType::pingreq), kProceed);
    EXPECT_EQ(handshake.on_packet(PacketType::connect),
              (Action{Action::Kind::disconnect, ReasonCode::protocol_error, "MQTT-3.1.0-2"}));
}

TEST(Handshake, PacketsOfAServerAreProtocolErrors) {  // Bad inputs 1, 2 and 45.
    for (const PacketType type : {PacketType::connack, PacketType::suback, PacketType::unsuback,
                                  PacketType::pingresp, PacketType::auth}) {
        Handshake handshake{10s};
        ASSERT_EQ(handshake.on_packet(PacketType::connect), kProceed);
        const Action action = handshake.on_packet(type);
        EXPECT_EQ(action.kind, Action::Kind::disconnect) << type;
        EXPECT_EQ(action.reason, ReasonCode::protocol_error) << type;
    }
}

TEST(Handshake, APacketOfAClientProceedsOnceConnected) {
    Handshake handshake{10s};
    ASSERT_EQ(handshake.on_packet(PacketType::connect), kProceed);
    for (const PacketType type :
         {PacketType::publish, PacketType::puback, PacketType::pubrec, PacketType::pubrel,
          PacketType::pubcomp, PacketType::subscribe, PacketType::unsubscribe, PacketType::pingreq,
          PacketType::disconnect}) {
        EXPECT_EQ(handshake.on_packet(type), kProceed) << type;
    }
}

TEST(Handshake, ASilentClientIsClosedAtTheTimeoutAndNotBefore) {
    Handshake handshake{10s};
    EXPECT_EQ(handshake.on_tick(9'999ms), kProceed);
    EXPECT_EQ(handshake.on_tick(10'000ms), (Action{Action::Kind::close_in_silence, {}, {}}));
    ASSERT_EQ(handshake.on_packet(PacketType::connect), kProceed);
    EXPECT_EQ(handshake.on_tick(1h), kProceed);
}

}  // namespace
}  // namespace firehose::session
