// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "log/block.h"
#include "log/file.h"
#include "log/gap.h"
#include "log/kept_segment.h"
#include "log/segment_format.h"

/// Reads a whole plain segment whose end nobody knows: what is intact, what is damaged, and where
/// the written part ends. Changes nothing; recovery acts on it, `firehose inspect` prints it.
///
/// Bad bytes with a valid block behind them are damage; bad bytes at the end are the tail, and
/// what they mean depends on what comes after the segment: recovery.h decides.
/// A damaged segment header is made again from the first block, whose place is known.
/// Threads: the caller's. Cost: reads the file once, checks every byte; memory for one block.
/// Source:  docs/formats/segment.md, "Reading" and "Recovery"; rule **Recovery**.
namespace firehose::log {

/// A stretch of a file that is not as it was written. Its seqs are [from, end); how many of them
/// were ever given is not known where whole blocks are gone.
struct DamagedStretch {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    Seq from{};
    Seq end{};

    friend bool operator==(const DamagedStretch&, const DamagedStretch&) = default;
};

/// The last block, when its end is missing: the header promises more than is intact. Nothing may
/// be left of it: it stays, empty, where its `durable_before` proves damage before it.
struct CutBlock {
    std::uint64_t offset = 0;  // Of its header.
    BlockHeader header;        // As it must be for what is left: `count`, `stored_bytes`.
};

struct SegmentScan {
    SegmentHeader header;
    bool is_header_damaged = false;
    std::uint64_t file_bytes = 0;
    std::uint64_t bytes = 0;  // The intact blocks end there, a cut one included.
    Seq end_seq{};            // header.first_seq when it has no blocks.
    Seq seq_limit{};          // The largest of all valid headers.
    WallTime first_time{};
    WallTime end_time{};
    std::uint64_t blocks = 0;
    std::uint64_t records = 0;           // Intact ones.
    std::vector<BlockIndexEntry> index;  // As kept_segment.h has it.
    std::vector<DamagedStretch> damage;  // In order; without the tail.
    std::optional<CutBlock> cut_block;
    std::uint64_t tail_bytes = 0;        // Behind `bytes`, up to the last byte that is not zero.
    std::uint64_t durable_before = 0;    // The largest of all valid headers.
    std::uint64_t pages_unreadable = 0;  // Taken for zeros.
    bool is_closed = false;          // The last block is a closing header, and only zeros follow.
    bool is_past_closing = false;    // The same, but something follows.
    bool is_past_limit = false;      // Behind `bytes` a block begins at the limit or later.
    std::optional<Gap> opening_gap;  // The first record, if it is one of kind gap.
};

/// What is told of each block on the way, in order.
class BlockVisitor {
public:
    virtual ~BlockVisitor() = default;
    /// `block`: its intact records, gap records in place of the others; empty of a closing header.
    virtual void on_block(std::uint64_t offset, const BlockHeader& header, const Block& block) = 0;
    /// So far of the file; for a progress bar.
    virtual void on_progress(std::uint64_t bytes) = 0;
};

enum class ScanProblem : std::uint8_t {
    unreadable,    // The file gave an error.
    empty,         // No header, and no block: a creation that did not get far, or zeros.
    torn_header,   // No header, and nothing but zeros after it: there are no blocks.
    no_header,     // The header is damaged, and so is the first block: nothing can be found.
    newer_format,  // A whole header of a version or with features that this program does not know.
    sealed,        // sealed_reader.h reads it.
};

/// `limit`: blocks that begin there or later are not counted; they were written again in the next
/// segment. Not given for the newest.
[[nodiscard]] Result<SegmentScan, ScanProblem> scan_segment(File& file, std::optional<Seq> limit,
                                                            BlockVisitor* visitor = nullptr);

}  // namespace firehose::log
