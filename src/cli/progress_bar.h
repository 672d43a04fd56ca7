// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

/// A progress bar on standard error, where that is a terminal; nothing elsewhere.
///
///     copying  [#########-----------]  43 %  1.2 of 2.8 GiB  12 s left
///
/// Threads: the main thread. Cost: draws at most ten times a second. The destructor ends the line.
namespace firehose::cli {

class ProgressBar {
public:
    /// @param what  one word: what is being done.
    explicit ProgressBar(std::string what);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// In bytes; `total` may grow, 0 is unknown.
    void show(std::uint64_t done, std::uint64_t total);

private:
    const std::string what_;
    const bool is_terminal_;
    SystemClock clock_;
    const MonotonicTime begun_;
    MonotonicTime drawn_;
    bool is_drawn_ = false;
};

/// "43 B", "1.2 KiB", "2.8 GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace firehose::cli
