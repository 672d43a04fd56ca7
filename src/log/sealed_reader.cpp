// SPDX-License-Identifier: Apache-2.0
#include "log/sealed_reader.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "log/compress.h"
#include "log/crc32c.h"
#include "log/file_io.h"
#include "log/gap.h"
#include "log/topic_dictionary.h"

namespace firehose::log {
namespace {

constexpr std::size_t kSearchBytes = std::size_t{256} << 10;
// More are not written (topic_dictionary.h): names, postings, and lengths around them.
constexpr std::size_t kTopicsPlainBytesMax = std::size_t{64} << 20;

/// A block of one gap record, at the last seq that it stands for.
[[nodiscard]] BlockRef gap_block(const Frame& frame) {
    const Seq last{number(frame.end_seq) - 1};
    const GapPayload payload = encode(Gap{.from = frame.first_seq, .to = last});
    ByteBuffer bytes;
    encode_record({.kind = RecordKind::gap, .payload = payload}, bytes);
    return std::make_shared<const Block>(last, frame.last_time, std::move(bytes),
                                         std::vector<std::uint32_t>{0});
}

/// Finds the frames by their headers, where the table cannot be believed.
class FrameWalk {
public:
    FrameWalk(File& file, const SealedFile& segment)
        : file_(file),
          header_(segment.header()),
          end_(segment.index() ? segment.index()->table_offset : segment.file_bytes()),
          seen_(header_.first_seq),
          seen_time_(header_.first_time) {}

    [[nodiscard]] SealedFrames run() {
        result_.is_rebuilt = true;
        std::uint64_t at = kSegmentHeaderBytes;
        bool is_behind_damage = false;
        while (at + kFrameHeaderBytes <= end_) {
            const auto frame = frame_at(at);
            if (!frame) {
                is_behind_damage = true;
                at = next_magic(at + 1);
                continue;
            }
            if (std::exchange(is_behind_damage, false)) add_lost(frame->first_seq);
            result_.frames.push_back(*frame);
            seen_ = frame->end_seq;
            seen_time_ = frame->last_time;
            at += kFrameHeaderBytes + frame->stored_bytes;
        }
        add_lost(header_.end_seq);
        return std::move(result_);
    }

private:
    /// A frame that also agrees with what is known of the segment.
    [[nodiscard]] std::optional<Frame> frame_at(std::uint64_t offset) {
        const auto bytes = read_all(file_, offset, kFrameHeaderBytes);
        if (!bytes) ++result_.read_errors;
        if (!bytes) return {};
        const auto frame = decode_frame_header(*bytes, header_.salt, offset);
        const bool fits = frame && frame->stored_bytes <= end_ - offset - kFrameHeaderBytes &&
                          frame->first_seq >= seen_ && frame->end_seq <= header_.end_seq &&
                          frame->first_time >= seen_time_;
        return fits ? frame : std::nullopt;
    }

    [[nodiscard]] std::uint64_t next_magic(std::uint64_t from) {
        while (from + kFrameHeaderBytes <= end_) {
            const auto bytes =
                read_all(file_, from, std::min<std::uint64_t>(kSearchBytes, end_ - from));
            if (!bytes) ++result_.read_errors;
            if (!bytes || bytes->size() < kFrameHeaderBytes) break;
            if (const auto found = find_frame_magic(*bytes, header_.salt, 0)) return from + *found;
            from += bytes->size() - 7;  // A magic may begin in the last seven bytes.
        }
        return end_;
    }

    void add_lost(Seq end) {
        if (end <= seen_) return;
        ++result_.read_errors;
        result_.frames.push_back({.first_seq = seen_,
                                  .end_seq = end,
                                  .first_time = seen_time_,
                                  .last_time = seen_time_});
    }

    File& file_;
    const SegmentHeader& header_;
    const std::uint64_t end_;
    Seq seen_;
    WallTime seen_time_;
    SealedFrames result_;
};

/// The table, if it and the footer are as written.
[[nodiscard]] std::optional<std::vector<Frame>> read_table(File& file, const SealedFile& segment) {
    if (!segment.index()) return {};
    const IndexFooter& index = *segment.index();
    const auto bytes = read_all(file, index.table_offset,
                                static_cast<std::size_t>(index.topics_offset - index.table_offset));
    if (!bytes || crc32c(*bytes) != index.table_crc) return {};
    auto frames = decode_frame_table(*bytes);
    if (!frames || frames->size() != index.frames) return {};
    if (frames->empty()) return frames;
    const Frame& last = frames->back();
    const bool fits = last.offset + kFrameHeaderBytes + last.stored_bytes == index.table_offset &&
                      frames->front().first_seq >= segment.header().first_seq &&
                      last.end_seq <= segment.header().end_seq;
    return fits ? std::move(frames) : std::nullopt;
}

/// Where the records start, if all of them are intact and fill the block.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> record_offsets(ByteSpan bytes,
                                                                       std::uint32_t count) {
    std::vector<std::uint32_t> offsets;
    offsets.reserve(std::min<std::size_t>(count, bytes.size() / kRecordHeaderBytes));
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::size_t size = 0;
        if (offsets.size() == count || !is_record_intact(bytes.subspan(at), size)) return {};
        offsets.push_back(static_cast<std::uint32_t>(at));
        at += size;
    }
    if (offsets.size() != count) return {};
    return offsets;
}

/// The blocks of a frame's content; nothing unless all of it is as it must be.
[[nodiscard]] std::optional<std::vector<BlockRef>> parse_frame(ByteSpan plain, const Frame& frame) {
    std::vector<BlockRef> blocks;
    blocks.reserve(frame.blocks);
    Seq seen = frame.first_seq;
    WallTime seen_time = frame.first_time;
    while (!plain.empty()) {
        if (plain.size() < kBlockHeadBytes) return {};
        const BlockHead head = decode_block_head(plain);
        plain = plain.subspan(kBlockHeadBytes);
        const bool fits = head.bytes <= plain.size() && head.count != 0 && head.first_seq >= seen &&
                          head.first_seq < frame.end_seq &&
                          head.count <= number(frame.end_seq) - number(head.first_seq) &&
                          head.time >= seen_time;
        if (!fits) return {};
        const ByteSpan bytes = plain.first(head.bytes);
        auto offsets = record_offsets(bytes, head.count);
        if (!offsets) return {};
        plain = plain.subspan(head.bytes);
        seen = head.first_seq + head.count;
        seen_time = head.time;
        blocks.push_back(std::make_shared<const Block>(head.first_seq, head.time,
                                                       ByteBuffer{bytes.begin(), bytes.end()},
                                                       *std::move(offsets)));
    }
    if (blocks.size() != frame.blocks || seen != frame.end_seq) return {};
    return blocks;
}

[[nodiscard]] std::size_t memory_bytes(const std::vector<BlockRef>& blocks) {
    std::size_t bytes = blocks.capacity() * sizeof(BlockRef);
    for (const BlockRef& block : blocks) bytes += block->memory_bytes();
    return bytes;
}

}  // namespace

Result<SealedFile, SealedProblem> SealedFile::open(File& file) {
    const auto size = file.size();
    if (!size) return Failure{SealedProblem::unreadable};
    const auto front = read_all(file, 0, kSegmentHeaderBytes);
    if (!front) return Failure{SealedProblem::unreadable};
    const auto first = decode_segment_header(*front);
    if (first && !first->is_sealed) return Failure{SealedProblem::not_sealed};

    SealedFile segment;
    segment.file_bytes_ = *size;
    std::optional<SegmentHeader> copy;
    if (*size >= kSegmentHeaderBytes + kFooterBytes) {
        const std::uint64_t offset = *size - kFooterBytes;
        const auto footer = read_all(file, offset, kFooterBytes);
        if (!footer) return Failure{SealedProblem::unreadable};
        const ByteSpan bytes{*footer};
        segment.index_ = decode_index_footer(bytes, offset);
        if (bytes.size() == kFooterBytes) {
            copy = decode_segment_header(bytes.subspan(kIndexFooterBytes));
        }
        if (copy && !copy->is_sealed) copy.reset();
    }
    if (!first && !copy) return Failure{SealedProblem::no_header};
    segment.header_ = first ? *first : *copy;
    segment.is_whole_ = first == copy && segment.index_.has_value();
    return segment;
}

std::size_t SealedFrames::frame_of(Seq seq) const noexcept {
    const auto found = std::partition_point(frames.begin(), frames.end(),
                                            [&](const Frame& f) { return f.end_seq <= seq; });
    return static_cast<std::size_t>(found - frames.begin());
}

std::size_t SealedFrames::frame_at(WallTime time) const noexcept {
    const auto found = std::partition_point(frames.begin(), frames.end(),
                                            [&](const Frame& f) { return f.last_time < time; });
    return static_cast<std::size_t>(found - frames.begin());
}

SealedFrames read_frames(File& file, const SealedFile& segment) {
    if (auto table = read_table(file, segment)) return {.frames = *std::move(table)};
    SealedFrames rebuilt = FrameWalk{file, segment}.run();
    ++rebuilt.read_errors;
    return rebuilt;
}

TopicDictionary read_topics(File& file, const SealedFile& segment) {
    if (!segment.index() || segment.index()->topics_plain_bytes > kTopicsPlainBytesMax) return {};
    const IndexFooter& index = *segment.index();
    const auto stored = read_all(file, index.topics_offset, index.topics_stored_bytes);
    if (!stored || crc32c(*stored) != index.topics_crc) return {};
    ByteBuffer plain(index.topics_plain_bytes);
    if (!decompress(*stored, plain)) return {};
    return plain;
}

std::vector<bool> frames_wanted(const TopicDictionary& topics, const SealedFile& segment,
                                const SealedFrames& frames, const TopicInterest& interest) {
    std::vector<bool> wanted(frames.frames.size(), true);
    if (frames.is_rebuilt) return wanted;
    if (!topics) return wanted;
    std::vector<bool> found(wanted.size(), false);
    TopicDictionaryReader reader{*topics, static_cast<std::uint32_t>(found.size())};
    while (reader.next()) {
        if (!interest.wants(reader.topic())) continue;
        for (const std::uint32_t frame : reader.frames()) found[frame] = true;
    }
    if (reader.is_broken()) return wanted;
    for (std::size_t i = 0; i < segment.index()->covered; ++i) {
        wanted[i] = found[i] || (frames.frames[i].flags & Frame::kHasGaps) != 0;
    }
    return wanted;
}

bool visit_topics(File& file, const SealedFile& segment, TopicVisitor& visitor) {
    const auto topics = read_topics(file, segment);
    if (!topics) return false;
    TopicDictionaryReader reader{*topics, segment.index()->frames};
    while (reader.next()) {
        if (!visitor.visit({.topic = reader.topic(), .frames = reader.frames()})) return true;
    }
    return !reader.is_broken();
}

FrameRead read_frame(File& file, const Frame& frame) {
    FrameRead result;
    const auto damaged = [&]() -> FrameRead {
        ++result.read_errors;
        result.records_damaged += frame.records;
        result.blocks = {gap_block(frame)};
        result.memory_bytes = memory_bytes(result.blocks);
        return std::move(result);
    };
    if (frame.is_lost()) return damaged();
    const auto stored = read_all(file, frame.offset + kFrameHeaderBytes, frame.stored_bytes);
    if (!stored) result.is_io_error = true;
    const bool is_intact =
        stored && stored->size() == frame.stored_bytes && crc32c(*stored) == frame.crc;
    if (!is_intact) return damaged();
    ByteBuffer plain(frame.plain_bytes);
    if (!decompress(*stored, plain)) return damaged();
    auto blocks = parse_frame(plain, frame);
    if (!blocks) return damaged();
    result.blocks = *std::move(blocks);
    result.memory_bytes = memory_bytes(result.blocks);
    return result;
}

SegmentRead read_sealed(File& file, const SealedFile& segment, Seq from, std::size_t bytes_max) {
    SegmentRead result;
    const SealedFrames table = read_frames(file, segment);
    result.read_errors = table.read_errors;
    std::size_t taken = 0;
    for (std::size_t i = table.frame_of(from); i < table.frames.size(); ++i) {
        FrameRead frame = read_frame(file, table.frames[i]);
        result.read_errors += frame.read_errors;
        result.records_damaged += frame.records_damaged;
        result.is_io_error = result.is_io_error || frame.is_io_error;
        for (BlockRef& block : frame.blocks) {
            if (block->end_seq() <= from) continue;
            if (taken >= bytes_max) return result;
            taken += block->bytes().size();
            result.blocks.push_back(std::move(block));
        }
    }
    return result;
}

}  // namespace firehose::log
