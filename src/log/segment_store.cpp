// SPDX-License-Identifier: Apache-2.0
#include "log/segment_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "log/segment_reader.h"

namespace firehose::log {
namespace {

constexpr std::uint64_t kIndexStride = std::uint64_t{64} << 10;

/// Writes all of `parts` at `offset`, as often as the file takes only a part.
[[nodiscard]] IoResult write_all(File& file, std::uint64_t offset, std::vector<ByteSpan> parts) {
    std::span<ByteSpan> left{parts};
    while (!left.empty()) {
        const auto taken = file.write(offset, left);
        if (!taken) return Failure{taken.error()};
        if (*taken == 0) return Failure{std::make_error_code(std::errc::io_error)};
        offset += *taken;
        std::size_t count = *taken;
        while (!left.empty() && count >= left.front().size()) {
            count -= left.front().size();
            left = left.subspan(1);
        }
        if (count > 0) left.front() = left.front().subspan(count);
    }
    return {};
}

}  // namespace

struct SegmentStore::Segment {
    struct IndexEntry {
        Seq first_seq{};
        std::uint64_t offset = 0;
    };

    std::unique_ptr<File> file;
    SegmentHeader header;
    // Under the store's lock:
    std::uint64_t bytes = 0;  // Written; readers look no further.
    Seq end_seq{};
    std::vector<IndexEntry> index;
    std::size_t pins = 0;  // Readers that are at it.
};

struct SegmentStore::Pinned {
    Segment* segment = nullptr;
    SegmentStretch stretch;
};

SegmentStore::SegmentStore(const SegmentStoreOptions& options, FileSystem& files)
    : options_(options), files_(files), random_(options.seed) {
    state_.with([&](State& state) { state.floor = options.first_seq; });
}

SegmentStore::~SegmentStore() = default;

IoResult SegmentStore::write(std::span<const BlockRef> blocks, std::size_t& written) {
    written = 0;
    while (written < blocks.size()) {
        const auto rest = blocks.subspan(written);
        std::size_t count = current_ == nullptr ? 0 : batch_size(rest);
        if (count == 0) {
            if (auto rolled = roll(*rest.front()); !rolled) return rolled;
            count = batch_size(rest);
        }
        if (auto done = write_batch(rest.first(count)); !done) {
            abandon_current();
            return done;
        }
        written += count;
    }
    return {};
}

/// Whatever a failed write left behind is never looked at: `bytes` does not count it.
void SegmentStore::abandon_current() {
    std::unique_ptr<Segment> empty;
    state_.with([&](State& state) {
        if (current_->index.empty()) {
            FH_ASSERT(state.segments.back().get() == current_);
            empty = std::move(state.segments.back());
            state.segments.pop_back();
            --state.figures.segments;
            state.figures.bytes -= empty->bytes;
        }
        current_ = nullptr;
    });
}

IoResult SegmentStore::roll(const Block& first) {
    current_ = nullptr;
    auto file = files_.create_unlinked();
    if (!file) return Failure{file.error()};
    auto segment = std::make_unique<Segment>();
    segment->file = std::move(*file);
    segment->header = {.salt = random_.next(),
                       .created = first.time(),
                       .first_seq = first.first_seq(),
                       .number = figures().created_total + 1};
    const SegmentHeaderBytes header = encode(segment->header);
    if (auto done = write_all(*segment->file, 0, {ByteSpan{header}}); !done) return done;
    segment->bytes = header.size();
    segment->end_seq = first.first_seq();
    current_ = segment.get();
    state_.with([&](State& state) {
        state.segments.push_back(std::move(segment));
        ++state.figures.created_total;
        ++state.figures.segments;
        state.figures.bytes += kSegmentHeaderBytes;
    });
    return {};
}

std::size_t SegmentStore::batch_size(std::span<const BlockRef> blocks) const {
    std::uint64_t end = current_->bytes;
    std::size_t count = 0;
    for (const BlockRef& block : blocks) {
        end += kBlockHeaderBytes + block->bytes().size();
        const bool is_first = current_->bytes == kSegmentHeaderBytes && count == 0;
        if (end > options_.segment_bytes && !is_first) break;
        ++count;
    }
    return count;
}

IoResult SegmentStore::write_batch(std::span<const BlockRef> blocks) {
    FH_ASSERT(!blocks.empty());
    const std::uint64_t begin = current_->bytes;
    std::uint64_t end = begin;
    std::vector<BlockHeaderBytes> headers(blocks.size());
    std::vector<ByteSpan> parts;
    std::vector<Segment::IndexEntry> entries;
    std::uint64_t indexed_to =
        current_->index.empty() ? 0 : current_->index.back().offset + kIndexStride;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const Block& block = *blocks[i];
        const auto bytes = static_cast<std::uint32_t>(block.bytes().size());
        headers[i] = encode(BlockHeader{.stored_bytes = bytes,
                                        .plain_bytes = bytes,
                                        .count = static_cast<std::uint32_t>(block.count()),
                                        .first_seq = block.first_seq(),
                                        .time = block.time()},
                            current_->header.salt, end);
        parts.emplace_back(headers[i]);
        if (bytes != 0) parts.push_back(block.bytes());
        if (end >= indexed_to) {
            entries.push_back({block.first_seq(), end});
            indexed_to = end + kIndexStride;
        }
        end += kBlockHeaderBytes + bytes;
    }
    if (auto done = write_all(*current_->file, begin, std::move(parts)); !done) return done;
    state_.with([&](State& state) {
        current_->bytes = end;
        current_->end_seq = blocks.back()->end_seq();
        current_->index.insert(current_->index.end(), entries.begin(), entries.end());
        state.figures.bytes += end - begin;
    });
    return {};
}

std::optional<Seq> SegmentStore::end_of_oldest() const {
    return state_.with([](const State& state) -> std::optional<Seq> {
        if (state.segments.empty()) return {};
        return state.segments.front()->end_seq;
    });
}

void SegmentStore::drop_oldest() {
    std::unique_ptr<Segment> dropped;  // Closed outside the lock.
    state_.with([&](State& state) {
        FH_ASSERT(!state.segments.empty());
        dropped = std::move(state.segments.front());
        state.segments.erase(state.segments.begin());
        state.floor = std::max(state.floor, dropped->end_seq);
        state.figures.bytes -= dropped->bytes;
        --state.figures.segments;
        ++state.figures.dropped_total;
        if (current_ == dropped.get()) current_ = nullptr;
        if (dropped->pins != 0) state.retired.push_back(std::move(dropped));
    });
}

void SegmentStore::raise_floor(Seq seq) {
    state_.with([&](State& state) { state.floor = std::max(state.floor, seq); });
}

Seq SegmentStore::floor() const {
    return state_.with([](const State& state) { return state.floor; });
}

std::optional<SegmentStore::Pinned> SegmentStore::pin(Seq from, bool& is_too_old) {
    return state_.with([&](State& state) -> std::optional<Pinned> {
        is_too_old = from < state.floor;
        if (is_too_old) return {};
        auto found = std::partition_point(
            state.segments.begin(), state.segments.end(),
            [&](const std::unique_ptr<Segment>& segment) { return segment->end_seq <= from; });
        // The newest may have no block yet.
        if (found == state.segments.end() || (*found)->index.empty()) return {};
        Segment& segment = **found;
        const auto after = std::partition_point(
            segment.index.begin(), segment.index.end(),
            [&](const Segment::IndexEntry& entry) { return entry.first_seq <= from; });
        const auto entry = after == segment.index.begin() ? after : std::prev(after);
        ++segment.pins;
        return Pinned{&segment,
                      {.salt = segment.header.salt,
                       .begin = entry->offset,
                       .end = segment.bytes,
                       .begin_seq = entry->first_seq,
                       .end_seq = segment.end_seq}};
    });
}

void SegmentStore::unpin(Segment& segment) {
    std::unique_ptr<Segment> closing;
    state_.with([&](State& state) {
        if (--segment.pins != 0) return;
        const auto found =
            std::find_if(state.retired.begin(), state.retired.end(),
                         [&](const std::unique_ptr<Segment>& s) { return s.get() == &segment; });
        if (found == state.retired.end()) return;
        closing = std::move(*found);
        state.retired.erase(found);
    });
}

bool SegmentStore::read(Seq from, std::size_t bytes_max, std::vector<BlockRef>& out) {
    bool is_too_old = false;
    const auto pinned = pin(from, is_too_old);
    if (is_too_old) return false;
    if (!pinned) return true;
    SegmentRead read = read_segment(*pinned->segment->file, pinned->stretch, from, bytes_max);
    unpin(*pinned->segment);
    if (read.read_errors != 0 || read.records_damaged != 0) {
        state_.with([&](State& state) {
            state.figures.read_errors_total += read.read_errors;
            state.figures.records_damaged_total += read.records_damaged;
        });
    }
    std::move(read.blocks.begin(), read.blocks.end(), std::back_inserter(out));
    return true;
}

SegmentStore::Figures SegmentStore::figures() const {
    return state_.with([](const State& state) { return state.figures; });
}

}  // namespace firehose::log
