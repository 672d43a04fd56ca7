// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/time.h"
#include "base/waker.h"
#include "bus/housekeeping.h"
#include "log/segment_log.h"

/// The housekeeper's thread: housekeeping step by step, and between the steps what operators ask
/// for (jobs). A second thread, which runs when the machine has nothing else to do, seals segments;
/// it rests while a job runs.
///
/// Ownership: refers to the log and the housekeeping, which outlive its threads.
/// Threads:   start and stop from one thread, each at most once; `post` from any.
/// Cost:      sealing runs at SCHED_IDLE and idle I/O priority; the rest is as urgent as traffic,
///            because history that cannot go fills the disk.
/// Source:    design section 3.
namespace firehose::app {

class Housekeeper {
public:
    /// A piece of a job. True: call again.
    using Job = std::function<bool()>;
    static constexpr std::size_t kJobsMax = 16;  // That wait.

    Housekeeper(log::SegmentLog& log, Clock& clock);
    ~Housekeeper();
    Housekeeper(const Housekeeper&) = delete;
    Housekeeper& operator=(const Housekeeper&) = delete;

    /// Wakes its thread.
    [[nodiscard]] Waker& waker() noexcept;

    /// `housekeeping` null: nothing is kept, only jobs are done.
    void start(bus::Housekeeping* housekeeping);
    /// A job that is under way ends with its current piece.
    void stop();

    /// Jobs run one after another. False: too many wait, or it has been stopped.
    [[nodiscard]] bool post(Job job);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace firehose::app
