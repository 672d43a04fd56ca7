// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "log/gap.h"
#include "log/segment_log.h"

// The writer's side: from the tail in memory to segments, and what happens when they take nothing.
namespace firehose::log {
namespace {

constexpr std::size_t kWriteBlocksMax = 512;  // Of one write_step.
constexpr std::size_t kWriteBytesMax = std::size_t{4} << 20;
constexpr std::uint64_t kLookBytes = std::uint64_t{4} << 20;  // Written between two looks at the
constexpr Microseconds kLookDelay{1'000'000};                 // free space, and time at most.

[[nodiscard]] bool is_out_of_space(std::error_code error) noexcept {
    return error == std::errc::no_space_on_device ||
           error == std::error_code{EDQUOT, std::generic_category()};
}

/// What a block that trim_unwritten made stands for.
[[nodiscard]] std::optional<Gap> trimmed_gap(const Block& block) {
    if (block.count() != 1 || block.ticket() != Ticket{}) return {};
    auto gap = gap_of(block.record(0));
    return gap && gap->reason == GapReason::not_stored ? gap : std::nullopt;
}

}  // namespace

bool SegmentLog::write_step() {
    return is_disk() ? write_to_disk() : write_to_window();
}

std::vector<BlockRef> SegmentLog::take_unwritten() {
    std::vector<BlockRef> blocks;
    tail_.with([&](const Tail& tail) {
        blocks.reserve(std::min(kWriteBlocksMax, tail.blocks.size() - tail.stored));
        std::size_t bytes = 0;
        for (std::size_t i = tail.stored; i < tail.blocks.size(); ++i) {
            blocks.push_back(tail.blocks[i]);
            bytes += tail.blocks[i]->bytes().size();
            if (blocks.size() == kWriteBlocksMax || bytes >= kWriteBytesMax) break;
        }
    });
    return blocks;
}

void SegmentLog::note_stored(std::span<const BlockRef> blocks) {
    std::size_t bytes = 0;
    for (const BlockRef& block : blocks) bytes += block->memory_bytes();
    tail_.with([&](Tail& tail) {
        tail.stored += blocks.size();
        tail.unwritten_bytes -= bytes;
        if (!is_disk()) return;
        tail.limit = is_closed_ ? tail.limit : store_.seq_limit();
        for (const BlockRef& block : blocks) {
            if (block->ticket() == Ticket{}) continue;  // A gap of ours.
            tail.appenders[static_cast<std::size_t>(block->appender())].outcomes.push_back(
                {.ticket = block->ticket(),
                 .kind = Outcome::Kind::durable,
                 .first_seq = block->first_seq()});
        }
        pass_durable(tail);
    });
    if (!is_disk() || blocks.empty()) return;
    appender_wakers_.wake_all();
    reader_wakers_.wake_all();
}

/// durable_end() is behind what is stored, and behind the gaps after it: they become no better.
void SegmentLog::pass_durable(Tail& tail) {
    Seq end = tail.stored == 0 ? durable_end() : tail.blocks[tail.stored - 1]->end_seq();
    for (std::size_t i = tail.stored; i < tail.blocks.size(); ++i) {
        if (!trimmed_gap(*tail.blocks[i])) break;
        end = tail.blocks[i]->end_seq();
    }
    auto passed = dropped_.begin();
    for (; passed != dropped_.end() && passed->at <= end; ++passed) {
        tail.appenders[static_cast<std::size_t>(passed->appender)].outcomes.push_back(
            {.ticket = passed->ticket, .kind = Outcome::Kind::durable});
    }
    dropped_.erase(dropped_.begin(), passed);
    if (number(end) > durable_end_.load(std::memory_order_relaxed)) {
        durable_end_.store(number(end), std::memory_order_release);
    }
}

// Kept on disk.

bool SegmentLog::write_to_disk() {
    const MonotonicTime now = clock_.monotonic();
    if ((failures_ != 0 && now < retry_at_) || !has_room(now)) {
        trim_unwritten();
        evict(false);
        return false;
    }
    const std::vector<BlockRef> blocks = take_unwritten();
    if (blocks.empty() && failures_ == 0) {
        store_.close_if_due(clock_.wall());
        return false;
    }
    std::size_t stored = 0;
    // Without blocks only a new segment shows whether the disk takes anything again.
    const IoResult done =
        blocks.empty() ? store_.open_segment(end(), clock_.wall()) : store_.write(blocks, stored);
    note_stored(std::span{blocks}.first(stored));
    bool is_again = true;
    if (done) {
        on_disk_success();
    } else {
        is_again = on_disk_error(done.error(), now);
    }
    evict(false);
    return is_again;
}

/// Whether `log.free_bytes_min` is there, perhaps after the oldest history went.
bool SegmentLog::has_room(MonotonicTime now) {
    if (options_.free_bytes_min == 0) return true;
    const bool is_due = failures_ != 0 || now >= look_at_ || bytes_since_look_ >= kLookBytes;
    if (!is_due) return true;
    look_at_ = now + kLookDelay;
    bytes_since_look_ = 0;
    // Not back and forth at the bound.
    const std::uint64_t wanted =
        options_.free_bytes_min + (takes_durable() ? 0 : options_.free_bytes_min / 8);
    while (true) {
        const auto space = files_.space();
        if (!space || space->free >= wanted) return true;
        if (store_.room().drop() || drop_expendable()) continue;
        ++failures_;
        degrade("free space", std::to_string(space->free) + " bytes", now);
        return false;
    }
}

/// True: try again at once.
bool SegmentLog::on_disk_error(std::error_code error, MonotonicTime now) {
    tail_.with([](Tail& tail) {
        ++tail.metrics.write_errors_total;
        tail.metrics.is_failing = true;
    });
    if (failures_++ == 0) {
        FH_LOG(error, "log_write_failed", {"error", error.message()});
    }
    // Oldest history goes first (rule **Degraded**); where space is not the trouble, a new segment
    // is tried once.
    const bool is_again = is_out_of_space(error) ? store_.room().drop() || drop_expendable()
                                                 : failures_ == 1 && takes_durable();
    if (is_again) {
        retry_at_ = now;
        return true;
    }
    degrade("write", error.message(), now);
    return false;
}

void SegmentLog::degrade(std::string_view cause, std::string_view detail, MonotonicTime now) {
    const unsigned doublings = std::min(failures_ > 2 ? failures_ - 2 : 0U, 5U);
    retry_at_ = now + std::min(kRetryDelay * (1 << doublings), kRetryDelayMax);
    const bool is_news = tail_.with([&](Tail& tail) {
        tail.metrics.is_failing = true;
        is_full_.store(false, std::memory_order_relaxed);
        return takes_durable_.exchange(false, std::memory_order_relaxed);
    });
    if (!is_news) return;
    appender_wakers_.wake_all();
    FH_LOG(error, "log_degraded", {"cause", cause}, {"detail", detail},
           {"durable", number(durable_end())});
}

void SegmentLog::on_disk_success() {
    if (std::exchange(failures_, 0) == 0) return;
    const bool was_degraded = tail_.with([&](Tail& tail) {
        tail.metrics.is_failing = false;
        tail.limit = store_.seq_limit();
        return !takes_durable_.exchange(true, std::memory_order_relaxed);
    });
    if (was_degraded) appender_wakers_.wake_all();
    FH_LOG(warn, "log_write_recovered", {"oldest", number(oldest())});
}

/// While Degraded: the oldest blocks of nothing but QoS 0 become gaps where too much waits.
void SegmentLog::trim_unwritten() {
    std::vector<BlockRef> blocks;
    std::size_t bytes = 0;
    tail_.with([&](const Tail& tail) {
        if (takes_durable() || tail.unwritten_bytes < options_.unwritten_bytes_max / 4 * 3) return;
        blocks.assign(tail.blocks.begin() + static_cast<std::ptrdiff_t>(tail.stored),
                      tail.blocks.end());
        bytes = tail.unwritten_bytes;
    });
    if (blocks.empty()) return;

    std::vector<BlockRef> left;
    std::optional<Gap> gap;
    WallTime gap_time{};
    std::uint64_t dropped_records = 0;
    std::uint64_t dropped_blocks = 0;
    const auto end_gap = [&] {
        if (gap) left.push_back(gap_block(*gap, gap->to, gap_time));
        gap.reset();
    };
    std::vector<DroppedTicket> tickets;
    for (const BlockRef& block : blocks) {
        const auto earlier = trimmed_gap(*block);
        const bool goes = bytes > options_.unwritten_bytes_max / 2 && block->is_droppable() &&
                          block->ticket() != Ticket{};
        if (!goes && !earlier) {
            end_gap();
            left.push_back(block);
            continue;
        }
        const Seq from = earlier ? earlier->from : block->first_seq();
        gap = Gap{.from = gap ? gap->from : from, .to = Seq{number(block->end_seq()) - 1}};
        gap_time = block->time();
        if (earlier) continue;
        bytes -= std::min(bytes, block->memory_bytes());
        ++dropped_blocks;
        dropped_records += block->count();
        tickets.push_back({block->end_seq(), block->appender(), block->ticket()});
    }
    end_gap();
    if (dropped_blocks == 0) return;
    replace_unwritten(blocks, left, tickets);
    tail_.with([&](Tail& tail) {
        tail.metrics.blocks_dropped_total += dropped_blocks;
        tail.metrics.records_dropped_total += dropped_records;
    });
    reader_wakers_.wake_all();
    appender_wakers_.wake_all();
}

/// Puts `left` in the place of `old`, the first unwritten blocks.
void SegmentLog::replace_unwritten(std::span<const BlockRef> old, std::span<const BlockRef> left,
                                   std::span<const DroppedTicket> tickets) {
    dropped_.insert(dropped_.end(), tickets.begin(), tickets.end());
    std::stable_sort(dropped_.begin(), dropped_.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    // A gap's tickets are passed with its end; of one appender the newest says it all.
    for (const BlockRef& block : left) {
        const auto gap = trimmed_gap(*block);
        if (!gap) continue;
        for (DroppedTicket& dropped : dropped_) {
            if (dropped.at > gap->from && dropped.at <= next(gap->to)) dropped.at = next(gap->to);
        }
    }
    std::vector<DroppedTicket> newest;
    for (const DroppedTicket& dropped : dropped_) {
        const auto same = std::find_if(newest.rbegin(), newest.rend(), [&](const auto& other) {
            return other.at == dropped.at && other.appender == dropped.appender;
        });
        if (same == newest.rend()) {
            newest.push_back(dropped);
        } else {
            same->ticket = std::max(same->ticket, dropped.ticket);
        }
    }
    dropped_ = std::move(newest);

    std::size_t before = 0;
    std::size_t after = 0;
    for (const BlockRef& block : old) before += block->memory_bytes();
    for (const BlockRef& block : left) after += block->memory_bytes();
    std::deque<BlockRef> gone;  // Freed outside the lock.
    tail_.with([&](Tail& tail) {
        const auto begin = tail.blocks.begin() + static_cast<std::ptrdiff_t>(tail.stored);
        std::deque<BlockRef> blocks{tail.blocks.begin(), begin};
        blocks.insert(blocks.end(), left.begin(), left.end());
        blocks.insert(blocks.end(), begin + static_cast<std::ptrdiff_t>(old.size()),
                      tail.blocks.end());
        gone = std::exchange(tail.blocks, std::move(blocks));
        tail.bytes = tail.bytes - before + after;
        tail.unwritten_bytes = tail.unwritten_bytes - before + after;
        pass_durable(tail);
    });
}

bool SegmentLog::close_step() {
    if (!is_disk()) return write_step();
    if (is_closed_) return false;
    const bool is_all = tail_.with(
        [&](const Tail& tail) { return tail.stored == tail.blocks.size() && takes_durable(); });
    if (!is_all) return write_step();
    is_closed_ = true;
    Seq end{};
    WallTime time{};
    tail_.with([&](Tail& tail) {
        end = tail.end;
        time = tail.time;
        tail.limit = Seq{};  // What comes now is refused.
    });
    if (const auto closed = store_.write_closing(end, time); !closed) {
        FH_LOG(error, "log_not_closed", {"error", closed.error().message()});
    }
    return false;
}

// A window in memory and unlinked files.

bool SegmentLog::write_to_window() {
    const bool is_ours =
        tail_.with([](Tail& tail) { return !std::exchange(tail.is_changing, true); });
    if (!is_ours) return true;  // A reader forgets something just now.
    const bool is_more = write_or_forget();
    tail_.with([](Tail& tail) { tail.is_changing = false; });
    return is_more;
}

bool SegmentLog::write_or_forget() {
    const Seq needed = needed_by_readers();
    if (number(needed) != 0 && !is_all_wanted_.load()) {
        forget_with_files(needed);
        if (lag_bytes(needed) < write_behind_bytes()) return false;
    }
    const auto may_lose = [&] { return failures_ != 0 && !store_.oldest(); };
    if (failures_ != 0 && clock_.monotonic() < retry_at_) {
        evict(may_lose());
        return false;
    }
    const std::vector<BlockRef> blocks = take_unwritten();
    if (blocks.empty()) {
        store_.close_if_due(clock_.wall());
        return false;
    }
    has_files_.store(true);
    std::size_t written = 0;
    const auto done = store_.write(blocks, written);
    note_stored(std::span{blocks}.first(written));
    if (!done) {
        on_window_error(done.error());
    } else if (std::exchange(failures_, 0) != 0) {
        tail_.with([](Tail& tail) { tail.metrics.is_failing = false; });
        FH_LOG(warn, "log_write_recovered", {"oldest", number(oldest())});
    }
    while (true) {
        const auto figures = store_.figures();
        if (figures.bytes <= options_.bytes_max || figures.segments <= 1) break;
        drop_segments_to(store_.oldest()->end_seq);
    }
    evict(may_lose());
    return done.has_value();
}

void SegmentLog::on_window_error(std::error_code error) {
    retry_at_ = clock_.monotonic() + kRetryDelay;
    tail_.with([](Tail& tail) {
        ++tail.metrics.write_errors_total;
        tail.metrics.is_failing = true;
    });
    if (failures_++ == 0) {
        FH_LOG(error, "log_write_failed", {"error", error.message()});
    }
    // Oldest history goes first (rule **Degraded**); one segment a try.
    if (const auto oldest = store_.oldest()) drop_segments_to(oldest->end_seq);
}

}  // namespace firehose::log
