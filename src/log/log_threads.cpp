// SPDX-License-Identifier: Apache-2.0
#include "log/log_threads.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "base/bed.h"

namespace firehose::log {
namespace {

// Woken for work; sooner only when the disk failed and is tried again.
constexpr std::chrono::milliseconds kLongestSleep{60'000};
constexpr std::chrono::milliseconds kRetrySleep{
    std::chrono::duration_cast<std::chrono::milliseconds>(SegmentLog::kRetryDelay)};

}  // namespace

class LogThreads::Impl {
public:
    Impl(SegmentLog& log, std::size_t readers) : log_(log), reader_count_(readers) {}

    void start() {
        FH_ASSERT(threads_.empty());
        log_.set_workers(&writer_bed_, &reader_bed_);
        threads_.emplace_back([this] { write(); });
        for (std::size_t i = 0; i < reader_count_; ++i) {
            threads_.emplace_back([this] { read(); });
        }
    }

    void stop() {
        if (threads_.empty()) return;
        is_stopping_.store(true, std::memory_order_release);
        writer_bed_.close();
        reader_bed_.close();
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
        log_.set_workers(nullptr, nullptr);
    }

private:
    void write() {
        while (true) {
            const bool is_last_round = is_stopping_.load(std::memory_order_acquire);
            while (log_.write_step()) continue;
            if (is_last_round) {
                while (log_.close_step()) continue;
                return;
            }
            writer_bed_.sleep(log_.metrics().is_failing ? kRetrySleep : kLongestSleep);
        }
    }

    void read() {
        while (!is_stopping_.load(std::memory_order_acquire)) {
            while (log_.read_step()) continue;
            reader_bed_.sleep(kLongestSleep);
        }
    }

    SegmentLog& log_;
    const std::size_t reader_count_;
    Bed writer_bed_;
    Bed reader_bed_;
    std::atomic<bool> is_stopping_{false};
    std::vector<std::thread> threads_;
};

LogThreads::LogThreads(SegmentLog& log, std::size_t readers)
    : impl_(std::make_unique<Impl>(log, readers)) {}
LogThreads::~LogThreads() {
    stop();
}
void LogThreads::start() {
    impl_->start();
}
void LogThreads::stop() {
    impl_->stop();
}

}  // namespace firehose::log
