// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/locked.h"
#include "base/random.h"
#include "base/time.h"
#include "log/block.h"
#include "log/file.h"
#include "log/segment_format.h"

/// The segment files: blocks go in at the end, are read back by seq, and leave with the oldest
/// segment.
///
/// Ownership: owns its files; a segment that is being read stays open until the reader is done.
/// Threads:   the writer's functions from one thread at a time, `read` and the figures from any.
///            No file is touched inside the lock.
/// Cost:      an index entry of 16 bytes per 64 KiB of segment; a read starts at most that far
///            before its position.
/// Invariant: segments are in seq order; what was in between and is lost reads as gap records.
/// Source:    docs/formats/segment.md.
namespace firehose::log {

struct SegmentStoreOptions {
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::uint64_t seed = 0;
    Seq first_seq{};  // Where the log begins.
};

class SegmentStore {
public:
    struct Figures {
        std::uint64_t segments = 0;
        std::uint64_t bytes = 0;
        std::uint64_t created_total = 0;
        std::uint64_t dropped_total = 0;
        std::uint64_t read_errors_total = 0;
        std::uint64_t records_damaged_total = 0;
    };

    SegmentStore(const SegmentStoreOptions& options, FileSystem& files);
    ~SegmentStore();

    /// The writer's: writes the blocks in order; all or, after an error, the first `written`
    /// of them. A segment on which a write failed is never written again.
    [[nodiscard]] Result<void, std::error_code> write(std::span<const BlockRef> blocks,
                                                      std::size_t& written);
    /// The writer's: where the history would begin without the oldest segment.
    [[nodiscard]] std::optional<Seq> end_of_oldest() const;
    /// The writer's: forgets the oldest segment.
    void drop_oldest();
    /// The writer's: nothing below `seq` will come any more, written or not.
    void raise_floor(Seq seq);
    /// Positions from here on can be read, up to what was written.
    [[nodiscard]] Seq floor() const;

    /// False: `from` is below what is kept. Else the blocks from the one that holds `from` on (or
    /// the first after it) until `bytes_max`; none when the store ends before it.
    [[nodiscard]] bool read(Seq from, std::size_t bytes_max, std::vector<BlockRef>& out);

    [[nodiscard]] Figures figures() const;

private:
    struct Segment;
    struct State {
        std::vector<std::unique_ptr<Segment>> segments;  // Oldest first.
        std::vector<std::unique_ptr<Segment>> retired;   // Dropped while being read.
        Seq floor{};                                     // Below: dropped.
        Figures figures;
    };
    struct Pinned;

    [[nodiscard]] Result<void, std::error_code> roll(const Block& first);
    [[nodiscard]] std::size_t batch_size(std::span<const BlockRef> blocks) const;
    [[nodiscard]] Result<void, std::error_code> write_batch(std::span<const BlockRef> blocks);
    [[nodiscard]] std::optional<Pinned> pin(Seq from, bool& is_too_old);
    void unpin(Segment& segment);
    void abandon_current();

    const SegmentStoreOptions options_;
    FileSystem& files_;
    Random random_;
    Locked<State> state_;
    Segment* current_ = nullptr;  // The writer's: the last of `segments`, unless it failed.
};

}  // namespace firehose::log
