// SPDX-License-Identifier: Apache-2.0
#include "app/housekeeper.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/bed.h"
#include "base/locked.h"
#include "base/log.h"

namespace firehose::app {
namespace {

constexpr std::chrono::milliseconds kSealerSleep{1'000};
constexpr std::chrono::milliseconds kLongestSleep{60'000};

/// This thread runs when nothing else wants the processor or the disk.
void become_idle() {
    const sched_param none{};
    constexpr int kWhoProcess = 1;       // IOPRIO_WHO_PROCESS; 0: this thread.
    constexpr int kIdleClass = 3 << 13;  // IOPRIO_CLASS_IDLE, which glibc does not name.
    const bool is_set = sched_setscheduler(0, SCHED_IDLE, &none) == 0 &&
                        syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass) == 0;
    if (!is_set) FH_LOG(warn, "sealing_not_at_idle_priority");
}

}  // namespace

class Housekeeper::Impl {
public:
    Impl(log::SegmentLog& log, Clock& clock) : log_(log), clock_(clock) {}

    [[nodiscard]] Waker& waker() noexcept { return keeper_bed_; }

    void start(bus::Housekeeping* housekeeping) {
        housekeeping_ = housekeeping;
        keeper_ = std::thread{[this] { keep(); }};
        if (housekeeping != nullptr) sealer_ = std::thread{[this] { seal(); }};
    }

    void stop() {
        is_stopping_.store(true, std::memory_order_release);
        keeper_bed_.close();
        sealer_bed_.close();
        if (keeper_.joinable()) keeper_.join();
        if (sealer_.joinable()) sealer_.join();
        jobs_.with([](std::deque<Job>& jobs) { jobs.clear(); });
    }

    [[nodiscard]] bool post(Job&& job) {
        const bool is_taken = !is_stopping() && jobs_.with([&](std::deque<Job>& jobs) {
            if (jobs.size() >= kJobsMax) return false;
            jobs.push_back(std::move(job));
            return true;
        });
        if (is_taken) keeper_bed_.wake();
        return is_taken;
    }

private:
    [[nodiscard]] bool is_stopping() const noexcept {
        return is_stopping_.load(std::memory_order_acquire);
    }

    void keep() {
        Job job;
        std::unique_lock resting{sealing_, std::defer_lock};
        while (!is_stopping()) {
            if (!job) job = next_job();
            const bool has_job = job != nullptr;
            if (has_job && !resting.owns_lock()) {
                is_sealer_to_rest_.store(true, std::memory_order_relaxed);
                resting.lock();
            }
            if (has_job && !job()) job = nullptr;
            if (!job && resting.owns_lock()) {
                resting.unlock();
                is_sealer_to_rest_.store(false, std::memory_order_relaxed);
            }
            const bool is_more = housekeeping_ != nullptr && housekeeping_->step(now());
            if (!has_job && !is_more) keeper_bed_.sleep(pause());
        }
    }

    void seal() {
        become_idle();
        while (!is_stopping()) {
            bool is_more = false;
            if (!is_sealer_to_rest_.load(std::memory_order_relaxed)) {
                const std::scoped_lock working{sealing_};
                is_more = log_.seal_step();
            }
            if (!is_more) sealer_bed_.sleep(kSealerSleep);
        }
    }

    [[nodiscard]] Job next_job() {
        return jobs_.with([](std::deque<Job>& jobs) -> Job {
            if (jobs.empty()) return nullptr;
            Job job = std::move(jobs.front());
            jobs.pop_front();
            return job;
        });
    }

    [[nodiscard]] MonotonicTime now() noexcept { return clock_.monotonic(); }

    [[nodiscard]] std::chrono::milliseconds pause() {
        if (housekeeping_ == nullptr) return kLongestSleep;
        return std::chrono::ceil<std::chrono::milliseconds>(housekeeping_->pause(now()));
    }

    log::SegmentLog& log_;
    Clock& clock_;
    bus::Housekeeping* housekeeping_ = nullptr;
    Bed keeper_bed_;
    Bed sealer_bed_;
    std::mutex sealing_;  // Held by a step of sealing, and while a job runs.
    std::atomic<bool> is_sealer_to_rest_{false};
    Locked<std::deque<Job>> jobs_;
    std::atomic<bool> is_stopping_{false};
    std::thread keeper_;
    std::thread sealer_;
};

Housekeeper::Housekeeper(log::SegmentLog& log, Clock& clock)
    : impl_(std::make_unique<Impl>(log, clock)) {}
Housekeeper::~Housekeeper() {
    stop();
}
Waker& Housekeeper::waker() noexcept {
    return impl_->waker();
}
void Housekeeper::start(bus::Housekeeping* housekeeping) {
    impl_->start(housekeeping);
}
void Housekeeper::stop() {
    impl_->stop();
}
bool Housekeeper::post(Job job) {
    return impl_->post(std::move(job));
}

}  // namespace firehose::app
