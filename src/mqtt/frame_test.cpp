// SPDX-License-Identifier: Apache-2.0
// Goal:   a packet is found when it is complete, refused as soon as it cannot be taken.
// Method: every cut point of packets with Remaining Lengths of each size; a table of bad headers.
#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

constexpr std::size_t kLimit = 1'000'000;

TEST(NextFrame, WaitsForTheLastByte) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 400U}) {
        const ByteBuffer whole = packet(0x30, ByteBuffer(size, std::byte{1}));
        for (std::size_t cut = 0; cut < whole.size(); ++cut) {
            const ExactBytes part{ByteSpan{whole}.first(cut)};
            const auto frame = next_frame(part.span(), kLimit);
            ASSERT_TRUE(frame.has_value()) << cut;
            EXPECT_FALSE(frame->has_value()) << cut;
        }
        const ExactBytes exact{whole};
        const auto frame = next_frame(exact.span(), kLimit);
        ASSERT_TRUE(frame.has_value() && frame->has_value());
        EXPECT_EQ((*frame)->type, PacketType::publish);
        EXPECT_EQ((*frame)->packet.size(), whole.size());
        EXPECT_EQ((*frame)->body.size(), size);
    }
}

TEST(NextFrame, LeavesWhatFollowsAlone) {
    const ByteBuffer bytes = from_hex("c000 d000");
    const auto frame = next_frame(bytes, kLimit);
    ASSERT_TRUE(frame.has_value() && frame->has_value());
    EXPECT_EQ((*frame)->type, PacketType::pingreq);
    EXPECT_EQ((*frame)->packet.size(), 2U);
}

TEST(NextFrame, RefusesBadHeadersBeforeTheBodyArrives) {
    struct Row {
        const char* hex;
        ReasonCode reason;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {"00", ReasonCode::malformed_packet, "2.1.2: type 0 is reserved"},
        {"0f00", ReasonCode::malformed_packet, "2.1.2: type 0 is reserved"},
        {"30ffffffff", ReasonCode::malformed_packet, "a fourth byte that promises a fifth"},
        {"30ffffffff7f", ReasonCode::malformed_packet, "bad-inputs 7: five bytes"},
        {"c08000", ReasonCode::malformed_packet, "MQTT-1.5.5-1: overlong zero"},
        {"30ffffff7f", ReasonCode::packet_too_large, "bad-inputs 4: 268,435,455 and nothing"},
        {"30c0843d", ReasonCode::packet_too_large, "1,000,000 and its header"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        const ExactBytes bytes{ByteSpan{from_hex(row.hex)}};
        const auto frame = next_frame(bytes.span(), kLimit);
        ASSERT_FALSE(frame.has_value());
        EXPECT_EQ(frame.error().reason, row.reason);
    }
}

TEST(NextFrame, TakesAPacketOfExactlyTheLimit) {
    const ByteBuffer bytes = packet(0x30, ByteBuffer(126, std::byte{1}));
    EXPECT_TRUE(next_frame(bytes, 128).has_value());
    EXPECT_FALSE(next_frame(bytes, 127).has_value());
}

}  // namespace
}  // namespace firehose::mqtt
