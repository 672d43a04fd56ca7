// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

/// Where checkpoints of the bus's views are kept: rows of sessions and retained messages, and
/// for each view the floor from which the log is folded again.
///
/// The seam between the bus and SQLite (module `store`); a store in memory serves tests and the
/// simulator. A row carries the seq it is true for, so that a checkpoint may be written in chunks
/// and folding again from the floor changes nothing; the floor moves last.
/// Threads: one (the housekeeper's). Errors: a sentence with its remedy.
/// Source:  rule **Checkpoints**.
namespace firehose::bus {

enum class View : std::uint8_t { sessions, retained };

class ViewStore {
public:
    static constexpr std::size_t kRowsMax = 10'000;  // Of one write: one transaction.

    struct SessionRow {
        PublisherId id{};
        ByteBuffer packed;  // session::StoredSession::pack(); empty: the session ended.
    };
    struct RetainedRow {
        std::string topic;
        Seq seq{};  // Of the message as published.
        WallTime time{};
        Seq kept_at{};      // Where the log has it: `seq`, or that of its newest `keep` record.
        ByteBuffer record;  // For log::decode_record; empty: the topic was cleared.
    };
    using Written = Result<void, std::string>;

    virtual ~ViewStore() = default;

    /// All or nothing, durable when it returns.
    [[nodiscard]] virtual Written write_sessions(std::span<const SessionRow> rows) = 0;
    [[nodiscard]] virtual Written write_retained(std::span<const RetainedRow> rows) = 0;
    /// Rows of everything below `floor` have been written. Durable when it returns.
    [[nodiscard]] virtual Written set_floor(View view, Seq floor) = 0;

    /// 0: nothing was ever written.
    [[nodiscard]] virtual Result<Seq, std::string> floor(View view) = 0;
    /// The floor of the oldest generation that is kept: no segment at or above it may go.
    [[nodiscard]] virtual Result<Seq, std::string> oldest_floor() = 0;
    /// What is stored now becomes the previous generation, in place of the one before: what a
    /// damaged store falls back to. Durable when it returns.
    [[nodiscard]] virtual Written keep_generation() = 0;
    /// Nothing is left of rows that were deleted or replaced, in either generation. Durable when it
    /// returns.
    [[nodiscard]] virtual Written purge() { return keep_generation(); }
    [[nodiscard]] virtual Written load_sessions(const std::function<void(SessionRow&&)>& each) = 0;
    [[nodiscard]] virtual Written load_retained(const std::function<void(RetainedRow&&)>& each) = 0;
};

}  // namespace firehose::bus
