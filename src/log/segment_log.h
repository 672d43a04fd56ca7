// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/locked.h"
#include "base/time.h"
#include "base/waker.h"
#include "log/block.h"
#include "log/erase.h"
#include "log/file.h"
#include "log/kept_segment.h"
#include "log/log.h"
#include "log/log_metrics.h"
#include "log/segment_store.h"

/// The log on local segments, kept on disk or not (LogMode).
///
/// The newest blocks are in memory (`memory_bytes`); blocks are written to segment files by
/// `write_step`, and leave memory only once stored (written, and with `disk` synced) or, with
/// `memory`, needed by nobody. What left memory is read back by `read_step`. The steps are called
/// by LogThreads and the housekeeper, or by the simulator in an order of its own. Ownership: refers
/// to the FileSystem, the Clock and all Wakers, which outlive it. Threads:   `write_step` and
/// `close_step` from one thread at a time, `expire_step` and
///            `seal_step` from one; everything else from any. Wakers are called outside locks.
/// Keeping:   memory: what no reader needs (note_needed) leaves memory without having been written,
///            as soon as an eighth of memory_bytes holds what is newer; while a reader is behind,
///            or has not said what it needs, all is written.
/// Bounds:    memory: the larger of memory_bytes (and a quarter, while a reader is behind) and what
///            is unwritten: unwritten_bytes_max and the block that passed it (further ones are
///            refused). Disk: bytes_max + one segment; past it the oldest segment goes and
///            `oldest()` moves up.
/// Failing:   disk: what is not synced is written again to a new segment, at once and then every
///            100 ms to 1 s; on a full disk oldest history goes first. Until that works the log is
///            Degraded: takes_durable() is false, seqs end at the durable reservation, the oldest
///            QoS 0 blocks become gaps. memory: a failed write gives up its segment and the oldest
///            history; when nothing is left to give, blocks leave memory unwritten.
/// Invariant: what is readable has no hole but recorded ones (gap.h): [oldest(), end()). disk: no
///            record has a seq at or above a durable seq_limit, and durable_end() only grows.
/// Source:    docs/formats/segment.md; rules **Positions**, **Degraded**, **A failed fsync**.
namespace firehose::log {

enum class LogMode : std::uint8_t {
    memory,  // Unlinked files, no fdatasync; durable once linked.
    disk,    // Named files; durable after fdatasync.
};

struct SegmentLogOptions {
    LogMode mode = LogMode::memory;
    std::size_t memory_bytes = std::size_t{64} << 20;
    std::size_t unwritten_bytes_max = std::size_t{64} << 20;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::uint64_t bytes_max = std::uint64_t{1} << 30;
    std::uint64_t free_bytes_min = 0;  // disk: less on the file system: rule **Degraded**.
    std::uint64_t hold_bytes = 0;      // disk: most that is held for durable sessions alone.
    Microseconds segment_age{0};       // disk: an older segment is closed; 0: never.
    bool makes_room = false;           // disk: room_step writes the next segment's zeros ahead.
    Microseconds history_age{0};       // disk: older segments go; 0: never.
    std::size_t cache_bytes = std::size_t{32} << 20;  // Of sealed segments, decoded.
    std::optional<Seq> first_seq;       // memory; without: the wall clock's microseconds.
    std::optional<std::uint64_t> seed;  // Of the segments' salts; without: the kernel's.
};

class SegmentLog final : public Log {
public:
    static constexpr std::size_t kAppendersMax = 256;
    static constexpr std::size_t kReadersMax = 256;
    static constexpr std::size_t kRequestsMax = 1'024;  // That wait, a reader.

    SegmentLog(const SegmentLogOptions& options, FileSystem& files, Clock& clock)
        : SegmentLog(options, files, clock, KeptLog{}) {}
    /// disk: goes on with what recovery found in the folder, in a new segment. If that cannot be
    /// made, the log begins Degraded.
    SegmentLog(const SegmentLogOptions& options, FileSystem& files, Clock& clock, KeptLog kept);

    [[nodiscard]] AppenderId add_appender(Waker& waker) override;
    [[nodiscard]] ReaderId add_reader(Waker& waker) override;
    [[nodiscard]] Ticket append(AppenderId appender, std::unique_ptr<Block> block) override;
    void take_outcomes(AppenderId appender, std::vector<Outcome>& out) override;
    [[nodiscard]] bool is_full() const noexcept override;
    [[nodiscard]] Seq oldest() const override;
    [[nodiscard]] Seq end() const override;
    [[nodiscard]] bool takes_durable() const noexcept override;
    [[nodiscard]] Seq durable_end() const override;
    [[nodiscard]] ReadStatus read(Seq from, std::size_t bytes_max,
                                  std::vector<BlockRef>& out) override;
    using Log::request;
    [[nodiscard]] bool request(ReaderId reader, Seq from, std::size_t bytes_max,
                               std::uint64_t cookie,
                               std::shared_ptr<const TopicInterest> interest) override;
    [[nodiscard]] std::vector<ReadAnswer> take_answers(ReaderId reader) override;
    [[nodiscard]] bool wants_needed(ReaderId reader) const noexcept override;
    void note_needed(ReaderId reader, Seq from) override;

    /// Whom to wake when there is something to write, and to read. Before the first append.
    void set_workers(Waker* writer, Waker* readers) noexcept;
    /// Writes a bounded number of linked blocks. False: nothing to do now, or the disk failed
    /// and it is not yet time to try again (kRetryDelay).
    bool write_step();
    /// Serves one request. False: none waits.
    bool read_step();

    /// After the last append: writes what is left, then the closing header, synced. True: call
    /// again. False: done, or the disk failed. At most once an append returned.
    bool close_step();

    /// What still needs history: views are never deleted from; what durable sessions need is held
    /// up to `hold_bytes`. Until it is called nothing is needed. Any thread.
    void set_needed_from(Seq views, Seq sessions) noexcept;
    struct Leaving {
        Seq next{};  // The two oldest closed segments end there: the next to go.
        Seq due{};   // The end of the oldest, if it is too old or too much; needed or not.
    };
    [[nodiscard]] Leaving leaving() const;
    /// Housekeeper: deletes at most one segment that is too old or too much. True: maybe more.
    bool expire_step();
    /// Housekeeper: a MiB of the next segment's room. True: call again.
    bool room_step() { return store_.room().step(); }
    /// Who is woken when there is room to make.
    void set_housekeeper(Waker* waker) noexcept { store_.room().set_maker(waker); }
    /// Housekeeper: a frame or so of the oldest closed plain segment. True: call again.
    bool seal_step();

    // Erasing: the housekeeper's.

    /// What `selection` covers of what is in the log now loses its payload and properties, in
    /// memory and in the files. One at a time; it ends with `done`.
    void begin_erase(std::shared_ptr<const EraseSelection> selection);
    [[nodiscard]] EraseStep erase_step();
    [[nodiscard]] EraseProgress erase_progress() const { return store_.erase_progress(); }

    /// The first position whose time is at or after `time`; end() when there is none yet. Reads
    /// files: not for shards.
    [[nodiscard]] Seq seq_at(WallTime time);

    static constexpr Microseconds kRetryDelay{100'000};
    static constexpr Microseconds kRetryDelayMax{1'000'000};

    [[nodiscard]] LogMetrics metrics() const;

private:
    struct Appender {
        std::uint64_t last_ticket = 0;
        std::vector<Outcome> outcomes;
    };
    struct Request {
        Seq from{};
        std::size_t bytes_max = 0;
        std::uint64_t cookie = 0;
        std::shared_ptr<const TopicInterest> interest;
    };
    struct Reader {
        std::deque<Request> requests;
        std::vector<ReadAnswer> answers;
        std::size_t in_progress = 0;
    };
    struct Tail {
        std::deque<BlockRef> blocks;
        std::size_t stored = 0;  // The first so many of `blocks` are in a segment.
        std::size_t bytes = 0;   // Of `blocks`, in memory.
        std::size_t unwritten_bytes = 0;
        Seq first{};  // Positions from here on are in memory, or holes.
        Seq end{};
        Seq limit{};  // No record gets a seq from here on.
        WallTime time{};
        bool is_changing = false;       // memory: somebody writes or takes out its first blocks.
        std::uint64_t asked_bytes = 0;  // memory: metrics.bytes_total when readers were asked last.
        std::deque<Appender> appenders;
        LogMetrics metrics;
    };
    /// Where what can be read begins. Decided and published under its lock, before anything goes.
    struct Floors {
        Seq store{};   // Of the segments.
        Seq memory{};  // Of the tail.
    };
    /// A ticket whose block left memory unwritten, in the gap that ends at `at`.
    struct DroppedTicket {
        Seq at{};
        AppenderId appender{};
        Ticket ticket{};
    };
    struct Requests {
        std::deque<Reader> readers;
        std::size_t next_reader = 0;  // Round robin.
        std::uint64_t requested_total = 0;
        std::uint64_t answered_total = 0;
        std::size_t epoch = 0;  // Of requests that are taken now: 0 or 1.
        std::array<std::size_t, 2> in_progress{};
    };
    struct Taken {
        ReaderId reader{};
        Request request;
        std::size_t epoch = 0;
    };
    static void wake(const std::atomic<Waker*>& waker) noexcept {
        if (Waker* who = waker.load(std::memory_order_acquire)) who->wake();
    }
    template <std::size_t Max>
    struct Wakers {
        std::array<std::atomic<Waker*>, Max> slots{};
        std::atomic<std::size_t> count{0};
        void add(Waker& waker) noexcept;
        void wake_all() noexcept { wake_all_but(nullptr); }
        void wake_all_but(const Waker* one) noexcept {
            const std::size_t size = count.load(std::memory_order_acquire);
            for (std::size_t i = 0; i < size; ++i) {
                Waker* const who = slots[i].load(std::memory_order_acquire);
                if (who != nullptr && who != one) who->wake();
            }
        }
    };

    [[nodiscard]] bool is_disk() const noexcept { return options_.mode == LogMode::disk; }
    void begin(Seq found_end, WallTime found_time);
    [[nodiscard]] std::size_t write_behind_bytes() const noexcept;
    [[nodiscard]] std::size_t kept_bytes() const noexcept;
    [[nodiscard]] bool is_nearly_full(const Tail& tail) const noexcept;
    [[nodiscard]] std::vector<BlockRef> take_unwritten();
    void note_stored(std::span<const BlockRef> blocks);
    void pass_durable(Tail& tail);
    void evict(bool may_lose);
    struct Front {
        std::size_t count = 0;  // Blocks at the front of the tail that go,
        std::size_t lost = 0;   // so many of them unwritten;
        Seq end{};              // where the last of them ends.
    };
    void take_out(const Front& front);
    [[nodiscard]] Seq needed_by_readers() const noexcept;
    [[nodiscard]] Front unneeded(const Tail& tail, Seq needed) const;
    [[nodiscard]] std::size_t lag_bytes(Seq needed);
    void forget_unneeded(Seq needed);
    void forget_with_files(Seq needed);
    bool write_or_forget();
    void clear_full();

    bool write_to_window();
    void on_window_error(std::error_code error);

    bool write_to_disk();
    [[nodiscard]] bool has_room(MonotonicTime now);
    [[nodiscard]] bool on_disk_error(std::error_code error, MonotonicTime now);
    void on_disk_success();
    void degrade(std::string_view cause, std::string_view detail, MonotonicTime now);
    void trim_unwritten();

    void replace_unwritten(std::span<const BlockRef> old, std::span<const BlockRef> left,
                           std::span<const DroppedTicket> tickets);
    void drop_segments_to(Seq floor);
    void publish_oldest(const Floors& floors) noexcept;
    [[nodiscard]] bool drop_expendable();
    [[nodiscard]] bool is_due(const SegmentStore::Oldest& oldest) const;
    [[nodiscard]] bool is_expendable(const SegmentStore::Oldest& oldest) const;
    [[nodiscard]] bool is_stored_to(Seq limit) const;
    [[nodiscard]] bool erase_in_memory();
    void begin_read_epoch();
    [[nodiscard]] bool is_read_epoch_over() const;
    [[nodiscard]] std::optional<Taken> take_request();
    [[nodiscard]] ReadAnswer perform(const Request& request);

    const SegmentLogOptions options_;
    Clock& clock_;
    FileSystem& files_;
    SegmentStore store_;
    Locked<Tail> tail_;
    Locked<Floors> floors_;
    Locked<Requests> requests_;
    std::atomic<std::uint64_t> oldest_;
    std::atomic<std::uint64_t> end_;
    std::atomic<std::uint64_t> durable_end_;
    std::atomic<bool> is_full_{false};
    std::atomic<bool> takes_durable_{true};
    std::atomic<std::uint64_t> needed_by_views_;
    std::atomic<std::uint64_t> needed_by_sessions_;
    // memory: what readers may still ask for, and whether they were asked since they said so.
    struct Needed {
        std::atomic<std::uint64_t> from{0};
        std::atomic<std::uint64_t> answered{0};
    };
    std::array<Needed, kReadersMax> needed_{};
    std::atomic<std::uint64_t> asked_{0};
    std::atomic<bool> has_files_{false};      // There may be segments.
    std::atomic<bool> is_all_wanted_{false};  // An erase waits until all is in segments.
    Wakers<kAppendersMax> appender_wakers_;
    Wakers<kReadersMax> reader_wakers_;
    std::atomic<Waker*> writer_{nullptr};
    std::atomic<Waker*> readers_{nullptr};
    // The housekeeper's own.
    struct Erasing {
        enum class Phase : std::uint8_t { unwritten, segments, memory, readers };
        std::shared_ptr<const EraseSelection> selection;
        Seq limit{};  // One past what was in the log.
        Phase phase = Phase::unwritten;
        Seq at{};  // Of the memory.
    };
    std::optional<Erasing> erasing_;
    // The writer's own.
    unsigned failures_ = 0;  // In a row.
    MonotonicTime retry_at_{};
    MonotonicTime look_at_{};  // When to ask for the free space again.
    std::uint64_t bytes_since_look_ = 0;
    std::vector<DroppedTicket> dropped_;  // By `at`.
    bool is_closed_ = false;
};

}  // namespace firehose::log
