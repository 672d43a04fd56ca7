// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/waker.h"

/// Where a thread that drives steps sleeps until it is woken, or for a while.
///
/// A wake-up between two sleeps ends the next one at once: none is lost.
/// Threads: one sleeps; `wake` and `close` from any.
namespace firehose {

class Bed final : public Waker {
public:
    void wake() noexcept override {
        if (is_called_.exchange(true, std::memory_order_acq_rel)) return;  // It knows already.
        { const std::scoped_lock lock{mutex_}; }  // It sleeps, or has not looked yet.
        condition_.notify_all();
    }

    void sleep(std::chrono::milliseconds longest) {
        std::unique_lock lock{mutex_};
        condition_.wait_for(lock, longest, [this] {
            return is_closed_ || is_called_.load(std::memory_order_acquire);
        });
        is_called_.exchange(false, std::memory_order_acq_rel);
    }

    /// Nobody sleeps here any more.
    void close() {
        {
            const std::scoped_lock lock{mutex_};
            is_closed_ = true;
        }
        condition_.notify_all();
    }

private:
    std::atomic<bool> is_called_{false};
    std::mutex mutex_;
    bool is_closed_ = false;  // Under mutex_.
    std::condition_variable condition_;
};

}  // namespace firehose
