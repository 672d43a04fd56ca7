// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "log/segment_log.h"

/// The threads that drive a SegmentLog's steps: one writer and a few readers.
///
/// The only place in `log` that knows threads; the simulator calls the steps itself instead.
/// Ownership: refers to the log, which outlives it. The destructor stops.
/// Threads:   start and stop from one thread, each at most once.
namespace firehose::log {

class LogThreads {
public:
    explicit LogThreads(SegmentLog& log, std::size_t readers = 1);
    ~LogThreads();
    LogThreads(const LogThreads&) = delete;
    LogThreads& operator=(const LogThreads&) = delete;

    void start();
    /// Writes what is linked (unless the disk fails), then joins. Nothing is appended meanwhile.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace firehose::log
