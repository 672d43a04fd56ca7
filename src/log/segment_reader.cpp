// SPDX-License-Identifier: Apache-2.0
#include "log/segment_reader.h"

#include <algorithm>
#include <optional>

#include "log/block_check.h"
#include "log/gap.h"
#include "log/segment_format.h"

namespace firehose::log {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;

void encode_gap(const Gap& gap, ByteBuffer& out) {
    const GapPayload payload = encode(gap);
    encode_record({.kind = RecordKind::gap, .payload = payload}, out);
}

class StretchReader {
public:
    StretchReader(File& file, const SegmentStretch& stretch, Seq from, std::size_t bytes_max)
        : file_(file),
          stretch_(stretch),
          from_(from),
          bytes_max_(bytes_max),
          at_(stretch.begin),
          seen_(stretch.begin_seq) {}

    [[nodiscard]] SegmentRead run() {
        while (at_ < stretch_.end && taken_ < bytes_max_) {
            const auto header = next_header();
            if (!header) break;
            seen_ = header->end_seq();
            if (header->end_seq() > from_ && !take_block(*header)) break;
            at_ += kBlockHeaderBytes + header->stored_bytes;
        }
        // What ends early ended in damage; a reader that only has enough ended at a block.
        if (taken_ < bytes_max_) add_gap_before(stretch_.end_seq);
        result_.end = at_;
        return std::move(result_);
    }

private:
    /// Bytes at `offset`, at least `count` of them unless the stretch ends or reading fails.
    [[nodiscard]] ByteSpan window(std::uint64_t offset, std::size_t count) {
        const std::uint64_t left = stretch_.end - offset;
        count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left));
        const bool is_there = offset >= window_at_ && offset + count <= window_at_ + window_.size();
        if (!is_there) fill(offset, std::max(count, std::min<std::size_t>(kReadBytes, left)));
        const auto skip = static_cast<std::size_t>(offset - window_at_);
        return ByteSpan{window_}.subspan(std::min(skip, window_.size()));
    }

    void fill(std::uint64_t offset, std::size_t count) {
        window_.resize(count);
        window_at_ = offset;
        std::size_t done = 0;
        while (done < count) {
            const auto got = file_.read(offset + done, std::span{window_}.subspan(done));
            if (!got || *got == 0) {
                ++result_.read_errors;
                if (!got) result_.is_io_error = true;
                break;
            }
            done += *got;
        }
        window_.resize(done);
    }

    /// The header at `at_`; where it is damaged, the next valid one.
    [[nodiscard]] std::optional<BlockHeader> next_header() {
        if (auto header = header_at(at_)) return header;
        ++result_.read_errors;
        std::uint64_t search = at_ + 1;
        while (search + kBlockHeaderBytes <= stretch_.end) {
            const ByteSpan bytes = window(search, kBlockHeaderBytes);
            if (bytes.size() < kBlockHeaderBytes) return {};
            const auto found = find_block_magic(bytes, stretch_.salt, 0);
            if (!found) {
                search += bytes.size() - 7;  // A magic may begin in the last seven bytes.
                continue;
            }
            search += *found;
            if (auto header = header_at(search)) {
                at_ = search;
                add_gap_before(header->first_seq);
                return header;
            }
            ++search;
        }
        return {};
    }

    /// A header at `offset` that also agrees with what is known of the segment.
    [[nodiscard]] std::optional<BlockHeader> header_at(std::uint64_t offset) {
        const auto header =
            decode_block_header(window(offset, kBlockHeaderBytes), stretch_.salt, offset);
        if (!header) return {};
        const bool fits = header->stored_bytes <= stretch_.end - offset - kBlockHeaderBytes &&
                          header->first_seq >= seen_ && header->end_seq() <= stretch_.end_seq;
        return fits ? header : std::nullopt;
    }

    /// Records in [seen_, end) are lost: a block of one gap record says so.
    void add_gap_before(Seq end) {
        const Seq from = std::max(seen_, from_);
        if (end <= from) return;
        ByteBuffer bytes;
        encode_gap({.from = from, .to = Seq{number(end) - 1}}, bytes);
        taken_ += bytes.size();
        // It takes the last seq of what is lost, so that who reads on from its end is past it.
        result_.blocks.push_back(std::make_shared<const Block>(
            Seq{number(end) - 1}, last_time_, std::move(bytes), std::vector<std::uint32_t>{0}));
        seen_ = end;
    }

    /// False when the file could not be read.
    [[nodiscard]] bool take_block(const BlockHeader& header) {
        const ByteSpan there = window(at_ + kBlockHeaderBytes, header.stored_bytes);
        if (there.size() < header.stored_bytes) {
            seen_ = header.first_seq;
            return false;
        }
        last_time_ = header.time;
        const ByteSpan stored = there.first(header.stored_bytes);
        const BlockCheck check = check_block(stored, header.count);
        result_.records_damaged += check.damaged;
        BlockRef block = checked_block(stored, header, check, header.count);
        taken_ += stored.size();
        if (block->count() != 0) result_.blocks.push_back(std::move(block));
        return true;
    }

    File& file_;
    const SegmentStretch stretch_;
    const Seq from_;
    const std::size_t bytes_max_;
    std::uint64_t at_;  // Of the next block header.
    Seq seen_;          // Records below were met, or are not wanted.
    WallTime last_time_{};
    std::size_t taken_ = 0;
    ByteBuffer window_;
    std::uint64_t window_at_ = 0;
    SegmentRead result_;
};

}  // namespace

SegmentRead read_segment(File& file, const SegmentStretch& stretch, Seq from,
                         std::size_t bytes_max) {
    return StretchReader{file, stretch, from, bytes_max}.run();
}

}  // namespace firehose::log
