// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/ids.h"
#include "bus/retained_view.h"
#include "bus/session_rows.h"
#include "bus/view_store.h"
#include "log/log.h"

/// The rounds in which sessions and retained messages are written to the store.
///
/// A round asks every shard for the sessions that changed, takes what changed of the retained
/// view, writes both in chunks as soon as the log is durable past them, and moves the floors last:
/// to where the shards were when the round began. A chunk that cannot be written is kept and
/// tried again; until then the round does not end.
/// Ownership: refers to the store, the log, the view and the shards' boxes, which outlive it.
/// Threads:   the housekeeper's. It knows neither a clock nor a thread: steps, one transaction
/// each. Memory:    one chunk of retained messages (kRetainedBytesMax), one of sessions. Invariant:
/// nothing is written that is not durable in the log; below a floor nothing is missing. Source:
/// rule **Checkpoints**.
namespace firehose::bus {

struct CheckpointFigures {
    std::uint64_t rounds_total = 0;
    std::uint64_t session_rows_total = 0;
    std::uint64_t retained_rows_total = 0;
    std::uint64_t failures_total = 0;
    Seq sessions_floor{};
    Seq retained_floor{};
};

class Checkpointer {
public:
    static constexpr std::size_t kSessionRowsMax = 1'000;  // Packed in one turn of a shard.
    static constexpr std::size_t kRetainedBytesMax = std::size_t{8} << 20;

    enum class Step : std::uint8_t {
        more,    // Call again.
        waits,   // For a shard's answer, or for durable progress of the log.
        failed,  // The store refused: `error()`. Call again after a while.
        idle,    // No round is under way.
    };

    Checkpointer(ViewStore& store, log::Log& log, RetainedView& retained,
                 std::vector<SessionRowsBox*> shards);

    /// Rows that changed while the log was folded at the start: written first in the next round.
    void add_rows(std::vector<ViewStore::SessionRow> rows);

    /// Begins a round, unless one is under way.
    void begin();
    [[nodiscard]] Step step();
    [[nodiscard]] bool is_running() const noexcept { return phase_ != Phase::idle; }
    /// Of the last write that failed; empty when the last one succeeded.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

    /// Floors stay at or below `at` until it is released: a start has to meet a record there.
    void hold_floors(Seq at) { held_.push_back(at); }
    void release_floors(Seq at);

    /// From where sessions read the log, as of the last round that ended.
    [[nodiscard]] Seq sessions_needed_from() const noexcept { return sessions_needed_from_; }
    [[nodiscard]] const CheckpointFigures& figures() const noexcept { return figures_; }

private:
    enum class Phase : std::uint8_t { idle, sessions, retained, floors };
    struct Asked {
        SessionRowsBox* box = nullptr;
        bool is_first = true;
        bool is_done = false;
    };
    struct Chunk {
        std::vector<ViewStore::SessionRow> sessions;
        std::vector<ViewStore::RetainedRow> retained;
        Seq durable_past{};  // Written once everything below is durable.
    };

    void hear_shards();
    void take_retained();
    [[nodiscard]] Step write_chunk();
    [[nodiscard]] Step move_floors();
    [[nodiscard]] bool note(const ViewStore::Written& written);

    ViewStore& store_;
    log::Log& log_;
    RetainedView& retained_;
    std::vector<Asked> shards_;
    std::vector<ViewStore::SessionRow> added_;
    Phase phase_ = Phase::idle;
    std::deque<Chunk> chunks_;
    std::size_t retained_left_ = 0;  // Of this round.
    Seq sessions_at_{};
    Seq retained_at_{};
    Seq needed_from_{};
    std::vector<Seq> held_;
    Seq sessions_needed_from_{};
    std::string error_;
    CheckpointFigures figures_;
};

}  // namespace firehose::bus
