// SPDX-License-Identifier: Apache-2.0
// Goal:   the headers of a segment and its blocks are as docs/formats/segment.md lays them down,
//         and a damaged, moved or foreign one is not taken.
// Method: bytes written out by hand against the encoder; every bit flipped, every cut.
#include "log/segment_format.h"

#include <gtest/gtest.h>

#include <string>

#include "log/crc32c.h"
#include "log/little_endian.h"
#include "log/log_test_support.h"

namespace firehose::log {
namespace {

constexpr std::uint64_t kSalt = 0x0123'4567'89AB'CDEF;

[[nodiscard]] SegmentHeader segment_header() {
    return {.salt = kSalt,
            .created = WallTime{Microseconds{1}},
            .first_seq = Seq{2},
            .seq_limit = Seq{3},
            .number = 4,
            .log_id = 5};
}

[[nodiscard]] BlockHeader block_header() {
    return {.stored_bytes = 1'000,
            .plain_bytes = 1'001,
            .count = 3,
            .first_seq = Seq{1'000'000},
            .time = WallTime{Microseconds{1'700'000'000'000'000}},
            .durable_before = 128,
            .seq_limit = Seq{2'000'000},
            .kind = BlockKind::closing};
}

TEST(SegmentHeader, IsAsTheDocumentLaysItDown) {
    const SegmentHeaderBytes bytes = encode(segment_header());
    ByteBuffer expected;
    append(expected, std::string_view{"FHSEG\r\n\x1A"});
    put(expected, std::uint16_t{1});
    put(expected, std::uint16_t{128});
    put(expected, std::uint32_t{0});
    put(expected, std::uint32_t{0});
    put(expected, std::uint32_t{0});
    put(expected, kSalt);
    for (std::uint64_t field = 1; field <= 5; ++field) put(expected, field);
    expected.resize(124);
    put(expected, crc32c(expected));
    EXPECT_EQ(ByteBuffer(bytes.begin(), bytes.end()), expected);

    const auto decoded = decode_segment_header(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->salt, kSalt);
    EXPECT_EQ(decoded->log_id, 5u);
    EXPECT_EQ(decoded->first_seq, Seq{2});
}

TEST(SegmentHeader, WithAFlippedBitACutOrAnUnknownFeatureIsNotTaken) {
    SegmentHeaderBytes bytes = encode(segment_header());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte{1} << (bit % 8);
        EXPECT_FALSE(decode_segment_header(bytes).has_value()) << bit;
        bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const ExactBytes input{ByteSpan{bytes}.first(cut)};
        EXPECT_FALSE(decode_segment_header(input.span()).has_value()) << cut;
    }
    bytes[12] = std::byte{2};
    put(bytes.data() + 124, crc32c(ByteSpan{bytes}.first(124)));
    EXPECT_FALSE(decode_segment_header(bytes).has_value());
}

TEST(BlockHeader, IsAsTheDocumentLaysItDown) {
    const BlockHeaderBytes bytes = encode(block_header(), kSalt, 128);
    ByteBuffer expected;
    put(expected, kSalt ^ 0x4B43'4F4C'4248'4621u);
    put(expected, std::uint32_t{1'000});
    put(expected, std::uint32_t{3});
    put(expected, std::uint64_t{1'000'000});
    put(expected, std::uint64_t{1'700'000'000'000'000});
    put(expected, std::uint64_t{128});
    put(expected, std::uint64_t{2'000'000});
    put(expected, std::uint32_t{1'001});
    put(expected, std::uint8_t{1});
    expected.resize(60);
    ByteBuffer with_offset = expected;
    put(with_offset, std::uint64_t{128});
    put(expected, crc32c(with_offset));
    EXPECT_EQ(ByteBuffer(bytes.begin(), bytes.end()), expected);

    const auto decoded = decode_block_header(bytes, kSalt, 128);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->stored_bytes, 1'000u);
    EXPECT_EQ(decoded->plain_bytes, 1'001u);
    EXPECT_EQ(decoded->end_seq(), Seq{1'000'003});
    EXPECT_EQ(decoded->seq_limit, Seq{2'000'000});
    EXPECT_EQ(decoded->kind, BlockKind::closing);
}

TEST(BlockHeader, DamagedMovedOrOfAnotherSegmentIsNotTaken) {
    BlockHeaderBytes bytes = encode(block_header(), kSalt, 128);
    EXPECT_FALSE(decode_block_header(bytes, kSalt, 129).has_value());
    EXPECT_FALSE(decode_block_header(bytes, kSalt + 1, 128).has_value());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte{1} << (bit % 8);
        EXPECT_FALSE(decode_block_header(bytes, kSalt, 128).has_value()) << bit;
        bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const ExactBytes input{ByteSpan{bytes}.first(cut)};
        EXPECT_FALSE(decode_block_header(input.span(), kSalt, 128).has_value()) << cut;
    }
}

TEST(BlockHeader, IsFoundByItsMagic) {
    const BlockHeaderBytes header = encode(block_header(), kSalt, 0);
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{99}}) {
        ByteBuffer bytes(at);
        append(bytes, ByteSpan{header}.first(8));
        const ExactBytes input{bytes};
        EXPECT_EQ(find_block_magic(input.span(), kSalt, 0), at);
        EXPECT_EQ(find_block_magic(input.span(), kSalt, at), at);
        EXPECT_EQ(find_block_magic(input.span(), kSalt, at + 1), std::nullopt);
        EXPECT_EQ(find_block_magic(input.span(), kSalt, bytes.size() + 1), std::nullopt);
    }
}

}  // namespace
}  // namespace firehose::log
