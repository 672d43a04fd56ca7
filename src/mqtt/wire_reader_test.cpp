// SPDX-License-Identifier: Apache-2.0
// Goal:   reads what the wire says, and after the first failure only zeros.
// Method: tables of values with their wire form, at every cut, on exact-size heap blocks.
#include "mqtt/wire_reader.h"

#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"
#include "mqtt/wire_writer.h"

namespace firehose::mqtt {
namespace {

TEST(WireReader, ReadsIntegersBigEndian) {
    const ExactBytes bytes{ByteSpan{from_hex("01 0203 04050607")}};
    WireReader in{bytes.span()};
    EXPECT_EQ(in.u8("a"), 1);
    EXPECT_EQ(in.u16("b"), 0x0203);
    EXPECT_EQ(in.u32("c"), 0x04050607U);
    in.expect_end();
    EXPECT_FALSE(in.error().has_value());
}

TEST(WireReader, ReadsVariableByteIntegersAtEveryBoundary) {
    struct Row {
        std::uint32_t value;
        const char* hex;
    };
    // MQTT 5.0 table 1-1.
    static constexpr Row kRows[] = {
        {0, "00"},
        {127, "7f"},
        {128, "8001"},
        {16'383, "ff7f"},
        {16'384, "808001"},
        {2'097'151, "ffff7f"},
        {2'097'152, "80808001"},
        {268'435'455, "ffffff7f"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.hex);
        const ExactBytes bytes{ByteSpan{from_hex(row.hex)}};
        WireReader in{bytes.span()};
        EXPECT_EQ(in.varint("x"), row.value);
        EXPECT_EQ(in.remaining(), 0U);
        EXPECT_FALSE(in.error().has_value());
        ByteBuffer written;
        WireWriter{written}.varint(row.value);
        EXPECT_EQ(written, from_hex(row.hex));
        EXPECT_EQ(varint_size(row.value), written.size());
        for (std::size_t cut = 0; cut < bytes.span().size(); ++cut) {
            const ExactBytes part{bytes.span().first(cut)};
            WireReader short_in{part.span()};
            EXPECT_EQ(short_in.varint("x"), 0U);
            EXPECT_TRUE(short_in.error().has_value());
        }
    }
}

TEST(WireReader, RefusesOverlongVariableByteIntegers) {
    for (const char* hex : {"8000", "808000", "80808000", "ff00", "8080808001", "ffffffffff"}) {
        SCOPED_TRACE(hex);
        const ExactBytes bytes{ByteSpan{from_hex(hex)}};
        WireReader in{bytes.span()};
        EXPECT_EQ(in.varint("Property Length"), 0U);
        ASSERT_TRUE(in.error().has_value());
        EXPECT_EQ(in.error()->statement, "MQTT-1.5.5-1");
        EXPECT_EQ(in.error()->offset, 0U);
    }
}

TEST(WireReader, KeepsItsFirstFailureAndReadsZerosAfterIt) {
    const ExactBytes bytes{ByteSpan{from_hex("0001 61 00")}};
    WireReader in{bytes.span()};
    EXPECT_EQ(in.utf8("Topic Name"), "a");
    EXPECT_EQ(in.u16("Packet Identifier"), 0);
    const auto first = in.error();
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->field, "Packet Identifier");
    EXPECT_EQ(first->offset, 3U);
    EXPECT_EQ(in.u8("x"), 0);
    EXPECT_EQ(in.u32("x"), 0U);
    EXPECT_EQ(in.varint("x"), 0U);
    EXPECT_TRUE(in.utf8("x").empty());
    EXPECT_TRUE(in.binary("x").empty());
    EXPECT_TRUE(in.rest().empty());
    EXPECT_EQ(in.error(), first);
}

TEST(WireReader, SaysWhatIsWrongWithText) {
    struct Row {
        const char* hex;
        std::string_view statement;
    };
    for (const Row row : {Row{"0002 61c3", "MQTT-1.5.4-1"}, Row{"0002 6100", "MQTT-1.5.4-2"},
                          Row{"0003 6161", ""}, Row{"00", ""}}) {
        SCOPED_TRACE(row.hex);
        const ExactBytes bytes{ByteSpan{from_hex(row.hex)}};
        WireReader in{bytes.span()};
        EXPECT_TRUE(in.utf8("Topic Name").empty());
        ASSERT_TRUE(in.error().has_value());
        EXPECT_EQ(in.error()->statement, row.statement);
        EXPECT_EQ(in.error()->field, "Topic Name");
    }
}

TEST(WireReader, CountsOffsetsFromThePacketsStart) {
    const ExactBytes bytes{ByteSpan{from_hex("4002 0000")}};
    WireReader in{bytes.span(), 2};
    EXPECT_EQ(in.packet_id(), 0);
    ASSERT_TRUE(in.error().has_value());
    EXPECT_EQ(in.error()->offset, 2U);
    EXPECT_EQ(in.error()->statement, "MQTT-2.2.1-3");
}

TEST(WireWriter, InsertsLengthsOfEverySizeBeforeWhatTheyCount) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 16'383U, 16'384U}) {
        ByteBuffer out = from_hex("aa");
        WireWriter writer{out};
        const auto mark = writer.begin_packet(PacketType::publish, 0);
        writer.bytes(ByteBuffer(size, std::byte{7}));
        writer.end_length(mark);
        EXPECT_EQ(out.size(), 2 + varint_size(size) + size);
        const Frame frame = frame_of(ByteSpan{out}.subspan(1));
        EXPECT_EQ(frame.body.size(), size);
    }
}

}  // namespace
}  // namespace firehose::mqtt
