// SPDX-License-Identifier: Apache-2.0
#include "source/metrics.h"

#include <numeric>

#include "source/event.h"

namespace firehose::source {

std::uint64_t SourceMetrics::bad_lines_total() const noexcept {
    return std::accumulate(
        bad_lines.begin(), bad_lines.end(), std::uint64_t{0},
        [](std::uint64_t sum, const std::atomic<std::uint64_t>& count) { return sum + count; });
}

std::string_view name(SourceState state) noexcept {
    switch (state) {
        case SourceState::offline:
            return "offline";
        case SourceState::online:
            return "online";
    }
    return "unknown";
}

}  // namespace firehose::source
