// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/mailbox.h"
#include "base/waker.h"
#include "bus/view_store.h"

/// How the housekeeper asks a shard for the sessions that changed, and what it is answered.
///
/// A shard answers at the end of a turn, after it settled: rows at one position of the log.
/// Ownership: the shard owns its SessionRowsBox; the wakers outlive it.
/// Threads:   `request` and `take` from the housekeeper, the rest from the shard.
/// Source:    rule **Checkpoints**.
namespace firehose::bus {

struct SessionRows {
    std::vector<ViewStore::SessionRow> rows;
    Seq true_for{};       // Where the log ended when they were packed.
    Seq tail{};           // Everything below is in the retained view, as far as this shard goes.
    Seq needed_from{};    // The smallest position that one of the shard's sessions still needs.
    bool is_last = true;  // No session that changed before is left.
};

class SessionRowsBox {
public:
    explicit SessionRowsBox(Waker& shard) : shard_(shard), answers_(kAnswersMax, nullptr) {}

    /// At most one request is under way.
    void request(std::size_t rows_max) {
        rows_max_.store(rows_max, std::memory_order_release);
        shard_.wake();
    }
    [[nodiscard]] std::optional<SessionRows> take() {
        auto answers = answers_.take_all();
        if (answers.empty()) return {};
        return std::move(answers.front());
    }
    /// Who waits for answers; null: it polls. Before the first request.
    void set_housekeeper(Waker* waker) noexcept {
        housekeeper_.store(waker, std::memory_order_release);
    }

    /// How many rows are asked for; 0: nobody asks.
    [[nodiscard]] std::size_t requested() const noexcept {
        return rows_max_.load(std::memory_order_acquire);
    }
    void answer(SessionRows&& rows) {
        rows_max_.store(0, std::memory_order_relaxed);
        static_cast<void>(answers_.post(std::move(rows)));  // One request, one answer: it fits.
        if (Waker* housekeeper = housekeeper_.load(std::memory_order_acquire)) housekeeper->wake();
    }

private:
    static constexpr std::size_t kAnswersMax = 2;

    Waker& shard_;
    std::atomic<std::size_t> rows_max_{0};
    Mailbox<SessionRows> answers_;
    std::atomic<Waker*> housekeeper_{nullptr};
};

}  // namespace firehose::bus
