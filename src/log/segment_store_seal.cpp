// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "log/segment_store.h"

// How a closed segment becomes a sealed one, under readers that are at it.
namespace firehose::log {

bool SegmentStore::seal_step() {
    if (!options_.is_kept || erasing_) return false;
    if (!sealing_) return begin_sealing();
    step_sealing();
    return true;
}

void SegmentStore::step_sealing() {
    const auto step = sealing_->sealer.step();
    if (step && *step) return;
    IoResult done = step ? replace(*sealing_->segment, sealing_->name, std::move(sealing_->out))
                         : IoResult{Failure{step.error()}};
    if (!done) {
        FH_LOG(warn, "log_segment_stays_plain", {"file", sealing_->segment->kept.name},
               {"error", done.error().message()});
    }
    end_sealing(done.has_value());
}

bool SegmentStore::begin_sealing() {
    SegmentStretch stretch;
    Segment* segment = state_.with([&](State& state) -> Segment* {
        const auto found =
            std::find_if(state.segments.begin(), state.segments.end(), [](const auto& s) {
                return !s->is_open && !s->kept.sealed && !s->is_unsealable && s->kept.has_blocks();
            });
        if (found == state.segments.end()) return nullptr;
        Segment& chosen = **found;
        ++chosen.pins;
        stretch = {.salt = chosen.kept.header.salt,
                   .begin = kSegmentHeaderBytes,
                   .end = chosen.kept.bytes,
                   .begin_seq = chosen.kept.header.first_seq,
                   .end_seq = chosen.kept.end_seq};
        return &chosen;
    });
    if (segment == nullptr) return false;
    const std::string name = segment_name(segment->kept.header.number, true) + ".tmp";
    static_cast<void>(files_.remove(name));  // Of an earlier try.
    auto out = files_.create(name);
    if (!out) {
        state_.with([&](State&) { segment->is_unsealable = true; });
        unpin(*segment);
        return true;
    }
    File& file = **out;
    sealing_.emplace(
        Sealing{.segment = segment,
                .name = name,
                .out = std::move(*out),
                .sealer = Sealer{*segment->kept.file, segment->kept.header, stretch, file}});
    return true;
}

/// The sealed file `out`, named `name`, takes the place of `old`, which the caller has pinned: it
/// has its name, durably, before a plain one loses its own. `name` follows it.
IoResult SegmentStore::replace(Segment& old, std::string& name, std::unique_ptr<File> out) {
    const auto opened = SealedFile::open(*out);
    if (!opened || !opened->is_whole()) {
        return Failure{std::make_error_code(std::errc::io_error)};
    }
    IoResult synced;
    if (options_.is_kept) {
        const std::string final_name = segment_name(old.kept.header.number, true);
        if (auto done = files_.rename(name, final_name); !done) return done;
        name = final_name;
        synced = files_.sync_folder();
        // Under a name of its own it is still nothing but a second copy.
        if (!synced && old.kept.name != name) return synced;
    }
    auto fresh = std::make_unique<Segment>();
    fresh->kept = {.name = name,
                   .file = std::move(out),
                   .header = opened->header(),
                   .bytes = opened->file_bytes(),
                   .disk_bytes = opened->file_bytes(),
                   .end_seq = old.kept.end_seq,
                   .end_time = old.kept.end_time,
                   .lost_from = old.kept.lost_from,
                   .index = {},
                   .sealed = cache_.add(*opened)};
    const std::string old_name = old.kept.name;
    const bool is_there = state_.with([&](State& state) {
        const auto found = std::find_if(state.segments.begin(), state.segments.end(),
                                        [&](const auto& s) { return s.get() == &old; });
        if (found == state.segments.end()) return false;  // Dropped meanwhile.
        state.figures.bytes += fresh->kept.disk_bytes;
        state.figures.bytes -= old.kept.disk_bytes;
        if (!old.kept.sealed) ++state.figures.sealed_total;
        std::swap(*found, fresh);
        state.retired.push_back(std::move(fresh));  // The caller holds a pin of it.
        return true;
    });
    if (!options_.is_kept) return {};
    if (!is_there) {
        static_cast<void>(files_.remove(name));
    } else if (old_name != name) {
        static_cast<void>(files_.remove(old_name));
    }
    return synced;
}

void SegmentStore::end_sealing(bool is_done) {
    Segment& segment = *sealing_->segment;
    if (!is_done) {
        state_.with([&](State&) { segment.is_unsealable = true; });
        static_cast<void>(files_.remove(sealing_->name));
    }
    sealing_.reset();
    unpin(segment);
}

}  // namespace firehose::log
