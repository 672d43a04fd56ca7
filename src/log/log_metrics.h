// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The log's figures, as a copy that was true at one moment.
///
/// Names are as exported. `_total` figures only grow; the others are gauges.
/// Threads: a value.
namespace firehose::log {

struct LogMetrics {
    std::uint64_t blocks_total = 0;
    std::uint64_t records_total = 0;
    std::uint64_t bytes_total = 0;           // Of records linked.
    std::uint64_t blocks_refused_total = 0;  // `log.unwritten_bytes_max` reached.
    std::uint64_t records_refused_total = 0;
    std::uint64_t blocks_lost_total = 0;      // Left memory unwritten: the disk kept failing.
    std::uint64_t blocks_dropped_total = 0;   // QoS 0 only, became a `not_stored` gap.
    std::uint64_t records_dropped_total = 0;  // Likewise.
    std::uint64_t write_errors_total = 0;     // Failed writes and syncs.
    std::uint64_t syncs_total = 0;
    std::uint64_t read_errors_total = 0;      // The disk's; and damage, once a stretch.
    std::uint64_t records_damaged_total = 0;  // Checksums that did not match when read back.
    std::uint64_t read_requests_total = 0;
    std::uint64_t read_answers_total = 0;
    std::uint64_t segments_created_total = 0;
    std::uint64_t segments_dropped_total = 0;
    std::uint64_t segments = 0;
    std::uint64_t memory_bytes = 0;     // Of the tail in memory.
    std::uint64_t unwritten_bytes = 0;  // The part of it not yet in a segment.
    std::uint64_t disk_bytes = 0;
    std::uint64_t oldest_seq = 0;
    std::uint64_t end_seq = 0;
    std::uint64_t durable_seq = 0;
    std::uint64_t held_bytes = 0;  // Of segments that durable sessions need.
    bool is_failing = false;       // The last write failed.
    bool is_degraded = false;      // Rule **Degraded**: takes_durable() is false.
};

}  // namespace firehose::log
