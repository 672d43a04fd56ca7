// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/deque.h"
#include "base/ids.h"

/// The matched positions that a session with a full window remembers (rule **Three ways to read**).
///
/// Positions only: what is not yet sent follows the subscriptions of the moment it is sent (rule
/// **Changing subscriptions**), so the record is matched again then. Once one position did not fit,
/// no later one is kept: the session reads the log again from `overflowed_at()`.
/// Threads:   belongs to its session. Cost: O(1), 8 bytes a position, only when used.
/// Invariant: positions grow; size() <= `refs_max` (`session.owed_refs`); every position kept is
///            before overflowed_at().
namespace firehose::session {

class Owed {
public:
    explicit Owed(std::size_t refs_max) noexcept : refs_max_(refs_max) {}

    /// A record matched while the window was full. False: not kept, see overflowed_at().
    bool push(Seq seq);
    [[nodiscard]] bool is_empty() const noexcept { return seqs_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return seqs_.size(); }
    [[nodiscard]] Seq front() const;
    void pop();

    /// The first position that could not be kept since the last clear.
    [[nodiscard]] std::optional<Seq> overflowed_at() const noexcept { return overflowed_at_; }
    /// Forgets everything, for a session that reads on elsewhere or has no subscription left.
    void clear() noexcept;

private:
    std::size_t refs_max_;
    Deque<Seq> seqs_;
    std::optional<Seq> overflowed_at_;
};

}  // namespace firehose::session
