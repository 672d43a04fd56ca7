// SPDX-License-Identifier: Apache-2.0
#include "log/segment_format.h"

#include <algorithm>

#include "log/crc32c.h"
#include "log/little_endian.h"

namespace firehose::log {
namespace {

constexpr std::uint8_t kMagic[8] = {'F', 'H', 'S', 'E', 'G', '\r', '\n', 0x1A};
constexpr std::uint64_t kBlockMark = 0x4B43'4F4C'4248'4621;  // "!FHBLOCK"
constexpr std::uint32_t kSealedFeature = 1;                  // What must be understood.
constexpr std::size_t kSegmentCrcAt = kSegmentHeaderBytes - 4;
constexpr std::size_t kBlockCrcAt = kBlockHeaderBytes - 4;

[[nodiscard]] std::uint64_t bits(WallTime time) noexcept {
    return static_cast<std::uint64_t>(time.since_epoch.count());
}
[[nodiscard]] WallTime wall_time(std::uint64_t bits) noexcept {
    return {Microseconds{static_cast<std::int64_t>(bits)}};
}

[[nodiscard]] std::uint64_t block_magic(std::uint64_t salt) noexcept {
    return salt ^ kBlockMark;
}

/// The offset is under the checksum: a header that was copied elsewhere is none.
[[nodiscard]] std::uint32_t block_checksum(ByteSpan header, std::uint64_t offset) noexcept {
    std::byte place[8];
    put(place, offset);
    return crc32c(place, crc32c(header.first(kBlockCrcAt)));
}

}  // namespace

SegmentHeaderBytes encode(const SegmentHeader& header) noexcept {
    SegmentHeaderBytes out{};
    std::byte* at = out.data();
    std::transform(std::begin(kMagic), std::end(kMagic), at, [](auto c) { return std::byte{c}; });
    put(at + 8, kSegmentVersion);
    put(at + 10, static_cast<std::uint16_t>(kSegmentHeaderBytes));
    put(at + 24, header.salt);
    put(at + 32, bits(header.created));
    put(at + 40, number(header.first_seq));
    put(at + 48, number(header.seq_limit));
    put(at + 56, header.number);
    put(at + 64, header.log_id);
    if (header.is_sealed) {
        put(at + 12, kSealedFeature);
        put(at + 72, number(header.end_seq));
        put(at + 80, bits(header.first_time));
        put(at + 88, bits(header.last_time));
        put(at + 96, header.records);
    }
    put(at + kSegmentCrcAt, crc32c(ByteSpan{out}.first(kSegmentCrcAt)));
    return out;
}

std::optional<SegmentHeader> decode_segment_header(ByteSpan bytes) noexcept {
    if (bytes.size() < kSegmentHeaderBytes) return {};
    const std::byte* at = bytes.data();
    const bool is_ours =
        std::equal(std::begin(kMagic), std::end(kMagic), at,
                   [](std::uint8_t c, std::byte b) { return std::byte{c} == b; }) &&
        get<std::uint32_t>(at + kSegmentCrcAt) == crc32c(bytes.first(kSegmentCrcAt));
    const bool is_known = is_ours && get<std::uint16_t>(at + 8) == kSegmentVersion &&
                          get<std::uint16_t>(at + 10) == kSegmentHeaderBytes &&
                          (get<std::uint32_t>(at + 12) & ~kSealedFeature) == 0;
    if (!is_known) return {};
    const bool is_sealed = get<std::uint32_t>(at + 12) == kSealedFeature;
    SegmentHeader header{.salt = get<std::uint64_t>(at + 24),
                         .created = wall_time(get<std::uint64_t>(at + 32)),
                         .first_seq = Seq{get<std::uint64_t>(at + 40)},
                         .seq_limit = Seq{get<std::uint64_t>(at + 48)},
                         .number = get<std::uint64_t>(at + 56),
                         .log_id = get<std::uint64_t>(at + 64),
                         .is_sealed = is_sealed};
    if (is_sealed) {
        header.end_seq = Seq{get<std::uint64_t>(at + 72)};
        header.first_time = wall_time(get<std::uint64_t>(at + 80));
        header.last_time = wall_time(get<std::uint64_t>(at + 88));
        header.records = get<std::uint64_t>(at + 96);
    }
    return header;
}

bool is_foreign_segment_header(ByteSpan bytes) noexcept {
    if (bytes.size() < kSegmentHeaderBytes) return false;
    const std::byte* at = bytes.data();
    const std::size_t size = get<std::uint16_t>(at + 10);  // Of later versions' headers too.
    const bool is_whole =
        std::equal(std::begin(kMagic), std::end(kMagic), at,
                   [](std::uint8_t c, std::byte b) { return std::byte{c} == b; }) &&
        size >= kSegmentHeaderBytes && size <= bytes.size() &&
        get<std::uint32_t>(at + size - 4) == crc32c(bytes.first(size - 4));
    return is_whole && !decode_segment_header(bytes);
}

BlockHeaderBytes encode(const BlockHeader& header, std::uint64_t salt,
                        std::uint64_t offset) noexcept {
    BlockHeaderBytes out{};
    std::byte* at = out.data();
    put(at, block_magic(salt));
    put(at + 8, header.stored_bytes);
    put(at + 12, header.count);
    put(at + 16, number(header.first_seq));
    put(at + 24, bits(header.time));
    put(at + 32, header.durable_before);
    put(at + 40, number(header.seq_limit));
    put(at + 48, header.plain_bytes);
    put(at + 52, static_cast<std::uint8_t>(header.kind));
    put(at + kBlockCrcAt, block_checksum(out, offset));
    return out;
}

std::optional<BlockHeader> decode_block_header(ByteSpan bytes, std::uint64_t salt,
                                               std::uint64_t offset) noexcept {
    if (bytes.size() < kBlockHeaderBytes) return {};
    const std::byte* at = bytes.data();
    const bool is_ours = get<std::uint64_t>(at) == block_magic(salt) &&
                         get<std::uint32_t>(at + kBlockCrcAt) == block_checksum(bytes, offset);
    const bool is_known = is_ours && get<std::uint8_t>(at + 52) <= 1 &&  // Kind.
                          get<std::uint8_t>(at + 53) == 0;               // Coding.
    if (!is_known) return {};
    return BlockHeader{.stored_bytes = get<std::uint32_t>(at + 8),
                       .plain_bytes = get<std::uint32_t>(at + 48),
                       .count = get<std::uint32_t>(at + 12),
                       .first_seq = Seq{get<std::uint64_t>(at + 16)},
                       .time = wall_time(get<std::uint64_t>(at + 24)),
                       .durable_before = get<std::uint64_t>(at + 32),
                       .seq_limit = Seq{get<std::uint64_t>(at + 40)},
                       .kind = static_cast<BlockKind>(get<std::uint8_t>(at + 52))};
}

std::optional<std::uint64_t> salt_of_first_block(ByteSpan bytes) noexcept {
    if (bytes.size() < kBlockHeaderBytes) return {};
    const std::uint64_t salt = get<std::uint64_t>(bytes.data()) ^ kBlockMark;
    if (!decode_block_header(bytes, salt, kSegmentHeaderBytes)) return {};
    return salt;
}

std::optional<std::size_t> find_block_magic(ByteSpan bytes, std::uint64_t salt,
                                            std::size_t from) noexcept {
    std::byte magic[8];
    put(magic, block_magic(salt));
    if (from >= bytes.size()) return {};
    const auto rest = bytes.subspan(from);
    const auto found = std::search(rest.begin(), rest.end(), std::begin(magic), std::end(magic));
    if (found == rest.end()) return {};
    return from + static_cast<std::size_t>(found - rest.begin());
}

}  // namespace firehose::log
