// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <optional>

#include "base/ids.h"

/// The bytes that all clients of a shard have sent and that no packet of theirs was executed for:
/// packets that are not complete, and what is held back. Over the bound, who is in debt longest
/// goes: whoever sends a packet's beginning and not its end, or does not read what it asked for.
///
/// A client that waits for the bus (for the disk, a password) counts and is not ended.
/// Ownership: the shard's; an Account is its client's, who notes 0 before it goes.
/// Threads:   the shard's. Cost: O(1).
namespace firehose::bus {

class InputBudget {
public:
    class Account {
        friend class InputBudget;
        std::size_t bytes = 0;
        std::optional<std::list<ConnectionId>::iterator> at;
    };

    explicit InputBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// So many bytes wait now; `is_debtor`: it is the client that must do something.
    void note(Account& account, ConnectionId id, std::size_t bytes, bool is_debtor);
    /// Who is to be ended, as long as there is somebody: over the bound, the oldest debtor.
    [[nodiscard]] std::optional<ConnectionId> excess() const;
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::list<ConnectionId> debtors_;  // The oldest first.
};

}  // namespace firehose::bus
