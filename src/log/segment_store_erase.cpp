// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "log/segment_store.h"

// How segments lose what was taken back: written again, under readers that are at them.
namespace firehose::log {

void SegmentStore::begin_erase(std::shared_ptr<const EraseSelection> selection, Seq limit) {
    FH_ASSERT(!erasing_);
    erase_progress_ = {};
    erase_progress_.bytes = bytes_from(selection->first());
    close_below_.store(number(limit), std::memory_order_relaxed);
    const Seq first = selection->first();
    erasing_.emplace(Erasing{.selection = std::move(selection), .limit = limit, .at = first});
}

EraseProgress SegmentStore::erase_progress() const {
    return erase_progress_;
}

EraseStep SegmentStore::erase_step() {
    FH_ASSERT(erasing_);
    if (sealing_) {  // It may be at a segment that holds something.
        step_sealing();
        return EraseStep::again;
    }
    erase_progress_.problem.clear();
    if (erasing_->segment == nullptr) return erase_next();
    const auto step = rewrite_step();
    if (step && *step) return EraseStep::again;
    const IoResult done = step ? end_rewriting() : IoResult{Failure{step.error()}};
    if (done) {
        erasing_->at = erasing_->segment->kept.end_seq;
        erase_progress_.bytes_done += erasing_->segment->kept.disk_bytes;
    } else {
        erase_progress_.problem =
            erasing_->segment->kept.name + " cannot be written again: " + done.error().message();
        FH_LOG(warn, "log_erase_failed", {"file", erasing_->segment->kept.name},
               {"error", done.error().message()});
    }
    stop_rewriting();
    return done ? EraseStep::again : EraseStep::waits;
}

/// The next segment that may hold something.
EraseStep SegmentStore::erase_next() {
    bool is_open = false;
    SegmentStretch stretch;
    Segment* segment = state_.with([&](State& state) -> Segment* {
        const auto found =
            std::find_if(state.segments.begin(), state.segments.end(), [&](const auto& candidate) {
                const KeptSegment& kept = candidate->kept;
                return kept.has_blocks() && kept.end_seq > erasing_->at &&
                       kept.header.first_seq < erasing_->limit;
            });
        if (found == state.segments.end()) return nullptr;
        is_open = (*found)->is_open;
        if (is_open) return nullptr;
        Segment& chosen = **found;
        ++chosen.pins;
        stretch = {.salt = chosen.kept.header.salt,
                   .begin = kSegmentHeaderBytes,
                   .end = chosen.kept.bytes,
                   .begin_seq = chosen.kept.header.first_seq,
                   .end_seq = chosen.kept.end_seq};
        return &chosen;
    });
    if (is_open) return EraseStep::waits;  // The writer closes it.
    if (segment == nullptr) return finish_erasing();
    erasing_->segment = segment;
    File& file = *segment->kept.file;
    if (!segment->kept.sealed) {
        erasing_->rewriter = std::make_unique<SegmentRewriter>(file, segment->kept.header, stretch,
                                                               *erasing_->selection);
        return EraseStep::again;
    }
    const auto sealed = SealedFile::open(file);
    if (!sealed) {
        erase_progress_.problem = segment->kept.name + " cannot be read";
        stop_rewriting();
        return EraseStep::waits;
    }
    erasing_->rewriter = std::make_unique<SegmentRewriter>(file, *sealed, *erasing_->selection);
    return EraseStep::again;
}

Result<bool, std::error_code> SegmentStore::rewrite_step() {
    SegmentRewriter& rewriter = *erasing_->rewriter;
    if (erasing_->out) return rewriter.step();
    const auto looked = rewriter.look_step();
    if (!looked || *looked || !rewriter.is_needed()) return looked;
    if (options_.is_kept) {
        erasing_->name = segment_name(erasing_->segment->kept.header.number, true) + ".tmp";
        static_cast<void>(files_.remove(erasing_->name));  // Of an earlier try.
    }
    auto out = options_.is_kept ? files_.create(erasing_->name) : files_.create_unlinked();
    if (!out) return Failure{out.error()};
    erasing_->out = std::move(*out);
    rewriter.begin(*erasing_->out);
    return true;
}

IoResult SegmentStore::end_rewriting() {
    const SegmentRewriter& rewriter = *erasing_->rewriter;
    if (!erasing_->out) return {};  // There was nothing in it.
    // Damaged bytes are evidence: where nothing is to be erased they stay.
    if (rewriter.has_damage() && rewriter.records() == 0 && !erasing_->segment->kept.sealed) {
        return {};
    }
    if (rewriter.has_damage()) {
        FH_LOG(warn, "log_damage_not_kept", {"file", erasing_->segment->kept.name},
               {"reason", "records in it were erased"});
    }
    const IoResult done = replace(*erasing_->segment, erasing_->name, std::move(erasing_->out));
    const bool is_installed = done || erasing_->name == erasing_->segment->kept.name;
    if (is_installed) {
        erasing_->name.clear();
        erase_progress_.records += rewriter.records();
        ++erase_progress_.segments_rewritten;
    }
    return done;
}

void SegmentStore::stop_rewriting() {
    if (!erasing_->name.empty()) static_cast<void>(files_.remove(erasing_->name));
    erasing_->name.clear();
    erasing_->rewriter.reset();
    erasing_->out.reset();
    unpin(*std::exchange(erasing_->segment, nullptr));
}

/// Everything was written again. Names that went must not come back, and readers let go of what
/// they hold.
EraseStep SegmentStore::finish_erasing() {
    const bool is_held = state_.with([](const State& state) { return !state.retired.empty(); });
    if (is_held) return EraseStep::waits;
    if (options_.is_kept) {
        if (const auto synced = files_.sync_folder(); !synced) {
            erase_progress_.problem =
                "the folder of the log cannot be synced: " + synced.error().message();
            return EraseStep::waits;
        }
    }
    erasing_.reset();
    return EraseStep::done;
}

}  // namespace firehose::log
