// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "bus/checkpoint.h"
#include "bus/erasure.h"
#include "bus/retained_view.h"
#include "bus/view_store.h"
#include "log/segment_log.h"

/// Takes records back: from every door at once, then from memory, the segments and the store.
///
/// In this order: the doors skip the records; an `erase` record is appended and durable, so that a
/// start goes on with what a stop interrupted (floors wait behind it until then); the retained
/// view, the log and both generations of the store lose them; the shards let go of what they have
/// read; the doors ask no more.
/// Ownership: refers to everything it is given, which outlives it.
/// Threads:   the housekeeper's. It knows neither a clock nor a thread: the simulator calls `step`
///            itself.
/// Cost:      a step is a frame of a segment, or a page of retained messages.
/// Source:    rule **Taking something back**.
namespace firehose::bus {

struct EraseParts {
    log::SegmentLog& log;
    log::AppenderId appender;  // Used by no other thread.
    Erasures& erasures;
    RetainedView& retained;
    /// Null with the next two: nothing is kept.
    Checkpointer* checkpointer = nullptr;
    ViewStore* store = nullptr;
    /// A round of checkpoints begins; called when none is under way.
    std::function<void()> begin_round = {};
    /// Calls Shard::forget_fetched on each shard's thread, then the function. False: not now.
    std::function<bool(std::function<void()>)> let_go = {};
};

/// What an operator names: seqs, or topics that match within a range.
struct EraseOrder {
    struct Position {
        std::optional<Seq> seq;
        std::optional<WallTime> time;
    };
    std::vector<Seq> seqs;  // At most Erasure::kSeqsMax.
    std::string filter;     // Valid, if not empty.
    Position from;          // Neither: from the first record.
    Position to;            // Inclusive; neither: up to the newest.
};

class EraseJob {
public:
    static constexpr Microseconds kRetryDelay{1'000'000};

    enum class Step : std::uint8_t { again, waits, done };

    EraseJob(EraseParts parts, EraseOrder order);
    /// Goes on with what a start found ordered: before the doors open, and before a round.
    EraseJob(EraseParts parts, OrderedErasure found);

    /// `waits`: call again after a while.
    [[nodiscard]] Step step(MonotonicTime now);

    struct Progress {
        bool is_taken = false;    // The order is durable: it is done whatever happens.
        std::string refused;      // Why it was not taken: the job is done.
        std::string problem;      // Why the last step failed; it is tried again.
        std::uint64_t bytes = 0;  // Of the segments to look through.
        std::uint64_t bytes_done = 0;
        std::uint64_t records = 0;  // Erased in segments.
    };
    [[nodiscard]] const Progress& progress() const noexcept { return progress_; }

private:
    enum class Phase : std::uint8_t {
        order,
        durable,
        retained,
        log_begins,
        log,
        round_begins,
        round,
        store,
        doors,
        over
    };

    [[nodiscard]] Step take_order();
    [[nodiscard]] Step hear_order();
    [[nodiscard]] Step erase_retained_page();
    [[nodiscard]] Step step_log(MonotonicTime now);
    [[nodiscard]] Step step_store(MonotonicTime now);
    [[nodiscard]] Step step_doors();
    [[nodiscard]] Step go_to(Phase phase);
    [[nodiscard]] Step refuse(std::string reason);
    [[nodiscard]] Seq seq_of(const EraseOrder::Position& position) const;

    EraseParts parts_;
    EraseOrder order_;
    Erasure erasure_;
    Phase phase_ = Phase::order;
    Progress progress_;
    MonotonicTime retry_at_{};
    Seq held_{};  // Floors stay at or below.
    log::Ticket ticket_{};
    std::optional<std::string> retained_after_;
    std::uint64_t round_ = 0;  // Which one has to end.
    std::shared_ptr<std::atomic<bool>> have_let_go_;
};

}  // namespace firehose::bus
