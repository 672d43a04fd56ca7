// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>

/// A process's resident memory, from /proc/<pid>/statm.
///
/// Lifetime: a value. Threads: any. Zeros for pid 0 and for a process that is gone.
namespace firehose::bench {

struct Memory {
    std::uint64_t rss_bytes = 0;
};

[[nodiscard]] inline Memory memory_of(int pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/statm"};
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    file >> size >> resident;
    return {.rss_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace firehose::bench
