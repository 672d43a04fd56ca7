// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "log/file.h"
#include "log/kept_segment.h"
#include "log/segment_scan.h"

/// What a start does with the folder of the log before anything is read from it or written to it.
///
///     auto recovered = recover(log_folder, damaged_folder, {.log_id = id});
///     if (!recovered) refuse_to_start(recovered.error());
///     SegmentLog log{options, log_folder, clock, std::move(recovered->log)};
///
/// Torn tails are cut; damage stays where it is, is named, and copied to the damaged folder; what
/// was found is synced, so that it is durable from then on, whoever wrote it. The log goes on in a
/// new segment, whose header is durable before a seq is given: until then a stop that was clean
/// still looks clean, and the next start would go on at the same seq.
/// Threads: the caller's. Cost: sealed segments by their index, plain ones read once.
/// Source:  docs/formats/segment.md, "Recovery"; rules **Recovery**, **Positions**.
/// Invariant: what was acknowledged is found; no seq of `next_seq` or later was ever given.
namespace firehose::log {

struct RecoveryOptions {
    std::uint64_t log_id = 0;  // Segments of another log are refused.
    /// Of the damaged folder; what does not fit any more is named and not copied.
    std::uint64_t damaged_bytes_max = std::uint64_t{64} << 20;
};

/// Damage in one file, or a whole file that is missing.
struct Damage {
    std::string file;
    DamagedStretch stretch;
    std::string kept_as;  // In the damaged folder; empty: not copied.
    bool is_new = true;   // False: an earlier start has copied it there.
};

struct Recovered {
    KeptLog log;
    bool was_clean = false;  // Also of a new folder.
    std::vector<Damage> damage;
    std::vector<std::string> removed;  // Files that held nothing, or are sealed by now.
    std::uint64_t bytes_cut = 0;       // Of torn tails.
    std::uint64_t bytes_read = 0;
};

struct RecoveryError {
    std::string file;
    std::string problem;  // A sentence for the operator.
};

/// `log` holds segments and nothing else; `damaged` may hold anything.
[[nodiscard]] Result<Recovered, RecoveryError> recover(FileSystem& log, FileSystem& damaged,
                                                       const RecoveryOptions& options);

}  // namespace firehose::log
