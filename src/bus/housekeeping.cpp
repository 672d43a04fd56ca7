// SPDX-License-Identifier: Apache-2.0
#include "bus/housekeeping.h"

#include <algorithm>

#include "base/log.h"
#include "bus/keep_record.h"

namespace firehose::bus {
namespace {

constexpr Microseconds kWhileRunning{50'000};      // Durable progress wakes nobody here.
constexpr Microseconds kBetweenRounds{1'000'000};  // When segments wait for a round.
constexpr RetainedView::PageLimits kPage{
    .entries_max = 512, .scanned_max = 4'096, .bytes_max = std::size_t{256} << 10};
constexpr std::size_t kClearedMax = 512;  // Of one step.

}  // namespace

Housekeeping::Housekeeping(const HousekeepingOptions& options, log::SegmentLog& log,
                           ViewStore& store, RetainedView& retained,
                           std::vector<SessionRowsBox*> shards, Waker& waker)
    : options_(options),
      log_(log),
      store_(store),
      retained_(retained),
      checkpointer_(store, log, retained, shards),
      appender_(log.add_appender(waker)) {
    for (SessionRowsBox* box : shards) box->set_housekeeper(&waker);
    log_.set_housekeeper(&waker);
    log_.set_needed_from(Seq{}, Seq{});  // Until the first round has said what is.
}

bool Housekeeping::step(MonotonicTime now) {
    hear_outcomes();
    if (now >= retry_at_ && step_round(now)) return true;
    if (copy_ != Copy::idle && step_copy()) return true;
    const bool is_making_room = log_.room_step();
    return log_.expire_step() || is_making_room;
}

Microseconds Housekeeping::pause(MonotonicTime now) const {
    if (now < retry_at_) return retry_at_ - now;
    if (checkpointer_.is_running() || copy_ != Copy::idle) return kWhileRunning;
    const Microseconds left = next_round_ ? *next_round_ - now : Microseconds{0};
    return std::clamp(left, Microseconds{1'000}, options_.checkpoint_interval);
}

void Housekeeping::begin_round() {
    retry_at_ = {};
    checkpointer_.begin();
}

bool Housekeeping::step_round(MonotonicTime now) {
    if (!checkpointer_.is_running()) {
        if (!next_round_) next_round_ = now + options_.checkpoint_interval;
        if (now < *next_round_) return false;
        checkpointer_.begin();
    }
    switch (checkpointer_.step()) {
        case Checkpointer::Step::more:
            return true;
        case Checkpointer::Step::waits:
            return false;
        case Checkpointer::Step::failed:
            if (!std::exchange(is_store_failing_, true)) {
                FH_LOG(error, "checkpoint_failed", {"problem", checkpointer_.error()});
            }
            retry_at_ = now + kRetryDelay;
            return false;
        case Checkpointer::Step::idle:
            on_round_end(now);
            return true;
    }
    return false;
}

void Housekeeping::on_round_end(MonotonicTime now) {
    if (std::exchange(is_store_failing_, false)) FH_LOG(warn, "checkpoint_works_again");
    next_round_ = now + options_.checkpoint_interval;
    const log::SegmentLog::Leaving leaving = log_.leaving();
    const CheckpointFigures& round = checkpointer_.figures();
    const Seq floor = std::min(round.sessions_floor, round.retained_floor);
    const bool waits_for_generation = leaving.due > needed_ && leaving.due <= floor;
    if (now >= next_generation_ || waits_for_generation) keep_generation(now);
    if (copy_ == Copy::idle && leaving.next > copied_below_ &&
        leaving.next <= round.retained_floor) {
        copy_limit_ = leaving.next;
        begin_copy();
    }
    say_needed();
    // Another round may free it.
    if (leaving.due > needed_) {
        next_round_ = now + std::min(kBetweenRounds, options_.checkpoint_interval);
    }
}

void Housekeeping::keep_generation(MonotonicTime now) {
    next_generation_ = now + options_.generation_interval;
    if (const auto kept = store_.keep_generation(); !kept) {
        FH_LOG(error, "checkpoint_generation_failed", {"problem", kept.error()});
        return;
    }
    ++figures_.generations_total;
}

/// Both generations fold the log from their floor on; and what was not copied forward is needed.
void Housekeeping::say_needed() {
    const auto oldest_floor = store_.oldest_floor();
    if (!oldest_floor) return;
    needed_ = std::min(*oldest_floor, copied_below_);
    log_.set_needed_from(needed_, checkpointer_.sessions_needed_from());
}

void Housekeeping::begin_copy() {
    copied_.clear();
    copy_after_.reset();
    cleared_ = 0;
    was_refused_ = false;
    copies_end_ = {};
    if (retained_.bytes() > options_.copied_bytes_max) {
        if (!std::exchange(is_too_much_, true)) {
            FH_LOG(warn, "retained_not_copied_forward", {"bytes", retained_.bytes()},
                   {"most", options_.copied_bytes_max});
        }
        end_copy();
        return;
    }
    is_too_much_ = false;
    copy_ = Copy::pages;
}

void Housekeeping::end_copy() {
    copied_below_ = std::max(copied_below_, copy_limit_);
    copied_ = {};
    copy_ = Copy::idle;
    say_needed();
}

bool Housekeeping::step_copy() {
    if (was_refused_ && tickets_open_ == 0) {  // What was copied stays copied.
        begin_copy();
        return false;
    }
    switch (copy_) {
        case Copy::idle:
            return false;
        case Copy::pages:
            return can_append() && copy_page();
        case Copy::passed:
            // Floors move over what every shard has read, and what is durable.
            if (tickets_open_ != 0 || checkpointer_.figures().retained_floor < copies_end_) {
                return false;
            }
            copy_ = Copy::cleared;
            return true;
        case Copy::cleared:
            if (cleared_ < copied_.size()) return can_append() && clear_page();
            if (tickets_open_ != 0) return false;
            end_copy();
            return true;
    }
    return false;
}

bool Housekeeping::copy_page() {
    const RetainedView::KeptPage page = retained_.kept_below(copy_limit_, copy_after_, kPage);
    log::BlockBuilder builder;
    ByteBuffer payload;
    for (const RetainedView::Entry& entry : page.entries) {
        std::size_t size = 0;
        const auto record = log::decode_checked_record(entry.record_bytes, size);
        if (!record) continue;
        copied_.push_back({.topic = std::string{record->topic}, .seq = entry.seq});
        payload.clear();
        encode_keep({.seq = entry.seq, .time = entry.time, .record_bytes = entry.record_bytes},
                    payload);
        builder.add({.kind = log::RecordKind::keep, .payload = payload});
        ++figures_.kept_records_total;
    }
    append(builder);
    copy_after_ = page.next;
    if (!copy_after_) copy_ = Copy::passed;
    return true;
}

/// A topic that has no message any more, though its copy is newer in the log than its clearing.
bool Housekeeping::clear_page() {
    log::BlockBuilder builder;
    ByteBuffer inner;
    ByteBuffer payload;
    const std::size_t end = std::min(copied_.size(), cleared_ + kClearedMax);
    for (; cleared_ < end; ++cleared_) {
        const Copied& copied = copied_[cleared_];
        if (retained_.holds(copied.topic)) continue;
        inner.clear();
        payload.clear();
        log::encode_record({.retain = true, .topic = copied.topic}, inner);
        encode_keep({.seq = copies_end_, .time = {}, .record_bytes = inner}, payload);
        builder.add({.kind = log::RecordKind::keep, .payload = payload});
    }
    append(builder);
    return true;
}

void Housekeeping::append(log::BlockBuilder& builder) {
    if (builder.is_empty()) return;
    static_cast<void>(log_.append(appender_, builder.take()));
    ++tickets_open_;
}

void Housekeeping::hear_outcomes() {
    std::vector<log::Outcome> outcomes;
    log_.take_outcomes(appender_, outcomes);
    for (const log::Outcome& outcome : outcomes) {
        switch (outcome.kind) {
            case log::Outcome::Kind::placed:
                copies_end_ = std::max(copies_end_, next(outcome.first_seq));
                break;
            case log::Outcome::Kind::refused:
                was_refused_ = true;
                --tickets_open_;
                break;
            case log::Outcome::Kind::durable:
                --tickets_open_;
                break;
        }
    }
}

}  // namespace firehose::bus
