// SPDX-License-Identifier: Apache-2.0
#include "log/segment_rewriter.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::log {
namespace {

[[nodiscard]] Failure<std::error_code> read_failure() noexcept {
    return {std::make_error_code(std::errc::io_error)};
}

/// Topics of which something may be covered.
class SelectedTopics final : public TopicInterest {
public:
    explicit SelectedTopics(const EraseSelection& selection) : selection_(selection) {}
    [[nodiscard]] bool wants(std::string_view topic) const override {
        return selection_.may_cover(topic);
    }

private:
    const EraseSelection& selection_;
};

/// The frames that may hold something, the last one first.
[[nodiscard]] std::vector<std::size_t> suspects(File& file, const SealedFile& segment,
                                                const SealedFrames& table,
                                                const EraseSelection& selection) {
    const auto topics = read_topics(file, segment);
    const std::vector<bool> wanted =
        frames_wanted(topics, segment, table, SelectedTopics{selection});
    std::vector<std::size_t> found;
    for (std::size_t i = table.frames.size(); i-- > 0;) {
        const Frame& frame = table.frames[i];
        if (frame.is_lost() || frame.end_seq <= selection.first()) continue;
        const bool is_suspect = (frame.flags & Frame::kHasKeep) != 0 ||
                                (wanted[i] && selection.may_cover(frame.first_seq, frame.end_seq));
        if (is_suspect) found.push_back(i);
    }
    return found;
}

}  // namespace

SegmentRewriter::SegmentRewriter(File& source, const SegmentHeader& header,
                                 const SegmentStretch& stretch, const EraseSelection& selection,
                                 std::size_t frame_bytes)
    : source_(source),
      header_(header),
      selection_(selection),
      frame_bytes_(frame_bytes),
      rest_(stretch),
      is_needed_(true) {}

SegmentRewriter::SegmentRewriter(File& source, const SealedFile& sealed,
                                 const EraseSelection& selection, std::size_t frame_bytes)
    : source_(source),
      header_(sealed.header()),
      selection_(selection),
      frame_bytes_(frame_bytes),
      sealed_(sealed) {
    header_.records = 0;  // The writer counts.
}

SegmentRewriter::Step SegmentRewriter::look_step() {
    if (rest_ || is_needed_) return false;
    if (!has_frames_) {
        frames_ = read_frames(source_, *sealed_);
        has_damage_ = frames_.is_rebuilt;
        suspects_ = suspects(source_, *sealed_, frames_, selection_);
        has_frames_ = true;
        return !suspects_.empty();
    }
    const FrameRead frame = read_frame(source_, frames_.frames[suspects_.back()]);
    if (frame.is_io_error) return read_failure();
    suspects_.pop_back();
    // What cannot be read may be it: its bytes go.
    is_needed_ = frame.records_damaged != 0;
    for (const BlockRef& block : frame.blocks) {
        for (std::size_t i = 0; i < block->count() && !is_needed_; ++i) {
            is_needed_ = is_to_erase(selection_, block->first_seq() + i, block->record(i));
        }
    }
    return !is_needed_ && !suspects_.empty();
}

void SegmentRewriter::begin(File& out) {
    FH_ASSERT(is_needed_ && !writer_);
    writer_.emplace(out, header_, frame_bytes_);
}

SegmentRewriter::Step SegmentRewriter::step() {
    return rest_ ? plain_step() : sealed_step();
}

SegmentRewriter::Step SegmentRewriter::plain_step() {
    if (rest_->begin >= rest_->end) {
        if (auto done = writer_->finish(rest_->end_seq); !done) return Failure{done.error()};
        return false;
    }
    const SegmentRead read = read_segment(source_, *rest_, rest_->begin_seq, frame_bytes_);
    if (read.is_io_error) return read_failure();
    has_damage_ = has_damage_ || read.read_errors != 0 || read.records_damaged != 0;
    if (auto done = add(read.blocks); !done) return Failure{done.error()};
    if (!read.blocks.empty()) rest_->begin_seq = read.blocks.back()->end_seq();
    // Behind damage there may be nothing more to find.
    rest_->begin = read.end > rest_->begin ? read.end : rest_->end;
    if (rest_->begin_seq >= rest_->end_seq) rest_->begin = rest_->end;
    return true;
}

SegmentRewriter::Step SegmentRewriter::sealed_step() {
    if (next_frame_ == frames_.frames.size()) {
        if (auto done = writer_->finish(header_.end_seq); !done) return Failure{done.error()};
        return false;
    }
    const FrameRead frame = read_frame(source_, frames_.frames[next_frame_++]);
    if (frame.is_io_error) return read_failure();
    has_damage_ = has_damage_ || frame.records_damaged != 0 || frame.read_errors != 0;
    if (auto done = add(frame.blocks); !done) return Failure{done.error()};
    return true;
}

IoResult SegmentRewriter::add(const std::vector<BlockRef>& blocks) {
    for (const BlockRef& block : blocks) {
        if (auto done = writer_->add(*without_erased(block, selection_, records_)); !done) {
            return done;
        }
    }
    return {};
}

}  // namespace firehose::log
