// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "log/segment_log.h"

// What leaves the log, and when: blocks from memory, segments from disk.
namespace firehose::log {
namespace {

constexpr std::size_t kEvictBlocksMax = 512;  // Under one lock.

}  // namespace

/// Before anything leaves, so that nobody who trusts `oldest()` looks for what is gone.
void SegmentLog::publish_oldest(const Floors& floors) noexcept {
    const std::uint64_t oldest = number(std::min(floors.store, floors.memory));
    if (oldest > oldest_.load(std::memory_order_relaxed)) {
        oldest_.store(oldest, std::memory_order_release);
    }
}

void SegmentLog::drop_segments_to(Seq floor) {
    floors_.with([&](Floors& floors) {
        floors.store = std::max(floors.store, floor);
        publish_oldest(floors);
    });
    store_.drop_below(floor);
}

void SegmentLog::evict(bool may_lose) {
    // What goes is decided first, announced, and only then taken out; nobody else takes out.
    Front front;
    do {
        tail_.with([&](const Tail& tail) {
            front = {};
            std::size_t bytes = tail.bytes;
            while (bytes > options_.memory_bytes && front.count < kEvictBlocksMax &&
                   front.count < (may_lose ? tail.blocks.size() : tail.stored)) {
                bytes -= tail.blocks[front.count]->memory_bytes();
                front.end = tail.blocks[front.count]->end_seq();
                ++front.count;
            }
            front.lost = front.count > tail.stored ? front.count - tail.stored : 0;
        });
        take_out(front);
        if (front.lost != 0) {
            tail_.with([&](Tail& tail) { tail.metrics.blocks_lost_total += front.lost; });
        }
    } while (front.count == kEvictBlocksMax);
    clear_full();
}

void SegmentLog::take_out(const Front& front) {
    if (front.count == 0) return;
    if (front.lost != 0) drop_segments_to(front.end);
    floors_.with([&](Floors& floors) {
        floors.memory = front.end;
        publish_oldest(floors);
    });

    std::vector<BlockRef> gone;  // Freed outside the lock.
    gone.reserve(front.count);
    tail_.with([&](Tail& tail) {
        for (std::size_t i = 0; i < front.count; ++i) {
            const std::size_t cost = tail.blocks.front()->memory_bytes();
            tail.bytes -= cost;
            if (tail.stored == 0) {
                tail.unwritten_bytes -= cost;
            } else {
                --tail.stored;
            }
            gone.push_back(std::move(tail.blocks.front()));
            tail.blocks.pop_front();
        }
        tail.first = front.end;
    });
}

/// memory: blocks that nobody needs, beyond what stays.
SegmentLog::Front SegmentLog::unneeded(const Tail& tail, Seq needed) const {
    Front front;
    std::size_t bytes = tail.bytes;
    while (bytes > kept_bytes() && front.count < tail.blocks.size() &&
           tail.blocks[front.count]->end_seq() <= needed) {
        bytes -= tail.blocks[front.count]->memory_bytes();
        front.end = tail.blocks[front.count]->end_seq();
        ++front.count;
    }
    front.lost = front.count > tail.stored ? front.count - tail.stored : 0;
    return front;
}

/// memory, on the reader's thread: touches no file; where there are files the writer does it.
void SegmentLog::forget_unneeded(Seq needed) {
    Front front;
    const bool is_ours = tail_.with([&](Tail& tail) {
        if (tail.is_changing || tail.stored != 0 || has_files_.load()) return false;
        front = unneeded(tail, needed);
        tail.is_changing = true;
        return true;
    });
    if (!is_ours) return wake(writer_);
    floors_.with([&](Floors& floors) { floors.store = std::max(floors.store, front.end); });
    front.lost = 0;  // No segment is to be dropped.
    take_out(front);
    tail_.with([](Tail& tail) { tail.is_changing = false; });
    clear_full();
}

/// memory, the writer: the same, with the files.
void SegmentLog::forget_with_files(Seq needed) {
    Front front;
    tail_.with([&](const Tail& tail) { front = unneeded(tail, needed); });
    take_out(front);
    if (has_files_.load()) drop_segments_to(needed);
    has_files_.store(store_.figures().segments != 0);
    clear_full();
}

/// memory: what is unwritten and needed.
std::size_t SegmentLog::lag_bytes(Seq needed) {
    return tail_.with([&](const Tail& tail) {
        std::size_t bytes = 0;
        for (std::size_t i = tail.blocks.size(); i > tail.stored; --i) {
            if (tail.blocks[i - 1]->end_seq() <= needed) break;
            bytes += tail.blocks[i - 1]->memory_bytes();
        }
        return bytes;
    });
}

/// Publishers are read from again.
void SegmentLog::clear_full() {
    const bool is_roomy = is_full() && tail_.with([&](const Tail& tail) {
        return tail.unwritten_bytes <= options_.unwritten_bytes_max / 2 && !is_nearly_full(tail);
    });
    if (!is_roomy) return;
    is_full_.store(false, std::memory_order_relaxed);
    appender_wakers_.wake_all();
}

void SegmentLog::set_needed_from(Seq views, Seq sessions) noexcept {
    needed_by_views_.store(number(views), std::memory_order_relaxed);
    needed_by_sessions_.store(number(sessions), std::memory_order_relaxed);
}

/// Whether anybody may still want it (rule **What is kept, and for whom**).
bool SegmentLog::is_expendable(const SegmentStore::Oldest& oldest) const {
    const Seq views{needed_by_views_.load(std::memory_order_relaxed)};
    const Seq sessions{needed_by_sessions_.load(std::memory_order_relaxed)};
    if (oldest.is_open || oldest.end_seq > views) return false;
    return oldest.end_seq <= sessions || store_.bytes_from(sessions) > options_.hold_bytes;
}

/// The oldest segment goes, to make room. False: there is none that may.
bool SegmentLog::drop_expendable() {
    const auto oldest = store_.oldest();
    if (!oldest || !is_expendable(*oldest)) return false;
    drop_segments_to(oldest->end_seq);
    return true;
}

/// Too old, or too much.
bool SegmentLog::is_due(const SegmentStore::Oldest& oldest) const {
    if (oldest.is_open) return false;
    const Microseconds age = clock_.wall() - oldest.end_time;
    const bool is_old = options_.history_age.count() != 0 && age > options_.history_age;
    // The next segment's room, and what is left of the open one's.
    const std::uint64_t room = options_.makes_room ? 2 * options_.segment_bytes : 0;
    return is_old || store_.figures().bytes + room > options_.bytes_max;
}

SegmentLog::Leaving SegmentLog::leaving() const {
    Leaving leaving;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto segment = store_.oldest(i);
        if (!segment || segment->is_open) break;
        leaving.next = segment->end_seq;
        if (i == 0 && is_due(*segment)) leaving.due = segment->end_seq;
    }
    return leaving;
}

bool SegmentLog::expire_step() {
    if (!is_disk()) return false;
    const auto oldest = store_.oldest();
    if (!oldest || !is_expendable(*oldest)) return false;
    if (!is_due(*oldest)) return false;
    drop_segments_to(oldest->end_seq);
    return true;
}

bool SegmentLog::seal_step() {
    return store_.seal_step();
}

}  // namespace firehose::log
