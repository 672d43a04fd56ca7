// SPDX-License-Identifier: Apache-2.0
// Goal:   a record's bytes say what was encoded and nothing else: every field survives, every cut
//         and every flipped bit is told, what later versions add is skipped.
// Method: tables of records; exact-size inputs at every cut point and with every bit flipped;
//         bodies built by hand for what our encoder never writes.
#include "log/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "log/crc32c.h"
#include "log/gap.h"
#include "log/little_endian.h"
#include "log/log_test_support.h"

namespace firehose::log {
namespace {

[[nodiscard]] ByteBuffer encoded(const Record& record) {
    ByteBuffer bytes;
    encode_record(record, bytes);
    return bytes;
}

void expect_same(const Record& got, const Record& expected) {
    EXPECT_EQ(got.kind, expected.kind);
    EXPECT_EQ(got.qos, expected.qos);
    EXPECT_EQ(got.retain, expected.retain);
    EXPECT_EQ(got.payload_is_utf8, expected.payload_is_utf8);
    EXPECT_EQ(got.topic, expected.topic);
    EXPECT_EQ(as_text(got.properties), as_text(expected.properties));
    EXPECT_EQ(as_text(got.payload), as_text(expected.payload));
    EXPECT_EQ(got.publisher, expected.publisher);
    EXPECT_EQ(got.expires, expected.expires);
    EXPECT_EQ(got.origin_id, expected.origin_id);
    EXPECT_EQ(got.origin_time, expected.origin_time);
    EXPECT_EQ(got.inbound_packet_id, expected.inbound_packet_id);
    EXPECT_EQ(got.author, expected.author);
}

const std::string kLongTopic(kTopicBytesMax, 't');
const std::string kLongProperties(kPropertiesBytesMax, 'p');
const std::string kLongOrigin(kOriginIdBytesMax, 'o');

[[nodiscard]] Record full_record() {
    return {.qos = 2,
            .retain = true,
            .payload_is_utf8 = true,
            .topic = "gerrit/project/change-merged",
            .properties = as_bytes("prop"),
            .payload = as_bytes("{\"type\":\"change-merged\"}"),
            .publisher = PublisherId{0x1122'3344'5566'7788},
            .expires = WallTime{Microseconds{1'700'000'000'000'001}},
            .origin_id = "gerrit/17",
            .origin_time = WallTime{Microseconds{-1}},
            .inbound_packet_id = 65'535};
}

/// The record with `body` as it is, length and checksum right.
[[nodiscard]] ByteBuffer framed(const ByteBuffer& body) {
    ByteBuffer bytes;
    put(bytes, static_cast<std::uint32_t>(body.size()));
    put(bytes, crc32c(body, crc32c(bytes)));
    append(bytes, body);
    return bytes;
}

[[nodiscard]] ByteBuffer minimal_body(std::uint8_t kind = 1, std::uint8_t flags = 0) {
    ByteBuffer body;
    put(body, kind);
    put(body, flags);
    put(body, std::uint16_t{1});
    append(body, "t");
    put(body, std::uint32_t{0});
    return body;
}

TEST(Record, OfARetainedMessageKeepsItsAuthor) {
    Record record = full_record();
    record.author = std::string_view{"uuser\0client", 12};
    const ByteBuffer bytes = encoded(record);
    std::size_t size = 0;
    const auto read = decode_record(bytes, size);
    ASSERT_TRUE(read.has_value());
    expect_same(*read, record);
}

TEST(Crc32c, IsCastagnolis) {
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE306'9283u);
    EXPECT_EQ(crc32c({}), 0u);
    EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE306'9283u);
}

TEST(Record, EveryFieldSurvives) {
    const Record rows[] = {
        {.topic = "t"},
        {.qos = 1, .topic = "a/b", .payload = as_bytes("x")},
        {.retain = true, .topic = "a"},
        {.payload_is_utf8 = true, .topic = "a"},
        {.kind = RecordKind::gap},
        {.topic = kLongTopic, .properties = as_bytes(kLongProperties), .origin_id = kLongOrigin},
        {.topic = "t", .expires = WallTime{}},
        {.topic = "t", .origin_time = WallTime{}},
        full_record(),
    };
    for (const Record& row : rows) {
        SCOPED_TRACE(&row - rows);
        const ByteBuffer bytes = encoded(row);
        const ExactBytes input{bytes};
        std::size_t size = 0;
        const auto record = decode_record(input.span(), size);
        ASSERT_TRUE(record.has_value());
        EXPECT_EQ(size, bytes.size());
        expect_same(*record, row);
        EXPECT_EQ(encoded(*record), bytes);
    }
}

TEST(Record, ALargePayloadSurvives) {
    const std::string payload(kPayloadBytesMax, 'x');
    const ByteBuffer bytes = encoded({.topic = "t", .payload = as_bytes(payload)});
    std::size_t size = 0;
    const auto record = decode_record(bytes, size);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->payload.size(), kPayloadBytesMax);
}

TEST(Record, EndsWhereItSaysWhateverFollows) {
    ByteBuffer bytes = encoded({.topic = "t", .payload = as_bytes("first")});
    const std::size_t first = bytes.size();
    encode_record({.topic = "t", .payload = as_bytes("second")}, bytes);
    std::size_t size = 0;
    ASSERT_TRUE(decode_record(bytes, size).has_value());
    EXPECT_EQ(size, first);
}

TEST(Record, EveryCutIsTold) {
    const ByteBuffer bytes = encoded(full_record());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        SCOPED_TRACE(cut);
        const ExactBytes input{ByteSpan{bytes}.first(cut)};
        std::size_t size = 0;
        const auto record = decode_record(input.span(), size);
        ASSERT_FALSE(record.has_value());
        EXPECT_EQ(record.error(), RecordDamage::cut);
        EXPECT_FALSE(is_record_intact(input.span(), size));
    }
}

TEST(Record, EveryFlippedBitIsTold) {
    const ByteBuffer bytes = encoded(full_record());
    // Something follows, so that a longer length finds bytes.
    ByteBuffer longer = bytes;
    longer.resize(bytes.size() + 100'000);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        SCOPED_TRACE(bit);
        longer[bit / 8] ^= std::byte{1} << (bit % 8);
        std::size_t size = 0;
        ASSERT_FALSE(decode_record(longer, size).has_value());
        longer[bit / 8] ^= std::byte{1} << (bit % 8);
    }
}

TEST(Record, WhatLaterVersionsAddIsSkipped) {
    ByteBuffer body = minimal_body(1, 0xF0);  // Unknown flags.
    for (const std::uint8_t tag : {std::uint8_t{0x7F}, std::uint8_t{0}, std::uint8_t{6}}) {
        put(body, tag);
        put(body, std::uint8_t{3});
        append(body, "new");
    }
    put(body, std::uint8_t{0xFF});
    put(body, std::uint32_t{300});
    append(body, std::string(300, 'n'));
    put(body, std::uint8_t{5});  // One that we know, behind them.
    put(body, std::uint8_t{2});
    put(body, std::uint16_t{77});
    std::size_t size = 0;
    const auto record = decode_record(framed(body), size);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->inbound_packet_id, 77);
    EXPECT_EQ(record->qos, 0);

    const auto control = decode_record(framed(minimal_body(200)), size);
    ASSERT_TRUE(control.has_value());
    EXPECT_EQ(static_cast<int>(control->kind), 200);
}

TEST(Record, AnImpossibleFieldIsABug) {
    const auto with_field = [](std::uint8_t tag, std::string_view value) {
        ByteBuffer body = minimal_body();
        put(body, tag);
        if (tag < 0x80) {
            put(body, static_cast<std::uint8_t>(value.size()));
        } else {
            put(body, static_cast<std::uint32_t>(value.size()));
        }
        append(body, value);
        return body;
    };
    ByteBuffer long_topic = minimal_body();
    long_topic[2] = std::byte{0xFF};
    ByteBuffer long_payload = minimal_body();
    long_payload.back() = std::byte{0x01};
    ByteBuffer cut_field = minimal_body();
    put(cut_field, std::uint8_t{1});
    ByteBuffer long_field = minimal_body();
    put(long_field, std::uint8_t{0x80});
    put(long_field, std::uint32_t{0xFFFF'FFFF});
    const std::pair<const char*, ByteBuffer> rows[] = {
        {"kind 0", minimal_body(0)},
        {"QoS 3", minimal_body(1, 3)},
        {"topic past the end", long_topic},
        {"payload past the end", long_payload},
        {"a tag alone", cut_field},
        {"a field past the end", long_field},
        {"publisher of 7 bytes", with_field(1, "1234567")},
        {"expires of 9 bytes", with_field(2, "123456789")},
        {"empty origin id", with_field(3, "")},
        {"long origin id", with_field(3, std::string(65, 'o'))},
        {"origin time of 0 bytes", with_field(4, "")},
        {"packet id of 1 byte", with_field(5, "1")},
        {"long properties", with_field(0x80, std::string(kPropertiesBytesMax + 1, 'p'))},
    };
    for (const auto& [what, body] : rows) {
        SCOPED_TRACE(what);
        const ByteBuffer bytes = framed(body);
        const ExactBytes input{bytes};
        std::size_t size = 0;
        const auto record = decode_record(input.span(), size);
        ASSERT_FALSE(record.has_value());
        EXPECT_EQ(record.error(), RecordDamage::field);
        EXPECT_EQ(size, bytes.size());
    }
}

TEST(Gap, SurvivesItsRecord) {
    const Gap gap{.from = Seq{5}, .to = Seq{std::uint64_t{1} << 52}, .reason = GapReason::crash};
    const GapPayload payload = encode(gap);
    EXPECT_EQ(gap_of({.kind = RecordKind::gap, .payload = payload}), gap);
    EXPECT_EQ(gap_of({.kind = RecordKind::message, .topic = "t", .payload = payload}),
              std::nullopt);
    EXPECT_EQ(gap_of({.kind = RecordKind::gap, .payload = ByteSpan{payload}.first(16)}),
              std::nullopt);
    const GapPayload backwards = encode(Gap{.from = Seq{6}, .to = Seq{5}});
    EXPECT_EQ(gap_of({.kind = RecordKind::gap, .payload = backwards}), std::nullopt);
}

TEST(Record, ErasedKeepsItsSizeTopicAndWhatOthersNeed) {
    Record record = full_record();
    const std::string secret = "SECRET";
    record.payload = record.properties = as_bytes(secret);
    record.payload_is_utf8 = true;
    ByteBuffer bytes;
    encode_record(record, bytes);
    const std::size_t size = bytes.size();
    erase_record(bytes);
    EXPECT_EQ(bytes.size(), size);
    EXPECT_EQ(as_text(bytes).find("SECRET"), std::string_view::npos);
    std::size_t taken = 0;
    const auto erased = decode_record(bytes, taken);
    ASSERT_TRUE(erased.has_value());
    record.payload = record.properties = {};
    record.payload_is_utf8 = false;
    expect_same(*erased, record);
    EXPECT_TRUE(erased->is_erased);
    // Once more changes nothing; encoded again it is still known as erased.
    const ByteBuffer once = bytes;
    erase_record(bytes);
    EXPECT_EQ(bytes, once);
    bytes.clear();
    encode_record(*erased, bytes);
    EXPECT_TRUE(decode_record(bytes, taken)->is_erased);
}

TEST(Block, AnErasedCopyLeavesTheOriginalAlone) {
    BlockBuilder builder;
    for (const char* text : {"one", "two", "three"}) {
        static_cast<void>(builder.add({.topic = "a", .payload = as_bytes(text)}));
    }
    const BlockRef block = builder.take();
    const std::vector<std::size_t> middle{1};
    const BlockRef erased = block->erased(middle);
    EXPECT_EQ(as_text(erased->record(0).payload), "one");
    EXPECT_TRUE(erased->record(1).is_erased);
    EXPECT_EQ(as_text(erased->record(2).payload), "three");
    EXPECT_EQ(as_text(block->record(1).payload), "two");
}

TEST(BlockBuilder, GivesRecordsBackInTheirOrder) {
    BlockBuilder builder;
    EXPECT_TRUE(builder.is_empty());
    EXPECT_EQ(builder.take(), nullptr);
    EXPECT_EQ(builder.add({.topic = "a", .payload = as_bytes("1")}), 0u);
    EXPECT_EQ(builder.add(full_record()), 1u);
    EXPECT_FALSE(builder.is_empty());
    EXPECT_FALSE(builder.is_full());
    const std::size_t bytes = builder.bytes();
    const auto block = builder.take();
    EXPECT_TRUE(builder.is_empty());
    ASSERT_EQ(block->count(), 2u);
    EXPECT_EQ(block->bytes().size(), bytes);
    EXPECT_EQ(block->record(0).topic, "a");
    expect_same(block->record(1), full_record());
    EXPECT_EQ(block->record_bytes(0).size() + block->record_bytes(1).size(), bytes);
    EXPECT_GE(block->memory_bytes(), bytes);
}

TEST(BlockBuilder, SaysWhenTheBlockIsLargeEnough) {
    BlockBuilder builder;
    const std::string payload(kBlockBytesTarget, 'x');
    builder.add({.topic = "a", .payload = as_bytes(payload)});
    EXPECT_TRUE(builder.is_full());
}

}  // namespace
}  // namespace firehose::log
