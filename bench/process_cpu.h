// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

/// What a process has used of the machine's CPU: user and system time, all of its threads, in
/// nanoseconds (its CPU-time clock, where /proc/<pid>/stat counts in ticks of 10 ms).
namespace firehose::bench {

[[nodiscard]] inline double seconds_of(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

[[nodiscard]] inline double now_s() {
    return seconds_of(CLOCK_MONOTONIC);
}

/// 0 for pid 0: nobody to look at.
[[nodiscard]] inline double cpu_s(pid_t process) {
    if (process == 0) return 0;
    clockid_t clock{};
    if (clock_getcpuclockid(process, &clock) != 0) {
        std::fprintf(stderr, "there is no process %d\n", process);
        std::exit(1);
    }
    return seconds_of(clock);
}

}  // namespace firehose::bench
