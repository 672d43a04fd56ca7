// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "log/file.h"
#include "log/log.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

/// Segments of the folder as values: what recovery finds, the store goes on with, sealing replaces.
///
/// Recovery makes a KeptLog of the folder; SegmentLog takes it over. A segment's blocks end where
/// the next segment begins (`header.first_seq` of the next): what lies beyond in a file was
/// written again in the next one after a failed sync, and is not read.
/// Ownership: a KeptSegment owns its open file. Threads: values.
/// Source:    docs/formats/segment.md; rules **Recovery**, **A failed fsync**.
namespace firehose::log {

/// Where a block begins; see "Index in memory" of the format.
struct BlockIndexEntry {
    Seq first_seq{};
    std::uint64_t offset = 0;
};
/// One entry for the first block and then for the first past each so many bytes.
inline constexpr std::uint64_t kBlockIndexStride = std::uint64_t{64} << 10;

/// Blocks of a sealed segment, read back. Called from reader threads, several at a time.
class SealedSegment {
public:
    virtual ~SealedSegment() = default;
    struct Read {
        SegmentRead read;
        Seq up_to{};  // Everything below was considered; the segment's end_seq at its end.
    };
    /// The blocks that end after `from` and that may hold what `interest` wants (null: all), until
    /// `bytes_max` or some bound of work is reached.
    [[nodiscard]] virtual Read read(File& file, Seq from, std::size_t bytes_max,
                                    const TopicInterest* interest) = 0;
    /// The first position whose time is at or after `time`, or the segment's end.
    [[nodiscard]] virtual Seq position_of(File& file, WallTime time) = 0;
};

struct KeptSegment {
    std::string name;  // In the folder; empty: unlinked.
    std::unique_ptr<File> file;
    SegmentHeader header;
    std::uint64_t bytes = 0;                // Its blocks end there.
    std::uint64_t disk_bytes = 0;           // What it takes in the folder.
    Seq end_seq{};                          // header.first_seq when it has no blocks.
    WallTime end_time{};                    // Of its newest block.
    std::optional<Seq> lost_from;           // Seqs from here to its first are lost, and no gap
                                            // record says so (recovery found it).
    std::vector<BlockIndexEntry> index;     // Empty when it has no blocks, or is sealed.
    std::shared_ptr<SealedSegment> sealed;  // Null: plain, or (from recovery)
                                            // what the store opens by `header.is_sealed`.

    [[nodiscard]] bool has_blocks() const noexcept { return end_seq > header.first_seq; }
};

/// What is in the folder. A new folder is `KeptLog{.log_id = ...}`.
struct KeptLog {
    std::vector<KeptSegment> segments;  // Oldest first; those without blocks too.
    std::uint64_t log_id = 0;
    std::uint64_t last_number = 0;  // The largest segment number ever seen in the folder.
    Seq end_seq{1};                 // One past the newest record.
    /// Where the log goes on: end_seq after a clean stop, else the largest durable seq_limit. Where
    /// they differ the log begins with a gap record of [end_seq, next_seq).
    Seq next_seq{1};
    WallTime time{};  // Of the newest block: no later one is older.
};

/// The file's name: the number with 20 digits, and what it is.
[[nodiscard]] std::string segment_name(std::uint64_t number, bool is_sealed);

}  // namespace firehose::log
