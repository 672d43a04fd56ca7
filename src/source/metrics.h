// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "source/gerrit_event.h"

/// What one source counted since it started.
///
/// Threads: the source's thread adds, any thread reads; each figure is right by itself.
/// Lifetime: outlives its source.
namespace firehose::source {

struct SourceMetrics {
    std::atomic<std::uint64_t> published{0};
    std::atomic<std::uint64_t> denied{0};   // Withheld by `source.deny`.
    std::atomic<std::uint64_t> dropped{0};  // Lost: `source.buffer_bytes` were full.
    std::atomic<std::uint64_t> connected{0};
    std::atomic<std::uint64_t> disconnected{0};
    std::atomic<bool> is_online{false};
    std::array<std::atomic<std::uint64_t>, kBadLineKinds> bad_lines{};

    /// Of all kinds.
    [[nodiscard]] std::uint64_t bad_lines_total() const noexcept;
};

}  // namespace firehose::source
