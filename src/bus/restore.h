// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "bus/erasure.h"
#include "bus/retained_view.h"
#include "bus/share_table.h"
#include "bus/view_store.h"
#include "log/log.h"
#include "session/stored_session.h"

/// The start: rows of the store, and the log folded over them from the floors to its end.
///
/// Without a store, or with an empty one, the log is folded from its oldest record: that rebuilds
/// every retained message (`keep` records) and the sessions whose records are still there.
/// Runs before the doors open and before anything is appended, on the caller's thread.
/// Cost:   reads the log from the smaller floor on: what was written since the last checkpoint.
/// Memory: every session packed once; the one block that is read.
/// Source: rule **Checkpoints**; design section 5.
namespace firehose::bus {

struct RestoreInputs {
    ViewStore* store = nullptr;  // Null: the log alone.
    log::Log& log;
    RetainedView& retained;
    ShareTable* shares = nullptr;  // The shard's. Null: nobody asks for them.
    /// Serves a read request of the log: SegmentLog::read_step, while no thread does it.
    std::function<bool()> read_step;
    /// Takes each session that is kept, as of the log's end.
    std::function<void(session::StoredSession&&)> adopt;
};

struct Restored {
    std::size_t sessions = 0;
    std::size_t retained = 0;
    std::uint64_t records = 0;  // Read of the log.
    Seq from{};
    Seq to{};
    bool is_rebuilt = false;  // No row was there: from the log alone.
    /// The floor was older than the log: these were gone (none: to <= from).
    Seq missing_to{};
    std::size_t rows_unreadable = 0;
    /// Sessions that differ from their row now: for Checkpointer::add_rows.
    std::vector<ViewStore::SessionRow> changed;
    /// What was taken back, perhaps not from everywhere: EraseJob goes on with it. The retained
    /// view has none of it.
    std::vector<OrderedErasure> erasures;
};

[[nodiscard]] Result<Restored, std::string> restore(const RestoreInputs& inputs);

}  // namespace firehose::bus
