// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/segment_format.h"

/// The fixed parts of a sealed segment: frame headers, the frame table, block heads, the footer.
///
/// Threads: pure functions. Cost: O(1), but for the table O(frames).
/// Source:  docs/formats/segment.md, "Sealed segment".
/// Invariant: a header or footer that decodes had all its bytes as encoded, at the offset it was
///            encoded for: the CRC covers both.
namespace firehose::log {

inline constexpr std::size_t kFrameHeaderBytes = 80;
inline constexpr std::size_t kFrameEntryBytes = 64;
inline constexpr std::size_t kBlockHeadBytes = 32;
inline constexpr std::size_t kIndexFooterBytes = 64;
inline constexpr std::size_t kFooterBytes = kIndexFooterBytes + kSegmentHeaderBytes;

/// Plain bytes of a frame, unless a single block is larger.
inline constexpr std::size_t kFrameBytesTarget = std::size_t{256} << 10;
/// No frame is larger; a segment with a larger block stays plain.
inline constexpr std::size_t kFrameBytesMax = std::size_t{64} << 20;

/// One frame: what its header and its entry in the table say.
struct Frame {
    static constexpr std::uint32_t kHasGaps = 1;
    static constexpr std::uint32_t kHasControl = 2;  // Other control records.
    static constexpr std::uint32_t kHasKeep = 4;     // `keep` records that are not erased.

    std::uint64_t offset = 0;        // Of its header.
    std::uint32_t stored_bytes = 0;  // After the header; 0 only of a lost stretch (never stored).
    std::uint32_t plain_bytes = 0;
    std::uint32_t blocks = 0;
    std::uint32_t records = 0;
    Seq first_seq{};
    Seq end_seq{};
    WallTime first_time{};
    WallTime last_time{};
    std::uint32_t flags = 0;
    std::uint32_t crc = 0;  // Of the stored bytes.

    /// Made up by a reader: what was there is gone, its seqs are [first_seq, end_seq).
    [[nodiscard]] bool is_lost() const noexcept { return stored_bytes == 0; }

    friend bool operator==(const Frame&, const Frame&) = default;
};

/// Before each block's records, in a frame's content.
struct BlockHead {
    std::uint32_t bytes = 0;
    std::uint32_t count = 0;
    Seq first_seq{};
    WallTime time{};
};

struct IndexFooter {
    std::uint64_t table_offset = 0;
    std::uint32_t frames = 0;
    std::uint32_t table_crc = 0;
    std::uint64_t topics_offset = 0;
    std::uint32_t topics_stored_bytes = 0;
    std::uint32_t topics_plain_bytes = 0;
    std::uint32_t topics_crc = 0;
    std::uint32_t covered = 0;  // Frames from this number on are not in the dictionary.
    std::uint32_t topics = 0;

    friend bool operator==(const IndexFooter&, const IndexFooter&) = default;
};

using FrameHeaderBytes = std::array<std::byte, kFrameHeaderBytes>;
using IndexFooterBytes = std::array<std::byte, kIndexFooterBytes>;

/// The header of `frame`, at `frame.offset` of the segment with `salt`.
[[nodiscard]] FrameHeaderBytes encode_frame_header(const Frame& frame, std::uint64_t salt) noexcept;
[[nodiscard]] std::optional<Frame> decode_frame_header(ByteSpan bytes, std::uint64_t salt,
                                                       std::uint64_t offset) noexcept;
/// Where in `bytes` the magic of the segment's frame headers comes next, from `from` on.
[[nodiscard]] std::optional<std::size_t> find_frame_magic(ByteSpan bytes, std::uint64_t salt,
                                                          std::size_t from) noexcept;

[[nodiscard]] ByteBuffer encode_frame_table(std::span<const Frame> frames);
/// Nothing when a frame is impossible, or not behind the one before it. `bytes` passed its CRC.
[[nodiscard]] std::optional<std::vector<Frame>> decode_frame_table(ByteSpan bytes);

void encode_block_head(const BlockHead& head, ByteBuffer& out);
/// `bytes` has at least kBlockHeadBytes.
[[nodiscard]] BlockHead decode_block_head(ByteSpan bytes) noexcept;

/// The index footer, at `offset` of the file.
[[nodiscard]] IndexFooterBytes encode(const IndexFooter& footer, std::uint64_t offset) noexcept;
[[nodiscard]] std::optional<IndexFooter> decode_index_footer(ByteSpan bytes,
                                                             std::uint64_t offset) noexcept;

}  // namespace firehose::log
