// SPDX-License-Identifier: Apache-2.0
#include "app/log_settings.h"

#include <algorithm>

namespace firehose::app {
namespace {

constexpr std::uint64_t kGigabyte = 1'000'000'000;

[[nodiscard]] std::uint64_t bytes_max(const config::LogSettings& log,
                                      const log::FileSystem::Space& space) {
    if (log.bytes != 0) return log.bytes;
    const std::uint64_t most = log.mode == config::LogMode::disk ? 10 * kGigabyte : kGigabyte;
    return std::min(most, space.total / 10 * 3);
}

}  // namespace

log::SegmentLogOptions log_options(const config::Settings& settings,
                                   const log::FileSystem::Space& space) {
    const config::LogSettings& log = settings.log;
    const std::uint64_t bytes = bytes_max(log, space);
    const std::uint64_t hold = settings.session.hold_bytes;
    const std::uint64_t segment = std::min(log.segment_bytes, bytes / 4);
    // Room is two segments: where that is little of the whole.
    const bool makes_room = log.mode == config::LogMode::disk && bytes >= 16 * segment;
    return {.mode = log.mode == config::LogMode::disk ? log::LogMode::disk : log::LogMode::memory,
            .memory_bytes = log.memory_bytes,
            .unwritten_bytes_max = log.unwritten_bytes_max,
            .segment_bytes = segment,
            .bytes_max = bytes,
            .free_bytes_min = log.min_free,
            .hold_bytes = hold != 0 ? hold : bytes / 4,
            .segment_age = log.segment_age,
            .makes_room = makes_room,
            .history_age = settings.history.age,
            .cache_bytes = log.cache_bytes};
}

}  // namespace firehose::app
