// SPDX-License-Identifier: Apache-2.0
#include "log/sealed_cache.h"

#include <algorithm>
#include <vector>

#include "log/gap.h"

namespace firehose::log {
namespace {

constexpr std::size_t kTable = SIZE_MAX;
constexpr std::size_t kTopics = SIZE_MAX - 1;
constexpr std::size_t kEntryBytes = 160;  // Of an entry's own bookkeeping, about.
/// Of one read, whatever it finds: what a reader thread does for one request.
constexpr std::size_t kPlainBytesMax = std::size_t{4} << 20;

}  // namespace

class SealedCache::Segment final : public SealedSegment {
public:
    Segment(SealedCache& cache, const SealedFile& facts, std::uint64_t id)
        : cache_(cache), facts_(facts), id_(id) {}
    ~Segment() override { cache_.forget(id_); }
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    Read read(File& file, Seq from, std::size_t bytes_max, const TopicInterest* interest) override {
        Read result;
        const auto table = frames(file, result.read);
        const auto is_wanted = interest == nullptr ? nullptr : wanted(file, *table, *interest);
        std::size_t taken = 0;
        std::size_t plain = 0;
        result.up_to = facts_.header().end_seq;
        for (std::size_t i = table->frame_of(from); i < table->frames.size(); ++i) {
            if (interest != nullptr && !(*is_wanted)[i]) continue;
            if (plain >= kPlainBytesMax) {
                result.up_to = table->frames[i].first_seq;
                return result;
            }
            plain += table->frames[i].plain_bytes;
            const auto blocks = frame(file, *table, i, result.read);
            for (const BlockRef& block : *blocks) {
                if (block->end_seq() <= from) continue;
                if (interest != nullptr && !has_wanted(*block, *interest)) continue;
                result.read.blocks.push_back(block);
                taken += block->bytes().size();
                if (taken < bytes_max) continue;
                result.up_to = block->end_seq();
                return result;
            }
        }
        return result;
    }

    Seq position_of(File& file, WallTime time) override {
        SegmentRead read;
        const auto table = frames(file, read);
        const std::size_t found = table->frame_at(time);
        if (found == table->frames.size()) return facts_.header().end_seq;
        const auto blocks = frame(file, *table, found, read);
        const auto block = std::partition_point(
            blocks->begin(), blocks->end(), [&](const BlockRef& b) { return b->time() < time; });
        return block == blocks->end() ? table->frames[found].end_seq : (*block)->first_seq();
    }

private:
    using Blocks = std::vector<BlockRef>;

    [[nodiscard]] std::shared_ptr<const SealedFrames> frames(File& file, SegmentRead& read) {
        if (auto kept = cache_.find({id_, kTable})) {
            return std::static_pointer_cast<const SealedFrames>(std::move(kept));
        }
        auto table = std::make_shared<const SealedFrames>(read_frames(file, facts_));
        read.read_errors += table->read_errors;
        if (table->read_errors == 0) cache_.keep({id_, kTable}, table, table->memory_bytes());
        return table;
    }

    /// A table that was made again is another one each time, so it is not kept.
    [[nodiscard]] std::shared_ptr<const std::vector<bool>> wanted(File& file,
                                                                  const SealedFrames& table,
                                                                  const TopicInterest& interest) {
        const auto known = interest.frames().with([](const auto& frames) { return frames; });
        if (known.segment == id_ && !table.is_rebuilt) return known.wanted;
        auto made = std::make_shared<const std::vector<bool>>(
            frames_wanted(*topics(file), facts_, table, interest));
        if (!table.is_rebuilt) {
            interest.frames().with([&](auto& frames) { frames = {id_, made}; });
        }
        return made;
    }

    [[nodiscard]] std::shared_ptr<const TopicDictionary> topics(File& file) {
        if (auto kept = cache_.find({id_, kTopics})) {
            return std::static_pointer_cast<const TopicDictionary>(std::move(kept));
        }
        auto topics = std::make_shared<const TopicDictionary>(read_topics(file, facts_));
        if (*topics) cache_.keep({id_, kTopics}, topics, (*topics)->capacity());
        return topics;
    }

    [[nodiscard]] std::shared_ptr<const Blocks> frame(File& file, const SealedFrames& table,
                                                      std::size_t number, SegmentRead& read) {
        if (auto kept = cache_.find({id_, number})) {
            return std::static_pointer_cast<const Blocks>(std::move(kept));
        }
        FrameRead found = read_frame(file, table.frames[number]);
        read.read_errors += found.read_errors;
        read.records_damaged += found.records_damaged;
        read.is_io_error = read.is_io_error || found.is_io_error;
        auto blocks = std::make_shared<const Blocks>(std::move(found.blocks));
        if (found.read_errors == 0) cache_.keep({id_, number}, blocks, found.memory_bytes);
        return blocks;
    }

    SealedCache& cache_;
    const SealedFile facts_;
    const std::uint64_t id_;
};

std::shared_ptr<SealedSegment> SealedCache::add(const SealedFile& segment) {
    const std::uint64_t id = state_.with([](State& state) { return ++state.last_id; });
    return std::make_shared<Segment>(*this, segment, id);
}

std::shared_ptr<const void> SealedCache::find(const Key& key) {
    return state_.with([&](State& state) -> std::shared_ptr<const void> {
        const auto found = state.by_key.find(key);
        ++(found == state.by_key.end() ? state.figures.misses_total : state.figures.hits_total);
        if (found == state.by_key.end()) return nullptr;
        state.entries.splice(state.entries.begin(), state.entries, found->second);
        return found->second->value;
    });
}

void SealedCache::keep(const Key& key, std::shared_ptr<const void> value, std::size_t bytes) {
    bytes += kEntryBytes;
    if (bytes > bytes_max_) return;
    std::list<Entry> gone;  // Freed outside the lock.
    state_.with([&](State& state) {
        if (state.by_key.contains(key)) return;
        state.entries.push_front({key, std::move(value), bytes});
        state.by_key.emplace(key, state.entries.begin());
        state.figures.bytes += bytes;
        while (state.figures.bytes > bytes_max_) {
            state.figures.bytes -= state.entries.back().bytes;
            state.by_key.erase(state.entries.back().key);
            gone.splice(gone.begin(), state.entries, std::prev(state.entries.end()));
        }
    });
}

void SealedCache::forget(std::uint64_t id) {
    std::list<Entry> gone;
    state_.with([&](State& state) {
        auto entry = state.by_key.lower_bound({id, 0});
        while (entry != state.by_key.end() && entry->first.first == id) {
            state.figures.bytes -= entry->second->bytes;
            gone.splice(gone.begin(), state.entries, entry->second);
            entry = state.by_key.erase(entry);
        }
    });
}

SealedCache::Figures SealedCache::figures() const {
    return state_.with([](const State& state) { return state.figures; });
}

}  // namespace firehose::log
