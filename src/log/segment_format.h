// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

/// The fixed parts of a segment file: its header, and the header before each block.
///
/// Threads: pure functions. Cost: O(1), no allocation.
/// Source:  docs/formats/segment.md, version 1.
/// Invariant: a header that decodes had all its bytes as encoded, at the offset it was encoded
///            for: the CRC covers both.
namespace firehose::log {

inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::size_t kBlockHeaderBytes = 64;
inline constexpr std::uint16_t kSegmentVersion = 1;

struct SegmentHeader {
    std::uint64_t salt = 0;
    WallTime created{};
    Seq first_seq{};           // No block in it begins below.
    Seq seq_limit{};           // The reservation when it was created; 0 while nothing is kept.
    std::uint64_t number = 0;  // Segments of one log, counted from 1.
    std::uint64_t log_id = 0;  // Of the data folder; 0 while nothing is kept.
    // Sealed: another layout follows, sealed_reader.h reads it. Only then:
    bool is_sealed = false;
    Seq end_seq{};
    WallTime first_time{};  // Of the first block.
    WallTime last_time{};
    std::uint64_t records = 0;

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

enum class BlockKind : std::uint8_t {
    records = 0,
    closing = 1,  // After a clean stop: no records, the end of what was written.
};

struct BlockHeader {
    std::uint32_t stored_bytes = 0;  // After the header, up to the next one.
    std::uint32_t plain_bytes = 0;   // The same unless compressed.
    std::uint32_t count = 0;         // Records.
    Seq first_seq{};
    WallTime time{};
    std::uint64_t durable_before = 0;  // This file was durable up to this offset.
    Seq seq_limit{};                   // The reservation when it was written.
    BlockKind kind = BlockKind::records;

    [[nodiscard]] Seq end_seq() const noexcept { return first_seq + count; }
};

using SegmentHeaderBytes = std::array<std::byte, kSegmentHeaderBytes>;
using BlockHeaderBytes = std::array<std::byte, kBlockHeaderBytes>;

[[nodiscard]] SegmentHeaderBytes encode(const SegmentHeader& header) noexcept;
/// Nothing when it is damaged, of another version, or has flags that we do not know. It may be a
/// sealed segment's: look at `is_sealed` before reading blocks.
[[nodiscard]] std::optional<SegmentHeader> decode_segment_header(ByteSpan bytes) noexcept;

/// Whether `bytes` begin with the whole header of a segment that this program must not read: of
/// another version, or with features that it does not know.
[[nodiscard]] bool is_foreign_segment_header(ByteSpan bytes) noexcept;

/// The header of a block at `offset` of the segment with `salt`.
[[nodiscard]] BlockHeaderBytes encode(const BlockHeader& header, std::uint64_t salt,
                                      std::uint64_t offset) noexcept;
[[nodiscard]] std::optional<BlockHeader> decode_block_header(ByteSpan bytes, std::uint64_t salt,
                                                             std::uint64_t offset) noexcept;

/// The salt of the segment whose first block header `bytes` begin with: it follows the segment's
/// header, so that header can be made again. Not for other blocks: published bytes might imitate.
[[nodiscard]] std::optional<std::uint64_t> salt_of_first_block(ByteSpan bytes) noexcept;

/// Where in `bytes` the magic of the segment's block headers comes next, from `from` on.
[[nodiscard]] std::optional<std::size_t> find_block_magic(ByteSpan bytes, std::uint64_t salt,
                                                          std::size_t from) noexcept;

}  // namespace firehose::log
