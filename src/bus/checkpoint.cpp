// SPDX-License-Identifier: Apache-2.0
#include "bus/checkpoint.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace firehose::bus {

Checkpointer::Checkpointer(ViewStore& store, log::Log& log, RetainedView& retained,
                           std::vector<SessionRowsBox*> shards)
    : store_(store), log_(log), retained_(retained) {
    for (SessionRowsBox* box : shards) shards_.push_back({.box = box});
    retained_.track_changes();
}

void Checkpointer::add_rows(std::vector<ViewStore::SessionRow> rows) {
    added_.insert(added_.end(), std::make_move_iterator(rows.begin()),
                  std::make_move_iterator(rows.end()));
}

void Checkpointer::begin() {
    if (is_running()) return;
    phase_ = Phase::sessions;
    sessions_at_ = retained_at_ = needed_from_ = Seq{UINT64_MAX};
    // They are of the log as it was at the start: durable.
    for (std::size_t at = 0; at < added_.size(); at += ViewStore::kRowsMax) {
        const auto first = added_.begin() + static_cast<std::ptrdiff_t>(at);
        const auto last = added_.begin() + static_cast<std::ptrdiff_t>(
                                               std::min(at + ViewStore::kRowsMax, added_.size()));
        chunks_.push_back(
            {.sessions = {std::make_move_iterator(first), std::make_move_iterator(last)}});
    }
    added_ = {};
    for (Asked& asked : shards_) {
        asked.is_first = true;
        asked.is_done = false;
        asked.box->request(kSessionRowsMax);
    }
}

Checkpointer::Step Checkpointer::step() {
    if (phase_ == Phase::idle) return Step::idle;
    if (phase_ == Phase::sessions) hear_shards();
    if (phase_ == Phase::retained && chunks_.empty()) take_retained();
    if (!chunks_.empty()) return write_chunk();
    if (phase_ == Phase::floors) return move_floors();
    return phase_ == Phase::sessions ? Step::waits : Step::more;
}

/// Takes the shards' answers and asks on. What they say first is where the floors may move to.
void Checkpointer::hear_shards() {
    bool all_done = true;
    for (Asked& asked : shards_) {
        if (asked.is_done) continue;
        std::optional<SessionRows> answer = asked.box->take();
        if (answer) {
            if (std::exchange(asked.is_first, false)) {
                sessions_at_ = std::min(sessions_at_, answer->true_for);
                retained_at_ = std::min(retained_at_, answer->tail);
                needed_from_ = std::min(needed_from_, answer->needed_from);
            }
            if (!answer->rows.empty()) {
                chunks_.push_back(
                    {.sessions = std::move(answer->rows), .durable_past = answer->true_for});
            }
            asked.is_done = answer->is_last;
            if (!asked.is_done) asked.box->request(kSessionRowsMax);
        }
        all_done = all_done && asked.is_done;
    }
    if (!all_done) return;
    phase_ = Phase::retained;
    retained_left_ = retained_.dirty_count();
}

void Checkpointer::take_retained() {
    RetainedView::Dirty dirty = retained_.take_dirty(
        std::clamp<std::size_t>(retained_left_, 1, ViewStore::kRowsMax), kRetainedBytesMax);
    retained_left_ -= std::min(dirty.changes, retained_left_);
    if (!dirty.rows.empty()) {
        Chunk chunk;
        for (const ViewStore::RetainedRow& row : dirty.rows) {
            chunk.durable_past = std::max({chunk.durable_past, next(row.seq), next(row.kept_at)});
        }
        chunk.retained = std::move(dirty.rows);
        chunks_.push_back(std::move(chunk));
    }
    if (retained_left_ == 0 && !dirty.has_gone) phase_ = Phase::floors;
}

Checkpointer::Step Checkpointer::write_chunk() {
    const Chunk& chunk = chunks_.front();
    if (log_.durable_end() < chunk.durable_past) return Step::waits;
    if (!chunk.sessions.empty()) {
        if (!note(store_.write_sessions(chunk.sessions))) return Step::failed;
        figures_.session_rows_total += chunk.sessions.size();
    }
    if (!chunk.retained.empty()) {
        if (!note(store_.write_retained(chunk.retained))) return Step::failed;
        figures_.retained_rows_total += chunk.retained.size();
    }
    chunks_.pop_front();
    return Step::more;
}

Checkpointer::Step Checkpointer::move_floors() {
    if (log_.durable_end() < std::max(sessions_at_, retained_at_)) return Step::waits;
    for (const Seq held : held_) {
        sessions_at_ = std::min(sessions_at_, held);
        retained_at_ = std::min(retained_at_, held);
    }
    if (sessions_at_ > figures_.sessions_floor) {
        if (!note(store_.set_floor(View::sessions, sessions_at_))) return Step::failed;
        figures_.sessions_floor = sessions_at_;
    }
    if (retained_at_ > figures_.retained_floor) {
        if (!note(store_.set_floor(View::retained, retained_at_))) return Step::failed;
        figures_.retained_floor = retained_at_;
    }
    sessions_needed_from_ = needed_from_;
    ++figures_.rounds_total;
    phase_ = Phase::idle;
    return Step::idle;
}

void Checkpointer::release_floors(Seq at) {
    const auto found = std::find(held_.begin(), held_.end(), at);
    if (found != held_.end()) held_.erase(found);
}

bool Checkpointer::note(const ViewStore::Written& written) {
    if (written) {
        error_.clear();
        return true;
    }
    error_ = written.error();
    ++figures_.failures_total;
    return false;
}

}  // namespace firehose::bus
