// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/locked.h"
#include "base/time.h"
#include "bus/view_store.h"
#include "log/record.h"

/// The retained message of each topic: a view folded from the log, shared by all shards.
///
/// Each shard's tail reader folds every record it reads; a record counts if its seq is newer than
/// its topic's, so folding twice, or by several shards, changes nothing, and at position S the view
/// holds at least S (rule **Position of a packet**). A reader pulls pages in topic order as its
/// socket drains and skips entries newer than its S, which come to it live.
/// A cleared topic leaves a tombstone with its seq until every shard has passed it: else a shard
/// that is behind would bring back the old value.
/// Once `track_changes` was called, what changes is remembered until `take_dirty` hands it to the
/// checkpoint. `kept_at` is where the log has an entry: its own seq, or its newest `keep` record's.
/// Lifetime:  pages own their bytes. Threads: any (one lock).
/// Cost:      fold O(log topics) and one copy of the record; page O(scanned) and one copy of what
///            it returns, bounded by PageLimits, under the lock.
/// Memory:    some 450 bytes for a payload of 256 bytes.
/// Invariant: an entry's seq only grows.
/// Source:    MQTT 5.0 section 3.3.1.3.
namespace firehose::bus {

class RetainedView {
public:
    struct Entry {
        Seq seq{};
        WallTime time{};
        ByteBuffer record_bytes;  // For log::decode_record.
    };
    struct PageLimits {
        std::size_t entries_max = 32;
        std::size_t scanned_max = 1'024;
        std::size_t bytes_max = 64 * 1'024;  // One entry is given whatever its size.
    };
    struct PageQuery {
        std::string_view filter;                  // Valid, not shared.
        std::optional<std::string> resume_after;  // `next` of the page before.
        Seq max_seq{};                            // Newer entries are skipped.
        PageLimits limits = {};
    };
    struct Page {
        std::vector<Entry> entries;       // In topic order; may be empty though there is a next.
        std::optional<std::string> next;  // Nothing: the last page.
    };

    /// Folds what a tail reader read: messages with retain, and `keep` records, which say where an
    /// entry is kept now. The rest is ignored. An empty payload clears its topic. [MQTT-3.3.1-5]
    /// [MQTT-3.3.1-6]
    /// `record` is a view into `record_bytes`, as Block::record and Block::record_bytes give them.
    void fold(Seq seq, WallTime time, const log::Record& record, ByteSpan record_bytes);
    /// The same at a start without a store: a `keep` record brings its entry back.
    void rebuild(Seq seq, WallTime time, const log::Record& record, ByteSpan record_bytes);

    // For the checkpoint.
    void track_changes();
    /// Changes that wait for `take_dirty`; those of topics that left the view come besides.
    [[nodiscard]] std::size_t dirty_count() const;
    /// Takes changes, in the order in which they were first made: at most `changes_max`, fewer
    /// when their records pass `bytes_max` (one is given whatever its size). A change that was
    /// overtaken counts but gives no row.
    struct Dirty {
        std::vector<ViewStore::RetainedRow> rows;
        std::size_t changes = 0;  // Taken off `dirty_count`.
        bool has_gone = false;    // Topics that left the view wait still.
    };
    [[nodiscard]] Dirty take_dirty(std::size_t changes_max, std::size_t bytes_max);
    /// A row of the store, at a start; is not dirty. False: it makes no sense.
    [[nodiscard]] bool adopt(const ViewStore::RetainedRow& row);

    // For copying forward.
    struct KeptPage {
        std::vector<Entry> entries;       // Kept below the limit.
        std::optional<std::string> next;  // Nothing: the last page.
    };
    [[nodiscard]] KeptPage kept_below(Seq limit, const std::optional<std::string>& resume_after,
                                      const PageLimits& limits) const;
    /// Takes the topic's entry away if it is the one of `seq`, without a tombstone: it was erased.
    bool erase(std::string_view topic, Seq seq);

    [[nodiscard]] Page page(const PageQuery& query) const;

    /// Grows with every change of a value: while it stays, so does every page. One load.
    [[nodiscard]] std::uint64_t changes() const noexcept {
        return changes_.load(std::memory_order_acquire);
    }
    /// Whether the topic's value is still the one of `seq`: a page grows old while it is sent.
    [[nodiscard]] bool is_current(std::string_view topic, Seq seq) const;

    /// Whether the topic has a value.
    [[nodiscard]] bool holds(std::string_view topic) const;

    /// Every shard has read all that is below `below`.
    void forget_tombstones(Seq below);

    /// Topics with a retained message; expired ones count until they are replaced or cleared.
    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::size_t tombstone_count() const;
    /// The records' bytes.
    [[nodiscard]] std::size_t bytes() const;

private:
    /// Owns the record; the map's key is the topic inside it.
    struct Value {
        std::unique_ptr<std::byte[]> bytes;
        std::uint32_t size = 0;
        bool is_tombstone = false;  // `bytes` is then the topic alone.
        bool is_dirty = false;      // Its topic waits in `dirty`.
        Seq seq{};
        Seq kept_at{};
        WallTime time{};
    };
    struct State {
        std::map<std::string_view, Value> by_topic;
        std::deque<std::pair<Seq, std::string>> tombstones;  // Oldest first; some are stale.
        std::size_t tombstone_count = 0;
        std::size_t bytes = 0;
        bool is_tracking = false;
        std::deque<std::string> dirty;  // Some are stale.
        /// Dirty topics that left the map: cleared, and every shard has passed it; or erased.
        std::deque<std::pair<Seq, std::string>> dirty_gone;
    };
    using Node = decltype(State::by_topic)::iterator;
    /// What a fold does, decided before the lock.
    struct Incoming;

    [[nodiscard]] static Value make_value(const Incoming& incoming, std::size_t& topic_offset);
    void put(const Incoming& incoming);
    static void mark_dirty(State& state, Node at);
    static void take_out(State& state, Node at);
    [[nodiscard]] static ViewStore::RetainedRow row_of(std::string_view topic, const Value& value);

    Locked<State> state_;
    std::atomic<std::uint64_t> changes_{0};
};

}  // namespace firehose::bus
