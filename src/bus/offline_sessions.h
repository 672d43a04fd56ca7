// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "bus/view_store.h"
#include "session/stored_session.h"

/// Sessions whose clients are away: one packed buffer each, the same bytes as their checkpoint row.
///
/// Found by key, taken out when their client comes back or their time has come. A key that begins
/// with `c` (a connection's own) or `w` (an heir) is never found: only its will is left.
/// Ownership: owns the buffers. Threads: its shard's.
/// Memory:    the packed bytes and some 120 bytes, measured by bench/offline_sessions; a timer that
///            was overtaken stays until as many are stale as are not.
/// Cost:      put and take O(log sessions), for their timer; needed_from O(1).
/// Source:    rules **Checkpoints**, **Clocks**.
namespace firehose::bus {

class OfflineSessions {
public:
    struct Timers {
        std::optional<MonotonicTime> ends_at;      // None: it does not expire.
        std::optional<MonotonicTime> will_due_at;  // None: no will waits.
    };
    struct Taken {
        session::StoredSession session;
        Timers timers;
        bool is_dirty = false;  // It changed since its row was taken.
    };

    OfflineSessions() = default;
    OfflineSessions(const OfflineSessions&) = delete;
    OfflineSessions& operator=(const OfflineSessions&) = delete;

    /// No other session has its key.
    void put(const session::StoredSession& session, const Timers& timers, bool is_dirty);
    [[nodiscard]] std::optional<Taken> take(std::string_view key);
    /// There is one with that key that outlives connections.
    [[nodiscard]] bool has_durable(std::string_view key) const;
    /// Takes out those whose expiry or will is due; at most `max`.
    [[nodiscard]] std::vector<Taken> take_due(MonotonicTime now, std::size_t max);

    [[nodiscard]] std::size_t size() const noexcept { return slots_.size() - free_.size(); }

    /// One of them, as an operator sees it, and where it is.
    struct Seen {
        std::size_t place = 0;
        session::StoredSession session;
        std::optional<MonotonicTime> ends_at;
    };
    /// Those at `place` or after it, at most `max`. Places are no order of anything, and are used
    /// again. Cost: O(sessions), and unpacking those that are returned.
    [[nodiscard]] std::vector<Seen> see(std::size_t place, std::size_t max) const;

    /// Rows of those that changed, at most `max`. False: more are left.
    bool take_rows(std::size_t max, Seq true_for, std::vector<ViewStore::SessionRow>& out);
    /// At or a little below the smallest position that one of them needs.
    [[nodiscard]] Seq needed_from() const noexcept;

private:
    using Index = std::uint32_t;
    struct Slot {
        std::unique_ptr<std::byte[]> packed;  // Null: free.
        std::uint32_t size = 0;
        std::uint32_t generation : 31 = 0;  // Counts its sessions: tells stale references.
        std::uint32_t is_dirty : 1 = 0;
        MonotonicTime ends_at;
        MonotonicTime will_due_at;
    };
    /// A slot as long as the same session is in it.
    struct Reference {
        Index slot = 0;
        std::uint32_t generation = 0;
    };
    struct Timer {
        MonotonicTime at;
        Reference of;
        friend bool operator<(const Timer& a, const Timer& b) { return b.at < a.at; }
    };
    struct KeyHash {
        using is_transparent = void;
        const std::vector<Slot>* slots;
        std::size_t operator()(std::string_view key) const;
        std::size_t operator()(Index slot) const;
    };
    struct KeyEqual {
        using is_transparent = void;
        const std::vector<Slot>* slots;
        bool operator()(Index a, Index b) const { return a == b; }
        bool operator()(std::string_view key, Index slot) const;
        bool operator()(Index slot, std::string_view key) const { return (*this)(key, slot); }
    };

    [[nodiscard]] static ByteSpan packed(const Slot& slot);
    [[nodiscard]] bool is_live(const Reference& reference) const noexcept;
    [[nodiscard]] Taken take(Index slot);
    void add_timer(std::vector<Timer>& timers, MonotonicTime at, Reference of);
    [[nodiscard]] std::optional<Index> pop_due(std::vector<Timer>& timers, MonotonicTime now);

    std::vector<Slot> slots_;
    std::vector<Index> free_;
    std::unordered_set<Index, KeyHash, KeyEqual> by_key_{0, KeyHash{&slots_}, KeyEqual{&slots_}};
    std::vector<Timer> ends_;   // A heap, the soonest first; some are stale.
    std::vector<Timer> wills_;  // The same.
    std::vector<Reference> dirty_;
    /// How many need the log from somewhere in each run of 65,536 positions.
    std::map<std::uint64_t, std::size_t> needs_;
};

}  // namespace firehose::bus
