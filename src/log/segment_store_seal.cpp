// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "log/segment_store.h"

// How a closed segment becomes a sealed one, under readers that are at it.
namespace firehose::log {

bool SegmentStore::seal_step() {
    if (!options_.is_kept) return false;
    if (!sealing_) return begin_sealing();
    const auto step = sealing_->sealer.step();
    if (step && *step) return true;
    IoResult done = step ? replace_by_sealed() : IoResult{Failure{step.error()}};
    if (!done) {
        FH_LOG(warn, "log_segment_stays_plain", {"file", sealing_->segment->kept.name},
               {"error", done.error().message()});
    }
    end_sealing(done.has_value());
    return true;
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

/// The sealed file has its name, durably, before the plain one loses its own.
IoResult SegmentStore::replace_by_sealed() {
    const auto opened = SealedFile::open(*sealing_->out);
    if (!opened || !opened->is_whole()) {
        return Failure{std::make_error_code(std::errc::io_error)};
    }
    Segment& old = *sealing_->segment;
    const std::string name = segment_name(old.kept.header.number, true);
    if (auto done = files_.rename(sealing_->name, name); !done) return done;
    sealing_->name = name;
    if (auto done = files_.sync_folder(); !done) return done;

    auto fresh = std::make_unique<Segment>();
    fresh->kept = {.name = name,
                   .file = std::move(sealing_->out),
                   .header = opened->header(),
                   .bytes = opened->file_bytes(),
                   .disk_bytes = opened->file_bytes(),
                   .end_seq = old.kept.end_seq,
                   .end_time = old.kept.end_time,
                   .index = {},
                   .sealed = cache_.add(*opened)};
    const std::string plain = old.kept.name;
    const bool is_there = state_.with([&](State& state) {
        const auto found = std::find_if(state.segments.begin(), state.segments.end(),
                                        [&](const auto& s) { return s.get() == &old; });
        if (found == state.segments.end()) return false;  // Dropped meanwhile.
        state.figures.bytes += fresh->kept.disk_bytes;
        state.figures.bytes -= old.kept.disk_bytes;
        ++state.figures.sealed_total;
        std::swap(*found, fresh);
        state.retired.push_back(std::move(fresh));  // We hold a pin of it.
        return true;
    });
    static_cast<void>(files_.remove(is_there ? plain : name));
    return {};
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
