// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "log/segment_log.h"

// What is taken back leaves the files and the memory; and where a time is in the log.
namespace firehose::log {
namespace {

constexpr std::size_t kEraseBlocksMax = 512;  // In memory, a step.

}  // namespace

void SegmentLog::begin_erase(std::shared_ptr<const EraseSelection> selection) {
    FH_ASSERT(!erasing_);
    const Seq limit = end();
    store_.begin_erase(selection, limit);
    is_all_wanted_.store(true);
    erasing_.emplace(Erasing{.selection = std::move(selection), .limit = limit});
}

EraseStep SegmentLog::erase_step() {
    FH_ASSERT(erasing_);
    switch (erasing_->phase) {
        case Erasing::Phase::unwritten:
            if (!is_stored_to(erasing_->limit)) break;
            is_all_wanted_.store(false);
            erasing_->phase = Erasing::Phase::segments;
            return EraseStep::again;
        case Erasing::Phase::segments: {
            const EraseStep step = store_.erase_step();
            if (step == EraseStep::waits) break;
            if (step == EraseStep::done) erasing_->phase = Erasing::Phase::memory;
            return EraseStep::again;
        }
        case Erasing::Phase::memory:
            if (erase_in_memory()) return EraseStep::again;
            begin_read_epoch();
            erasing_->phase = Erasing::Phase::readers;
            return EraseStep::again;
        case Erasing::Phase::readers:
            if (!is_read_epoch_over()) return EraseStep::waits;
            erasing_.reset();
            return EraseStep::done;
    }
    wake(writer_);
    return EraseStep::waits;
}

bool SegmentLog::is_stored_to(Seq limit) const {
    return tail_.with([&](const Tail& tail) {
        return tail.stored == tail.blocks.size() || tail.blocks[tail.stored]->first_seq() >= limit;
    });
}

/// Blocks of the tail that hold something are replaced. False: that was the last.
bool SegmentLog::erase_in_memory() {
    std::vector<BlockRef> blocks;
    const auto find = [](auto& in, Seq at) {
        return std::partition_point(in.begin(), in.end(),
                                    [&](const BlockRef& block) { return block->end_seq() <= at; });
    };
    tail_.with([&](const Tail& tail) {
        for (auto block = find(tail.blocks, erasing_->at);
             block != tail.blocks.end() && (*block)->first_seq() < erasing_->limit; ++block) {
            blocks.push_back(*block);
            if (blocks.size() == kEraseBlocksMax) break;
        }
    });
    if (blocks.empty()) return false;
    erasing_->at = blocks.back()->end_seq();

    std::uint64_t records = 0;
    std::vector<std::pair<BlockRef, BlockRef>> replaced;  // Old ones are freed outside the lock.
    for (const BlockRef& block : blocks) {
        BlockRef erased = without_erased(block, *erasing_->selection, records);
        if (erased != block) replaced.emplace_back(block, std::move(erased));
    }
    tail_.with([&](Tail& tail) {
        for (const auto& [old, erased] : replaced) {
            auto at = find(tail.blocks, old->first_seq());
            if (at == tail.blocks.end() || *at != old) continue;  // It left memory meanwhile.
            tail.bytes = tail.bytes - old->memory_bytes() + erased->memory_bytes();
            *at = erased;
        }
    });
    return true;
}

/// Requests that are in work now hold blocks from before; later ones do not.
void SegmentLog::begin_read_epoch() {
    requests_.with([](Requests& requests) { requests.epoch = 1 - requests.epoch; });
}

bool SegmentLog::is_read_epoch_over() const {
    return requests_.with(
        [](const Requests& requests) { return requests.in_progress[1 - requests.epoch] == 0; });
}

Seq SegmentLog::seq_at(WallTime time) {
    Seq in_memory{};
    const bool is_later = tail_.with([&](const Tail& tail) {
        const auto found =
            std::partition_point(tail.blocks.begin(), tail.blocks.end(),
                                 [&](const BlockRef& block) { return block->time() < time; });
        in_memory = found == tail.blocks.end() ? tail.end : (*found)->first_seq();
        return found != tail.blocks.begin();
    });
    if (is_later) return in_memory;
    // Everything in memory is as late, or there is nothing: what was stored before may be too.
    return std::clamp(store_.position_of(time), oldest(), std::max(oldest(), in_memory));
}

}  // namespace firehose::log
