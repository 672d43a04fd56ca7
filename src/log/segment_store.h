// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/locked.h"
#include "base/random.h"
#include "base/time.h"
#include "log/block.h"
#include "log/erase.h"
#include "log/file.h"
#include "log/kept_segment.h"
#include "log/log.h"
#include "log/sealed_cache.h"
#include "log/sealed_writer.h"
#include "log/segment_format.h"
#include "log/segment_rewriter.h"
#include "log/segment_room.h"

/// The segment files: blocks go in at the end, are read back by seq, and leave with the oldest
/// segment.
///
/// Kept segments have names and every write to them is synced before it counts; the others are
/// unlinked files that are never synced.
/// Ownership: owns its files; a segment that is being read stays open until the reader is done.
/// Threads:   the writer's functions from one thread at a time, the rest from any. No file is
///            touched inside the lock.
/// Cost:      a write of kept blocks is one pwritev and one fdatasync, whatever their number, and
///            a new segment two syncs more. An index entry of 16 bytes per 64 KiB of segment; a
///            read starts at most that far before its position.
/// Invariant: segments are in seq order; what was in between and is lost reads as gap records. A
///            file on which a write or sync failed is never written or synced again.
/// Source:    docs/formats/segment.md; rules **Positions**, **A failed fsync**.
namespace firehose::log {

/// A durable write reserves at least so many seqs ahead, and this many when it renews.
inline constexpr std::uint64_t kReservedMin = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kReserved = std::uint64_t{1} << 25;

struct SegmentStoreOptions {
    bool is_kept = false;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    Microseconds segment_age{0};       // 0: never closed for its age.
    bool makes_room = false;           // Kept segments get their room ahead (segment_room.h).
    std::uint64_t free_bytes_min = 0;  // Room is made only beyond.
    std::uint64_t seed = 0;
    Seq first_seq{};  // Where the log begins, unless there are segments.
    std::size_t cache_bytes = std::size_t{32} << 20;  // Of sealed segments, decoded.
};

class SegmentStore {
public:
    struct Figures {
        std::uint64_t segments = 0;
        std::uint64_t bytes = 0;
        std::uint64_t created_total = 0;
        std::uint64_t dropped_total = 0;
        std::uint64_t sealed_total = 0;
        std::uint64_t syncs_total = 0;
        std::uint64_t read_errors_total = 0;
        std::uint64_t records_damaged_total = 0;
    };

    /// Takes the segments out of `kept`.
    SegmentStore(const SegmentStoreOptions& options, FileSystem& files, KeptLog& kept);
    ~SegmentStore();

    // The writer's.

    /// Writes the blocks in order; all or, after an error, the first `written` of them. Kept
    /// blocks that are counted there are durable.
    [[nodiscard]] IoResult write(std::span<const BlockRef> blocks, std::size_t& written);
    /// A new segment whose blocks begin at `first` or later. Also renews the reservation. A kept
    /// one counts from where the last kept block ends: so nothing that a failed write left in an
    /// earlier file counts, whatever a power cut does to its end.
    [[nodiscard]] IoResult open_segment(Seq first, WallTime time);
    /// Closes the open segment if it has blocks and is older than `segment_age`, or is to be
    /// erased from.
    void close_if_due(WallTime now);
    /// The closing header after a clean stop, synced.
    [[nodiscard]] IoResult write_closing(Seq end, WallTime time);
    /// Kept: no record may get a seq from here on.
    [[nodiscard]] Seq seq_limit() const noexcept { return durable_limit_; }

    /// Of the next segment, while kept.
    [[nodiscard]] SegmentRoom& room() noexcept { return room_; }

    // Retention.

    struct Oldest {
        Seq end_seq{};
        WallTime end_time{};
        bool is_open = false;
    };
    /// The oldest, or the one so many after it.
    [[nodiscard]] std::optional<Oldest> oldest(std::size_t after = 0) const;
    /// Bytes of the segments that end after `from`.
    [[nodiscard]] std::uint64_t bytes_from(Seq from) const;
    /// Forgets every segment that ends at or before `floor`; nothing below it will come any more.
    void drop_below(Seq floor);
    /// Positions from here on can be read, up to what was written.
    [[nodiscard]] Seq floor() const;

    // Sealing: the housekeeper's.

    /// Kept segments that are closed become sealed ones, a frame or so a step. True: call again.
    /// A segment that cannot be sealed (damaged, the disk fails) stays as it is until the next
    /// start.
    [[nodiscard]] bool seal_step();

    // Erasing: the housekeeper's, like sealing.

    /// Segments that begin below `limit` lose what is covered. One at a time; it ends with `done`.
    void begin_erase(std::shared_ptr<const EraseSelection> selection, Seq limit);
    /// A frame or so. Sealing stands still meanwhile.
    [[nodiscard]] EraseStep erase_step();
    [[nodiscard]] EraseProgress erase_progress() const;

    // Reading.

    /// False: `from` is below what is kept. Else the blocks from the one that holds `from` on (or
    /// the first after it) until `bytes_max`; `up_to` is where to read on: `from` itself when the
    /// store ends before it. Blocks without anything for `interest` (null: all) may be missing.
    [[nodiscard]] bool read(Seq from, std::size_t bytes_max, const TopicInterest* interest,
                            std::vector<BlockRef>& out, Seq& up_to);

    /// The first position whose time is at or after `time`; where the segments end if there is
    /// none. Reads files.
    [[nodiscard]] Seq position_of(WallTime time);

    [[nodiscard]] Figures figures() const;

private:
    struct Segment {
        KeptSegment kept;
        bool is_open = false;
        bool has_room = false;  // Zeros follow what is written, up to segment_bytes.
        bool is_unsealable = false;
        std::size_t pins = 0;  // Readers that are at it, and sealing.
    };
    /// What is being sealed; the segment is pinned.
    struct Sealing {
        Segment* segment = nullptr;
        std::string name;
        std::unique_ptr<File> out;
        Sealer sealer;
    };
    /// What is being erased; a segment that is at work is pinned.
    struct Erasing {
        std::shared_ptr<const EraseSelection> selection;
        Seq limit{};
        Seq at{};  // Segments that end here or before are done.
        Segment* segment = nullptr;
        std::unique_ptr<SegmentRewriter> rewriter;
        std::string name;           // Of `out`, while kept.
        std::unique_ptr<File> out;  // Null: it is looked through.
    };
    struct State {
        std::vector<std::unique_ptr<Segment>> segments;  // Oldest first.
        std::vector<std::unique_ptr<Segment>> retired;   // Dropped while being read.
        Seq floor{};                                     // Below: dropped.
        Figures figures;
    };

    void take_over(KeptLog& kept);
    [[nodiscard]] Seq reserve(Seq end) const noexcept;
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create_file(std::string& name,
                                                                             bool& has_room);
    [[nodiscard]] std::size_t batch_size(std::span<const BlockRef> blocks) const;
    [[nodiscard]] IoResult write_batch(std::span<const BlockRef> blocks);
    [[nodiscard]] IoResult sync(File& file);
    void close_current();
    void abandon_current();
    void remove_spares();
    [[nodiscard]] Segment* pin(Seq from, bool& is_too_old, SegmentStretch& stretch);
    void unpin(Segment& segment);
    [[nodiscard]] bool begin_sealing();
    void step_sealing();
    [[nodiscard]] IoResult replace(Segment& old, std::string& name, std::unique_ptr<File> out);
    void end_sealing(bool is_done);
    [[nodiscard]] EraseStep erase_next();
    [[nodiscard]] Result<bool, std::error_code> rewrite_step();
    [[nodiscard]] IoResult end_rewriting();
    void stop_rewriting();
    [[nodiscard]] EraseStep finish_erasing();

    const SegmentStoreOptions options_;
    FileSystem& files_;
    Random random_;
    SealedCache cache_;
    SegmentRoom room_;
    Locked<State> state_;
    std::atomic<std::uint64_t> close_below_{0};  // Open segments that begin below are closed.
    // The housekeeper's:
    std::optional<Sealing> sealing_;
    std::optional<Erasing> erasing_;
    EraseProgress erase_progress_;
    // The writer's:
    Segment* current_ = nullptr;       // The open one: the last of `segments`.
    std::vector<std::string> spares_;  // Files without blocks, to be removed after the next one.
    std::uint64_t log_id_ = 0;
    std::uint64_t last_number_ = 0;
    Seq durable_limit_{};
    std::optional<Seq> stored_end_;  // Of the last kept block.
};

}  // namespace firehose::log
