// SPDX-License-Identifier: Apache-2.0
// Goal:   each packet of each version reads as it is written, and a cut one is never taken for
//         whole nor read past its end.
// Method: one list of packets as hexadecimal, written by hand from the standard; each is decoded
//         and encoded again, cut at every byte (with its Remaining Length left and corrected), and
//         followed by a byte too many.
#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

struct Row {
    Version version;
    unsigned first_byte;
    const char* body;
    const char* what;
};

constexpr Version k31 = Version::v31;
constexpr Version k311 = Version::v311;
constexpr Version k5 = Version::v5;

// Each in the form that our encoder chooses, so that decoding and encoding gives the same bytes.
constexpr Row kRows[] = {
    {k31, 0x10, "0006 4d5149736470 03 02 003c 0001 61", "CONNECT 3.1"},
    {k311, 0x10, "0004 4d515454 04 02 003c 0001 61", "CONNECT 3.1.1"},
    {k311, 0x10, "0004 4d515454 04 02 0000 0000", "CONNECT 3.1.1 without a client id"},
    {k311, 0x10, "0004 4d515454 04 ee 003c 0001 61 0001 77 0002 6f6b 0001 75 0001 70",
     "CONNECT 3.1.1 with everything"},
    {k5, 0x10, "0004 4d515454 05 00 003c 00 0000", "CONNECT 5.0"},
    {k5, 0x10,
     "0004 4d515454 05 c6 003c 1b 11 00000010 21 0005 27 00001000 22 000a 17 00 19 01"
     "26 0001 6b 0001 76 0001 61 18 18 00000005 01 01 02 00000009 03 0001 74 08 0001 72 09 0001 63"
     "0001 77 0002 6f6b 0001 75 0001 70",
     "CONNECT 5.0 with everything"},
    {k5, 0x10, "0004 4d515454 05 42 003c 00 0001 61 0001 70", "CONNECT 5.0, password only"},
    {k31, 0x20, "00 00", "CONNACK 3.1"},
    {k311, 0x20, "01 00", "CONNACK 3.1.1 with a session"},
    {k311, 0x20, "00 05", "CONNACK 3.1.1 not authorized"},
    {k5, 0x20, "00 00 00", "CONNACK 5.0"},
    {k5, 0x20,
     "00 00 25 11 00000001 21 0001 24 01 25 00 27 00000100 12 0001 61 22 0001 1f 0001 77 28 01 29 "
     "01 2a 00 13 000a",
     "CONNACK 5.0 with everything"},
    {k5, 0x20, "00 87 04 1f 0001 6e", "CONNACK 5.0 refusal"},
    {k31, 0x30, "0001 61 6869", "PUBLISH 3.1 QoS 0"},
    {k311, 0x31, "0003 612f62", "PUBLISH retained, empty"},
    {k311, 0x32, "0001 61 0007 6869", "PUBLISH QoS 1"},
    {k311, 0x3d, "0001 61 ffff 6869", "PUBLISH QoS 2, DUP, retained"},
    {k5, 0x30, "0001 61 00 6869", "PUBLISH 5.0"},
    {k5, 0x30, "0000 03 23 0001 78", "PUBLISH 5.0 by alias"},
    {k5, 0x34, "0001 61 0007 16 0b 01 0b 8002 01 01 02 0000003c 26 0001 6e 0001 76 09 0000 78",
     "PUBLISH 5.0 with properties"},
    {k31, 0x40, "0007", "PUBACK 3.1"},
    {k311, 0x50, "0007", "PUBREC 3.1.1"},
    {k311, 0x62, "0007", "PUBREL 3.1.1"},
    {k5, 0x70, "0007", "PUBCOMP 5.0"},
    {k5, 0x40, "0007 10", "PUBACK no matching subscribers"},
    {k5, 0x50, "0007 87 04 1f 0001 6e", "PUBREC with a reason string"},
    {k5, 0x62, "0007 92", "PUBREL unknown identifier"},
    {k31, 0x82, "0001 0001 23 01", "SUBSCRIBE 3.1"},
    {k311, 0x82, "0001 0001 23 00 0003 612f2b 02", "SUBSCRIBE 3.1.1"},
    {k5, 0x82, "0001 0a 0b 8001 26 0001 6b 0001 76 0001 23 2e 0001 61 11", "SUBSCRIBE 5.0"},
    {k311, 0x90, "0001 00 01 02 80", "SUBACK 3.1.1"},
    {k5, 0x90, "0001 04 1f 0001 6e 02 9e", "SUBACK 5.0"},
    {k311, 0xa2, "0001 0001 23 0001 61", "UNSUBSCRIBE 3.1.1"},
    {k5, 0xa2, "0001 00 0001 23", "UNSUBSCRIBE 5.0"},
    {k311, 0xb0, "0001", "UNSUBACK 3.1.1"},
    {k5, 0xb0, "0001 00 00 11", "UNSUBACK 5.0"},
    {k311, 0xc0, "", "PINGREQ"},
    {k5, 0xd0, "", "PINGRESP"},
    {k311, 0xe0, "", "DISCONNECT 3.1.1"},
    {k5, 0xe0, "", "DISCONNECT 5.0, normal"},
    {k5, 0xe0, "04", "DISCONNECT 5.0 with will"},
    {k5, 0xe0, "8b 09 11 00000000 1f 0001 6e", "DISCONNECT 5.0 with properties"},
    {k5, 0xf0, "", "AUTH success"},
    {k5, 0xf0, "18 04 15 0001 6d", "AUTH"},
};

TEST(Packets, DecodeAndEncodeToTheSameBytes) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.what);
        const ExactBytes bytes{ByteSpan{packet(row.first_byte, row.body)}};
        const Frame frame = frame_of(bytes.span());
        const auto error = decoding_error(frame, row.version);
        ASSERT_FALSE(error.has_value()) << *error;
        EXPECT_EQ(recoded(frame, row.version), packet(row.first_byte, row.body));
    }
}

TEST(Packets, AreIncompleteUntilTheirLastByte) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.what);
        const ByteBuffer whole = packet(row.first_byte, row.body);
        for (std::size_t cut = 0; cut < whole.size(); ++cut) {
            const ExactBytes part{ByteSpan{whole}.first(cut)};
            const auto frame = next_frame(part.span(), 1'000);
            ASSERT_TRUE(frame.has_value());
            EXPECT_FALSE(frame->has_value());
        }
    }
}

/// A cut body can be a packet of its own (a shorter payload, a reason left out): then it encodes to
/// something no longer than itself. Else it is refused.
TEST(Packets, CutInsideWithTheirLengthCorrectedAreWholeOrRefused) {
    for (const Row& row : kRows) {
        const ByteBuffer body = from_hex(row.body);
        for (std::size_t cut = 0; cut < body.size(); ++cut) {
            SCOPED_TRACE(std::string{row.what} + " cut at " + std::to_string(cut));
            const ExactBytes bytes{ByteSpan{packet(row.first_byte, ByteSpan{body}.first(cut))}};
            const Frame frame = frame_of(bytes.span());
            const auto error = decoding_error(frame, row.version);
            if (error) {
                EXPECT_LE(error->offset, frame.packet.size());
            } else {
                EXPECT_LE(recoded(frame, row.version).size(), frame.packet.size());
            }
        }
    }
}

TEST(Packets, WithAByteTooManyAreRefusedUnlessItIsPayload) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.what);
        ByteBuffer body = from_hex(row.body);
        if (row.first_byte >> 4U == 3U) continue;
        body.push_back(std::byte{0xEE});
        const ExactBytes bytes{ByteSpan{packet(row.first_byte, body)}};
        EXPECT_TRUE(decoding_error(frame_of(bytes.span()), row.version).has_value());
    }
}

TEST(Packets, WithAnyOtherFlagsAreRefused) {
    for (const Row& row : kRows) {
        const unsigned type = row.first_byte >> 4U;
        if (type == 3U) continue;  // PUBLISH has flags of its own.
        for (unsigned flags = 0; flags < 16; ++flags) {
            const bool is_dup_of_31 = row.version == k31 && flags == 10 && type == 8;
            if (flags == (row.first_byte & 15U) || is_dup_of_31) continue;
            SCOPED_TRACE(std::string{row.what} + " flags " + std::to_string(flags));
            const ExactBytes bytes{ByteSpan{packet((type << 4U) | flags, row.body)}};
            const auto error = decoding_error(frame_of(bytes.span()), row.version);
            ASSERT_TRUE(error.has_value());
            EXPECT_EQ(error->reason, ReasonCode::malformed_packet);
        }
    }
}

}  // namespace
}  // namespace firehose::mqtt
