// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_bar.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace firehose::cli {
namespace {

constexpr Microseconds kPause{100'000};
constexpr std::size_t kCells = 24;

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      begun_(clock_.monotonic()) {}

ProgressBar::~ProgressBar() {
    if (is_drawn_) std::fputc('\n', stderr);
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
    if (!is_terminal_) return;
    const MonotonicTime now = clock_.monotonic();
    const bool is_end = total != 0 && done >= total;
    if (is_drawn_ && !is_end && now - drawn_ < kPause) return;
    is_drawn_ = true;
    drawn_ = now;
    const double part =
        total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<std::size_t>(part * kCells);
    const double elapsed_s = static_cast<double>((now - begun_).count()) / 1e6;
    std::string line = fmt::format("\r{}  [{}{}] {:3.0f} %  {} of {}", what_,
                                   std::string(filled, '#'), std::string(kCells - filled, '-'),
                                   part * 100, bytes_text(done), bytes_text(total));
    if (part > 0 && !is_end) line += fmt::format("  {:.0f} s left", elapsed_s / part - elapsed_s);
    std::fputs((line + "\033[K").c_str(), stderr);
    std::fflush(stderr);
}

}  // namespace firehose::cli
