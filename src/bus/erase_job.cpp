// SPDX-License-Identifier: Apache-2.0
#include "bus/erase_job.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace firehose::bus {

EraseJob::EraseJob(EraseParts parts, EraseOrder order)
    : parts_(std::move(parts)), order_(std::move(order)) {}

EraseJob::EraseJob(EraseParts parts, OrderedErasure found)
    : parts_(std::move(parts)),
      erasure_(std::move(found.erasure)),
      phase_(Phase::retained),
      held_(found.seq) {
    progress_.is_taken = true;
    parts_.erasures.add(erasure_);
    if (parts_.checkpointer != nullptr) parts_.checkpointer->hold_floors(held_);
}

EraseJob::Step EraseJob::step(MonotonicTime now) {
    if (now < retry_at_) return Step::waits;
    progress_.problem.clear();
    switch (phase_) {
        case Phase::order:
            return take_order();
        case Phase::durable:
            return hear_order();
        case Phase::retained:
            return erase_retained_page();
        case Phase::log_begins:
            parts_.log.begin_erase(std::make_shared<ErasureSelection>(erasure_));
            return go_to(Phase::log);
        case Phase::log:
            return step_log(now);
        case Phase::round_begins:
            if (parts_.checkpointer == nullptr) return go_to(Phase::doors);
            if (parts_.checkpointer->is_running()) return Step::waits;
            round_ = parts_.checkpointer->figures().rounds_total + 1;
            parts_.begin_round();
            return go_to(Phase::round);
        case Phase::round:
            if (parts_.checkpointer->figures().rounds_total < round_) return Step::waits;
            return go_to(Phase::store);
        case Phase::store:
            return step_store(now);
        case Phase::doors:
            return step_doors();
        case Phase::over:
            return Step::done;
    }
    return Step::done;
}

EraseJob::Step EraseJob::go_to(Phase phase) {
    phase_ = phase;
    return Step::again;
}

EraseJob::Step EraseJob::refuse(std::string reason) {
    progress_.refused = std::move(reason);
    phase_ = Phase::over;
    return Step::done;
}

/// Of the first record at or after the position.
Seq EraseJob::seq_of(const EraseOrder::Position& position) const {
    return position.seq ? *position.seq : parts_.log.seq_at(*position.time);
}

EraseJob::Step EraseJob::take_order() {
    const Seq end = parts_.log.end();
    erasure_.seqs = std::move(order_.seqs);
    std::sort(erasure_.seqs.begin(), erasure_.seqs.end());
    erasure_.seqs.erase(std::unique(erasure_.seqs.begin(), erasure_.seqs.end()),
                        erasure_.seqs.end());
    if (!erasure_.seqs.empty() && erasure_.seqs.back() >= end) {
        return refuse("there is no record " + std::to_string(number(erasure_.seqs.back())) +
                      " yet; the log ends before " + std::to_string(number(end)));
    }
    if (!order_.filter.empty()) {
        erasure_.filter = std::move(order_.filter);
        const bool has_from = order_.from.seq || order_.from.time;
        // A retained message may be older than the log.
        erasure_.from = has_from ? seq_of(order_.from) : Seq{};
        erasure_.to = Seq{number(end) - 1};
        if (order_.to.seq) erasure_.to = std::min(erasure_.to, *order_.to.seq);
        if (order_.to.time) {
            const Seq behind = parts_.log.seq_at(*order_.to.time + Microseconds{1});
            erasure_.to = std::min(erasure_.to, Seq{number(behind) - 1});
        }
        if (erasure_.to < erasure_.from) return refuse("there is no record between the positions");
    }
    if (!parts_.log.takes_durable() || parts_.log.is_full()) {
        return refuse("the disk does not take what must be durable now; try again later");
    }
    parts_.erasures.add(erasure_);
    held_ = end;
    if (parts_.checkpointer != nullptr) parts_.checkpointer->hold_floors(held_);
    ByteBuffer payload;
    encode_erasure(erasure_, payload);
    log::BlockBuilder builder;
    builder.add({.kind = log::RecordKind::erase, .payload = payload});
    ticket_ = parts_.log.append(parts_.appender, builder.take());
    return go_to(Phase::durable);
}

EraseJob::Step EraseJob::hear_order() {
    std::vector<log::Outcome> outcomes;
    parts_.log.take_outcomes(parts_.appender, outcomes);
    for (const log::Outcome& outcome : outcomes) {
        if (outcome.ticket != ticket_) continue;
        if (outcome.kind == log::Outcome::Kind::refused) {
            parts_.erasures.remove(erasure_);
            if (parts_.checkpointer != nullptr) parts_.checkpointer->release_floors(held_);
            return refuse("the log is full for now; try again later");
        }
        if (outcome.kind == log::Outcome::Kind::durable) {
            progress_.is_taken = true;
            FH_LOG(info, "erase_ordered", {"seqs", erasure_.seqs.size()},
                   {"topics", erasure_.filter}, {"from", number(erasure_.from)},
                   {"to", number(erasure_.to)});
            return go_to(Phase::retained);
        }
    }
    return Step::waits;
}

EraseJob::Step EraseJob::erase_retained_page() {
    if (erase_retained(parts_.retained, erasure_, retained_after_)) return Step::again;
    return go_to(Phase::log_begins);
}

EraseJob::Step EraseJob::step_log(MonotonicTime now) {
    const log::EraseStep step = parts_.log.erase_step();
    const log::EraseProgress progress = parts_.log.erase_progress();
    progress_.bytes = progress.bytes;
    progress_.bytes_done = std::min(progress.bytes_done, progress.bytes);
    progress_.records = progress.records;
    progress_.problem = progress.problem;
    switch (step) {
        case log::EraseStep::again:
            return Step::again;
        case log::EraseStep::waits:
            if (!progress_.problem.empty()) retry_at_ = now + kRetryDelay;
            return Step::waits;
        case log::EraseStep::done:
            progress_.bytes_done = progress_.bytes;
            return go_to(Phase::round_begins);
    }
    return Step::waits;
}

/// The round has taken the rows out; what they were written over with is the store's to forget.
EraseJob::Step EraseJob::step_store(MonotonicTime now) {
    if (const auto purged = parts_.store->purge(); !purged) {
        progress_.problem = purged.error();
        retry_at_ = now + kRetryDelay;
        return Step::waits;
    }
    return go_to(Phase::doors);
}

EraseJob::Step EraseJob::step_doors() {
    if (parts_.let_go && !have_let_go_) {
        auto flag = std::make_shared<std::atomic<bool>>(false);
        const bool is_asked =
            parts_.let_go([flag] { flag->store(true, std::memory_order_release); });
        if (is_asked) have_let_go_ = std::move(flag);
        return Step::waits;
    }
    if (have_let_go_ && !have_let_go_->load(std::memory_order_acquire)) return Step::waits;
    parts_.erasures.remove(erasure_);
    if (parts_.checkpointer != nullptr) parts_.checkpointer->release_floors(held_);
    FH_LOG(info, "erased", {"records", progress_.records});
    phase_ = Phase::over;
    return Step::done;
}

}  // namespace firehose::bus
