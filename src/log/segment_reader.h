// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "log/block.h"
#include "log/file.h"

/// Reads blocks back from a stretch of one segment file, and checks every byte of them.
///
/// A record whose checksum fails is replaced by a gap record at its seq; where headers are
/// damaged, the search goes on to the next valid one, and a block of one gap record stands for
/// what lies between, at its last seq. So damage costs what it hit and is seen by every reader.
/// Threads: the caller's. Cost: reads of 256 KiB or one block, one copy of what is returned.
/// Source:  docs/formats/segment.md, "Reading".
namespace firehose::log {

struct SegmentStretch {
    std::uint64_t salt = 0;
    std::uint64_t begin = 0;  // Of a block header.
    std::uint64_t end = 0;    // Where the segment ends, as far as written.
    Seq begin_seq{};          // No block of the stretch begins below.
    Seq end_seq{};            // Nor ends above.
};

struct SegmentRead {
    std::vector<BlockRef> blocks;
    std::uint64_t read_errors = 0;      // Failed reads, and stretches without a valid header.
    std::uint64_t records_damaged = 0;  // Replaced by gap records.
    bool is_io_error = false;           // The file gave an error: another time it may not.
    std::uint64_t end = 0;              // Of what was read: a plain segment's next block header.
};

/// The blocks that end after `from`, until `bytes_max`: at least one if there is one.
[[nodiscard]] SegmentRead read_segment(File& file, const SegmentStretch& stretch, Seq from,
                                       std::size_t bytes_max);

}  // namespace firehose::log
