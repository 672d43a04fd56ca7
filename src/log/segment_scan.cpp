// SPDX-License-Identifier: Apache-2.0
#include "log/segment_scan.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "log/block_check.h"
#include "log/file_window.h"

namespace firehose::log {
namespace {

constexpr std::size_t kForeignHeaderBytesMax = 4'096;

[[nodiscard]] bool is_zeros(ByteSpan bytes) noexcept {
    return bytes.empty() || (bytes[0] == std::byte{0} &&
                             std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

class Scanner {
public:
    Scanner(File& file, std::uint64_t file_bytes, std::optional<Seq> limit, BlockVisitor* visitor)
        : window_(file, file_bytes), limit_(limit), visitor_(visitor) {
        scan_.file_bytes = file_bytes;
    }

    [[nodiscard]] Result<SegmentScan, ScanProblem> run() {
        if (const auto problem = read_header()) return Failure{*problem};
        scan_.end_seq = scan_.header.first_seq;
        scan_.seq_limit = scan_.header.seq_limit;
        scan_.end_time = scan_.header.created;
        while (const auto header = next_header()) take_block(*header);
        // Where another segment follows this one was durable to its end: what is not intact is
        // damage, and costs no record beside it.
        if (limit_ && last_ && last_->is_whole()) end_damaged_block();
        end_last_block();
        scan_.bytes = std::min(at_, scan_.file_bytes);
        if (!is_at_limit_) find_tail();
        const bool has_tail = scan_.tail_bytes != 0;
        scan_.is_closed = is_last_closing_ && !has_tail && !is_at_limit_;
        scan_.is_past_closing = is_last_closing_ && has_tail;
        scan_.is_past_limit = is_at_limit_;
        scan_.pages_unreadable = window_.pages_unreadable();
        return std::move(scan_);
    }

private:
    struct Damaged {
        std::uint64_t offset = 0;
        BlockHeader header;
        BlockCheck check;
        ByteBuffer stored;
        Seq end_before{};  // Of the block before it.
        bool is_closing_before = false;

        [[nodiscard]] bool is_whole() const { return stored.size() == header.stored_bytes; }
    };

    [[nodiscard]] std::optional<ScanProblem> read_header() {
        const ByteSpan there = window_.at(0, kForeignHeaderBytesMax);
        const auto header = decode_segment_header(there);
        if (header) {
            scan_.header = *header;
            return header->is_sealed ? std::optional{ScanProblem::sealed} : std::nullopt;
        }
        if (is_foreign_segment_header(there)) return ScanProblem::newer_format;
        const auto salt = there.size() <= kSegmentHeaderBytes
                              ? std::nullopt
                              : salt_of_first_block(there.subspan(kSegmentHeaderBytes));
        if (!salt) {
            if (is_zeros_from(0)) return ScanProblem::empty;
            return is_zeros_from(kSegmentHeaderBytes) ? ScanProblem::torn_header
                                                      : ScanProblem::no_header;
        }
        const auto first =
            decode_block_header(there.subspan(kSegmentHeaderBytes), *salt, kSegmentHeaderBytes);
        scan_.header = {.salt = *salt,
                        .created = first->time,
                        .first_seq = first->first_seq,
                        .seq_limit = first->seq_limit};
        scan_.is_header_damaged = true;
        return {};
    }

    [[nodiscard]] bool is_zeros_from(std::uint64_t offset) {
        while (offset < scan_.file_bytes) {
            const ByteSpan there = window_.at(offset, 1);
            if (!is_zeros(there)) return false;
            offset += there.size();
        }
        return true;
    }

    /// A valid header at `offset` that comes in its order; not yet that it is before the limit.
    [[nodiscard]] std::optional<BlockHeader> header_at(std::uint64_t offset) {
        const auto header =
            decode_block_header(window_.at(offset, kBlockHeaderBytes), scan_.header.salt, offset);
        if (!header) return {};
        const bool is_possible = header->first_seq >= scan_.end_seq && is_count_possible(*header);
        return is_possible ? header : std::nullopt;
    }

    /// The header at `at_`; where it is damaged, the next valid one, and at_ moves there.
    [[nodiscard]] std::optional<BlockHeader> next_header() {
        auto header = header_at(at_);
        const std::uint64_t from = at_;
        if (!header) header = search(at_ + 1);
        if (!header) return {};
        is_at_limit_ = limit_ && header->first_seq >= *limit_;
        if (is_at_limit_) {
            at_ = from;
            return {};
        }
        end_damaged_block();
        if (at_ != from) add_lost_blocks(from, *header);
        return header;
    }

    [[nodiscard]] std::optional<BlockHeader> search(std::uint64_t offset) {
        while (offset + kBlockHeaderBytes <= scan_.file_bytes) {
            const ByteSpan bytes = window_.at(offset, kBlockHeaderBytes);
            // Preallocated room is long, and compares faster than it is searched.
            const auto found =
                is_zeros(bytes) ? std::nullopt : find_block_magic(bytes, scan_.header.salt, 0);
            if (!found) {
                offset += bytes.size() - 7;  // A magic may begin in the last seven bytes.
                continue;
            }
            offset += *found;
            if (auto header = header_at(offset)) {
                at_ = offset;
                return header;
            }
            ++offset;
        }
        return {};
    }

    void add_lost_blocks(std::uint64_t from, const BlockHeader& next) {
        scan_.damage.push_back({from, at_ - from, scan_.end_seq, next.first_seq});
        // A reader begins at an index entry: it must meet what is lost before the first block.
        if (scan_.index.empty()) scan_.index.push_back({scan_.header.first_seq, from});
        scan_.end_seq = next.first_seq;
    }

    void take_block(const BlockHeader& header) {
        const std::uint64_t begin = at_ + kBlockHeaderBytes;
        const ByteSpan there = window_.at(begin, header.stored_bytes);
        const ByteSpan stored =
            there.first(std::min<std::size_t>(there.size(), header.stored_bytes));
        const bool is_whole = stored.size() == header.stored_bytes;
        const auto possible = static_cast<std::uint32_t>(stored.size() / kRecordHeaderBytes + 1);
        BlockCheck check =
            check_block(stored, is_whole ? header.count : std::min(header.count, possible));
        if (!is_whole) check.damaged = std::max(check.damaged, 1U);  // Some are not even there.

        const Seq end_before = scan_.end_seq;
        const bool is_closing_before = is_last_closing_;
        note_header(header);
        if (check.damaged == 0) {
            note_block(at_, header, stored, check, header.count);
        } else {
            last_ = Damaged{at_,
                            header,
                            std::move(check),
                            ByteBuffer{stored.begin(), stored.end()},
                            end_before,
                            is_closing_before};
        }
        at_ = begin + header.stored_bytes;
        if (visitor_ != nullptr) visitor_->on_progress(std::min(at_, scan_.file_bytes));
    }

    void note_header(const BlockHeader& header) {
        scan_.seq_limit = std::max(scan_.seq_limit, header.seq_limit);
        scan_.durable_before = std::max(scan_.durable_before, header.durable_before);
        scan_.end_seq = header.end_seq();
        scan_.end_time = std::max(scan_.end_time, header.time);
        if (scan_.blocks++ == 0) scan_.first_time = header.time;
        is_last_closing_ = header.kind == BlockKind::closing;
        if (header.count != 0 &&
            (scan_.index.empty() || at_ >= scan_.index.back().offset + kBlockIndexStride)) {
            scan_.index.push_back({header.first_seq, at_});
        }
    }

    void note_block(std::uint64_t offset, const BlockHeader& header, ByteSpan stored,
                    const BlockCheck& check, std::uint32_t count) {
        scan_.records += count;
        for (std::uint32_t i = 0; i < count; ++i)
            scan_.records -= check.records[i].is_intact ? 0 : 1;
        if (!is_first_seen_ && count != 0) {
            is_first_seen_ = true;
            note_first(stored, check);
        }
        if (visitor_ == nullptr) return;
        visitor_->on_block(offset, header, *checked_block(stored, header, check, count));
    }

    void note_first(ByteSpan stored, const BlockCheck& check) {
        if (!check.records.front().is_intact) return;
        std::size_t size = 0;
        const auto record = decode_checked_record(stored, size);
        if (record) scan_.opening_gap = gap_of(*record);
    }

    /// A block follows: what is not intact in the one before is damage.
    void end_damaged_block() {
        if (!last_) return;
        const Damaged block = *std::exchange(last_, {});
        add_damaged_records(block, block.header.count);
        note_block(block.offset, block.header, block.stored, block.check, block.header.count);
    }

    void add_damaged_records(const Damaged& block, std::uint32_t count) {
        const auto& records = block.check.records;
        for (std::uint32_t i = 0; i < count;) {
            if (records[i].is_intact) {
                ++i;
                continue;
            }
            const std::uint32_t from = i++;
            while (i < count && !records[i].is_intact && records[i].bytes == 0) ++i;
            scan_.damage.push_back({block.offset + kBlockHeaderBytes + records[from].offset,
                                    records[from].bytes, block.header.first_seq + from,
                                    block.header.first_seq + i});
        }
    }

    /// Nothing follows: what is not intact at its end was never whole.
    void end_last_block() {
        if (!last_) return;
        const Damaged block = *std::exchange(last_, {});
        const std::uint32_t count = block.check.intact_count;
        const bool is_cut = count != block.header.count;
        add_damaged_records(block, count);
        note_block(block.offset, block.header, block.stored, block.check, count);
        if (!is_cut) return;
        scan_.end_seq = block.header.first_seq + count;
        is_last_closing_ = false;
        if (count == 0) {
            if (!scan_.index.empty() && scan_.index.back().offset == block.offset) {
                scan_.index.pop_back();
            }
            // Its header says how far the file is durable, so that damage before it is known for
            // what it is: then it stays, empty.
            if (scan_.damage.empty()) {
                at_ = block.offset;
                scan_.end_seq = block.end_before;
                is_last_closing_ = block.is_closing_before;
                --scan_.blocks;
                return;
            }
        }
        BlockHeader header = block.header;
        header.count = count;
        header.kind = BlockKind::records;  // Whatever it was, it is no clean end.
        header.stored_bytes = header.plain_bytes = block.check.intact_bytes;
        at_ = block.offset + kBlockHeaderBytes + header.stored_bytes;
        scan_.cut_block = CutBlock{block.offset, header};
    }

    void find_tail() {
        for (std::uint64_t offset = at_; offset < scan_.file_bytes;) {
            const ByteSpan there = window_.at(offset, 1);
            const auto last = std::find_if(there.rbegin(), there.rend(),
                                           [](std::byte b) { return b != std::byte{0}; });
            if (!is_zeros(there)) {
                scan_.tail_bytes =
                    offset + static_cast<std::uint64_t>(there.rend() - last) - scan_.bytes;
            }
            offset += there.size();
        }
    }

    FileWindow window_;
    const std::optional<Seq> limit_;
    BlockVisitor* const visitor_;
    std::uint64_t at_ = kSegmentHeaderBytes;  // Of the next block header.
    std::optional<Damaged> last_;             // The block before, if it is not intact.
    bool is_last_closing_ = false;
    bool is_first_seen_ = false;
    bool is_at_limit_ = false;
    SegmentScan scan_;
};

}  // namespace

Result<SegmentScan, ScanProblem> scan_segment(File& file, std::optional<Seq> limit,
                                              BlockVisitor* visitor) {
    const auto bytes = file.size();
    if (!bytes) return Failure{ScanProblem::unreadable};
    return Scanner{file, *bytes, limit, visitor}.run();
}

}  // namespace firehose::log
