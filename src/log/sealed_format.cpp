// SPDX-License-Identifier: Apache-2.0
#include "log/sealed_format.h"

#include <algorithm>

#include "log/crc32c.h"
#include "log/little_endian.h"

namespace firehose::log {
namespace {

constexpr std::uint64_t kFrameMark = 0x454D'4152'465A'4621;  // "!FZFRAME"
constexpr char kIndexMagic[8] = {'F', 'H', 'I', 'N', 'D', 'E', 'X', '\n'};
constexpr std::size_t kFrameCrcAt = kFrameHeaderBytes - 4;
constexpr std::size_t kIndexCrcAt = kIndexFooterBytes - 4;
// Of a block: 14 bytes are its smallest record's.
constexpr std::uint32_t kBlockBytesMin = kBlockHeadBytes + 8;

[[nodiscard]] std::uint64_t bits(WallTime time) noexcept {
    return static_cast<std::uint64_t>(time.since_epoch.count());
}
[[nodiscard]] WallTime wall_time(std::uint64_t bits) noexcept {
    return {Microseconds{static_cast<std::int64_t>(bits)}};
}

/// The offset is under the checksum: a header that was copied elsewhere is none.
[[nodiscard]] std::uint32_t checksum(ByteSpan header, std::uint64_t offset) noexcept {
    std::byte place[8];
    put(place, offset);
    return crc32c(place, crc32c(header));
}

/// Bytes 8 to 63 of a frame header, which are also bytes 8 to 63 of its entry in the table.
void put_frame(const Frame& frame, std::byte* at) noexcept {
    put(at + 8, frame.stored_bytes);
    put(at + 12, frame.plain_bytes);
    put(at + 16, frame.blocks);
    put(at + 20, frame.records);
    put(at + 24, number(frame.first_seq));
    put(at + 32, number(frame.end_seq));
    put(at + 40, bits(frame.first_time));
    put(at + 48, bits(frame.last_time));
    put(at + 56, frame.flags);
    put(at + 60, frame.crc);
}

[[nodiscard]] std::optional<Frame> get_frame(const std::byte* at, std::uint64_t offset) noexcept {
    const Frame frame{.offset = offset,
                      .stored_bytes = get<std::uint32_t>(at + 8),
                      .plain_bytes = get<std::uint32_t>(at + 12),
                      .blocks = get<std::uint32_t>(at + 16),
                      .records = get<std::uint32_t>(at + 20),
                      .first_seq = Seq{get<std::uint64_t>(at + 24)},
                      .end_seq = Seq{get<std::uint64_t>(at + 32)},
                      .first_time = wall_time(get<std::uint64_t>(at + 40)),
                      .last_time = wall_time(get<std::uint64_t>(at + 48)),
                      .flags = get<std::uint32_t>(at + 56),
                      .crc = get<std::uint32_t>(at + 60)};
    const bool is_possible =
        frame.stored_bytes != 0 && frame.blocks != 0 && frame.first_seq < frame.end_seq &&
        frame.plain_bytes <= kFrameBytesMax + kBlockHeadBytes &&
        frame.blocks <= frame.plain_bytes / kBlockBytesMin && frame.first_time <= frame.last_time &&
        frame.records >= frame.blocks && frame.records <= frame.plain_bytes;
    if (!is_possible) return {};
    return frame;
}

}  // namespace

FrameHeaderBytes encode_frame_header(const Frame& frame, std::uint64_t salt) noexcept {
    FrameHeaderBytes out{};
    put(out.data(), salt ^ kFrameMark);
    put_frame(frame, out.data());
    put(out.data() + kFrameCrcAt, checksum(ByteSpan{out}.first(kFrameCrcAt), frame.offset));
    return out;
}

std::optional<Frame> decode_frame_header(ByteSpan bytes, std::uint64_t salt,
                                         std::uint64_t offset) noexcept {
    if (bytes.size() < kFrameHeaderBytes) return {};
    const std::byte* at = bytes.data();
    const bool is_ours =
        get<std::uint64_t>(at) == (salt ^ kFrameMark) &&
        get<std::uint32_t>(at + kFrameCrcAt) == checksum(bytes.first(kFrameCrcAt), offset);
    if (!is_ours) return {};
    return get_frame(at, offset);
}

std::optional<std::size_t> find_frame_magic(ByteSpan bytes, std::uint64_t salt,
                                            std::size_t from) noexcept {
    std::byte magic[8];
    put(magic, salt ^ kFrameMark);
    if (from >= bytes.size()) return {};
    const auto rest = bytes.subspan(from);
    const auto found = std::search(rest.begin(), rest.end(), std::begin(magic), std::end(magic));
    if (found == rest.end()) return {};
    return from + static_cast<std::size_t>(found - rest.begin());
}

ByteBuffer encode_frame_table(std::span<const Frame> frames) {
    ByteBuffer out(frames.size() * kFrameEntryBytes);
    std::byte* at = out.data();
    for (const Frame& frame : frames) {
        put(at, frame.offset);
        put_frame(frame, at);
        at += kFrameEntryBytes;
    }
    return out;
}

std::optional<std::vector<Frame>> decode_frame_table(ByteSpan bytes) {
    if (bytes.size() % kFrameEntryBytes != 0) return {};
    std::vector<Frame> frames;
    frames.reserve(bytes.size() / kFrameEntryBytes);
    std::uint64_t end = kSegmentHeaderBytes;
    for (; !bytes.empty(); bytes = bytes.subspan(kFrameEntryBytes)) {
        const auto frame = get_frame(bytes.data(), get<std::uint64_t>(bytes.data()));
        if (!frame || frame->offset != end) return {};
        if (!frames.empty() && frame->first_seq < frames.back().end_seq) return {};
        end += kFrameHeaderBytes + frame->stored_bytes;
        frames.push_back(*frame);
    }
    return frames;
}

void encode_block_head(const BlockHead& head, ByteBuffer& out) {
    put(out, head.bytes);
    put(out, head.count);
    put(out, number(head.first_seq));
    put(out, bits(head.time));
    put(out, std::uint64_t{0});
}

BlockHead decode_block_head(ByteSpan bytes) noexcept {
    const std::byte* at = bytes.data();
    return {.bytes = get<std::uint32_t>(at),
            .count = get<std::uint32_t>(at + 4),
            .first_seq = Seq{get<std::uint64_t>(at + 8)},
            .time = wall_time(get<std::uint64_t>(at + 16))};
}

IndexFooterBytes encode(const IndexFooter& footer, std::uint64_t offset) noexcept {
    IndexFooterBytes out{};
    std::byte* at = out.data();
    std::transform(std::begin(kIndexMagic), std::end(kIndexMagic), at,
                   [](char c) { return static_cast<std::byte>(c); });
    put(at + 8, footer.table_offset);
    put(at + 16, footer.frames);
    put(at + 20, footer.table_crc);
    put(at + 24, footer.topics_offset);
    put(at + 32, footer.topics_stored_bytes);
    put(at + 36, footer.topics_plain_bytes);
    put(at + 40, footer.topics_crc);
    put(at + 44, footer.covered);
    put(at + 48, footer.topics);
    put(at + kIndexCrcAt, checksum(ByteSpan{out}.first(kIndexCrcAt), offset));
    return out;
}

std::optional<IndexFooter> decode_index_footer(ByteSpan bytes, std::uint64_t offset) noexcept {
    if (bytes.size() < kIndexFooterBytes) return {};
    const std::byte* at = bytes.data();
    const bool is_ours =
        std::equal(std::begin(kIndexMagic), std::end(kIndexMagic), at,
                   [](char c, std::byte b) { return static_cast<std::byte>(c) == b; }) &&
        get<std::uint32_t>(at + kIndexCrcAt) == checksum(bytes.first(kIndexCrcAt), offset);
    if (!is_ours) return {};
    const IndexFooter footer{.table_offset = get<std::uint64_t>(at + 8),
                             .frames = get<std::uint32_t>(at + 16),
                             .table_crc = get<std::uint32_t>(at + 20),
                             .topics_offset = get<std::uint64_t>(at + 24),
                             .topics_stored_bytes = get<std::uint32_t>(at + 32),
                             .topics_plain_bytes = get<std::uint32_t>(at + 36),
                             .topics_crc = get<std::uint32_t>(at + 40),
                             .covered = get<std::uint32_t>(at + 44),
                             .topics = get<std::uint32_t>(at + 48)};
    // Each part ends where the next one begins.
    const bool is_possible = footer.table_offset >= kSegmentHeaderBytes &&
                             footer.table_offset <= offset &&
                             footer.topics_offset - footer.table_offset ==
                                 std::uint64_t{footer.frames} * kFrameEntryBytes &&
                             offset - footer.topics_offset == footer.topics_stored_bytes &&
                             footer.topics_offset <= offset && footer.covered <= footer.frames;
    if (!is_possible) return {};
    return footer;
}

}  // namespace firehose::log
