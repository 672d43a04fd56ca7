// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/waker.h"
#include "bus/checkpoint.h"
#include "bus/retained_view.h"
#include "bus/view_store.h"
#include "log/segment_log.h"

/// What is done beside the traffic so that history can go: checkpoint rounds, the previous
/// generation, retained messages copied forward, segments that are too old or too much.
///
/// A segment goes only below `needed by views`: the floors of both generations of the store, and
/// the position below which every retained message was copied forward. The two oldest closed
/// segments are always copied ahead, so that a disk that fills finds something to let go. After a
/// copy it is looked once more whether a topic was cleared meanwhile: else the copy, which is
/// newer in the log than the clearing, would bring the topic back in a start from the log alone.
/// Ownership: refers to everything it is given, which outlives it.
/// Threads:   the housekeeper's; it knows none, and no clock: the simulator calls `step` itself.
/// Cost:      a step is one transaction of the store or one page of copies.
/// Memory:    names of the topics of one copy, at most two segments' worth.
/// Source:    rules **Checkpoints**, **What is kept, and for whom**.
namespace firehose::bus {

struct HousekeepingOptions {
    Microseconds checkpoint_interval{10'000'000};
    Microseconds generation_interval{600'000'000};  // Between two generations of the store.
    /// Retained messages of more bytes are not copied forward: the store alone has them then.
    std::uint64_t copied_bytes_max = UINT64_MAX;
};

struct HousekeepingFigures {
    std::uint64_t kept_records_total = 0;
    std::uint64_t generations_total = 0;
};

class Housekeeping {
public:
    static constexpr Microseconds kRetryDelay{1'000'000};  // After a failed write of the store.

    /// Before `restore`: from here on changes of `retained` are remembered. `waker` wakes whoever
    /// calls `step`.
    Housekeeping(const HousekeepingOptions& options, log::SegmentLog& log, ViewStore& store,
                 RetainedView& retained, std::vector<SessionRowsBox*> shards, Waker& waker);

    /// Rows that changed while the log was folded at the start.
    void add_rows(std::vector<ViewStore::SessionRow> rows) {
        checkpointer_.add_rows(std::move(rows));
    }

    /// One bounded piece of work. True: call again at once; false: when woken, or after `pause`.
    bool step(MonotonicTime now);
    /// How long to wait for the next step, unless woken.
    [[nodiscard]] Microseconds pause(MonotonicTime now) const;

    /// A round of its own that begins now: at a clean stop, before a backup. True once it ended;
    /// until then call `step`.
    void begin_round();
    [[nodiscard]] bool has_round_ended() const noexcept { return !checkpointer_.is_running(); }

    [[nodiscard]] Checkpointer& checkpointer() noexcept { return checkpointer_; }
    [[nodiscard]] const Checkpointer& checkpointer() const noexcept { return checkpointer_; }
    [[nodiscard]] const HousekeepingFigures& figures() const noexcept { return figures_; }

private:
    /// Of one copying forward.
    enum class Copy : std::uint8_t {
        idle,
        pages,    // Retained messages kept below `limit` are appended, page by page.
        passed,   // Until a round has covered the copies: shards have read past them.
        cleared,  // Topics that were cleared meanwhile are said to be so.
    };
    struct Copied {
        std::string topic;
        Seq seq{};  // Of the message.
    };

    [[nodiscard]] bool can_append() const { return log_.takes_durable() && !log_.is_full(); }
    [[nodiscard]] bool step_copy();
    [[nodiscard]] bool copy_page();
    [[nodiscard]] bool clear_page();
    void append_keeps(const RetainedView::KeptPage& page);
    void append(log::BlockBuilder& builder);
    void hear_outcomes();
    void begin_copy();
    void end_copy();
    [[nodiscard]] bool step_round(MonotonicTime now);
    void on_round_end(MonotonicTime now);
    void keep_generation(MonotonicTime now);
    void say_needed();

    const HousekeepingOptions options_;
    log::SegmentLog& log_;
    ViewStore& store_;
    RetainedView& retained_;
    Checkpointer checkpointer_;
    log::AppenderId appender_;

    std::optional<MonotonicTime> next_round_;
    MonotonicTime next_generation_{};
    MonotonicTime retry_at_{};
    bool is_store_failing_ = false;

    Copy copy_ = Copy::idle;
    Seq copy_limit_{};
    std::optional<std::string> copy_after_;
    std::vector<Copied> copied_;
    std::size_t cleared_ = 0;       // So many of copied_ have been looked at.
    std::size_t tickets_open_ = 0;  // Not yet durable.
    bool was_refused_ = false;      // One of this copying.
    Seq copies_end_{};              // Past the newest copy.
    Seq copied_below_{};
    Seq needed_{};              // By the views, as the log was told.
    bool is_too_much_ = false;  // copied_bytes_max: said once.
    HousekeepingFigures figures_;
};

}  // namespace firehose::bus
