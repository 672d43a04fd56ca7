// SPDX-License-Identifier: Apache-2.0
#include "log/segment_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "log/file_io.h"
#include "log/gap.h"
#include "log/segment_reader.h"

namespace firehose::log {
namespace {

constexpr std::size_t kFindBytes = std::size_t{256} << 10;

/// The first position of a plain segment whose time is at or after `time`.
[[nodiscard]] Seq find_time(File& file, SegmentStretch stretch,
                            const std::vector<BlockIndexEntry>& index, WallTime time) {
    // An entry whose header cannot be read counts as late: then the search begins before it.
    const auto is_before = [&](const BlockIndexEntry& entry) {
        const auto bytes = read_all(file, entry.offset, kBlockHeaderBytes);
        const auto header = bytes ? decode_block_header(*bytes, stretch.salt, entry.offset)
                                  : std::optional<BlockHeader>{};
        return header && header->time < time;
    };
    const auto after = std::partition_point(index.begin(), index.end(), is_before);
    if (after != index.begin()) {
        stretch.begin = std::prev(after)->offset;
        stretch.begin_seq = std::prev(after)->first_seq;
    }
    while (stretch.begin < stretch.end) {
        const SegmentRead read = read_segment(file, stretch, stretch.begin_seq, kFindBytes);
        for (const BlockRef& block : read.blocks) {
            if (block->time() >= time) return block->first_seq();
        }
        if (read.blocks.empty() || read.end <= stretch.begin) break;
        stretch.begin = read.end;
        stretch.begin_seq = read.blocks.back()->end_seq();
    }
    return stretch.end_seq;
}

}  // namespace

SegmentStore::SegmentStore(const SegmentStoreOptions& options, FileSystem& files, KeptLog& kept)
    : options_(options),
      files_(files),
      random_(options.seed),
      cache_(options.cache_bytes),
      room_(files, options.is_kept && options.makes_room ? options.segment_bytes : 0,
            options.free_bytes_min) {
    state_.with([&](State& state) { state.floor = options.first_seq; });
    if (options_.is_kept) take_over(kept);
}

SegmentStore::~SegmentStore() = default;

void SegmentStore::take_over(KeptLog& kept) {
    log_id_ = kept.log_id;
    last_number_ = kept.last_number;
    state_.with([&](State& state) {
        state.floor = kept.end_seq;
        for (KeptSegment& segment : kept.segments) {
            if (!segment.has_blocks()) {
                spares_.push_back(std::move(segment.name));
                continue;
            }
            if (state.segments.empty()) state.floor = segment.header.first_seq;
            if (segment.header.is_sealed && !segment.sealed) {
                const auto opened = SealedFile::open(*segment.file);
                FH_ASSERT(opened.has_value());  // Recovery has opened it.
                segment.sealed = cache_.add(*opened);
            }
            ++state.figures.segments;
            state.figures.bytes += segment.disk_bytes;
            state.segments.push_back(
                std::make_unique<Segment>(Segment{.kept = std::move(segment)}));
        }
        if (!state.segments.empty()) stored_end_ = kept.end_seq;
    });
}

IoResult SegmentStore::write(std::span<const BlockRef> blocks, std::size_t& written) {
    written = 0;
    while (written < blocks.size()) {
        const auto rest = blocks.subspan(written);
        close_if_due(rest.front()->time());
        std::size_t count = current_ == nullptr ? 0 : batch_size(rest);
        if (count == 0) {
            const Block& first = *rest.front();
            if (auto opened = open_segment(first.first_seq(), first.time()); !opened) return opened;
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

IoResult SegmentStore::sync(File& file) {
    state_.with([](State& state) { ++state.figures.syncs_total; });
    return file.sync();
}

/// What to reserve with a durable write whose records end at `end`.
Seq SegmentStore::reserve(Seq end) const noexcept {
    return number(durable_limit_) < number(end) + kReservedMin ? end + kReserved : durable_limit_;
}

void SegmentStore::close_current() {
    if (current_ == nullptr) return;
    // Were it not to work, the zeros would stay until it is sealed.
    if (current_->has_room) static_cast<void>(current_->kept.file->truncate(current_->kept.bytes));
    state_.with([&](State&) { current_->is_open = false; });
    current_ = nullptr;
}

void SegmentStore::close_if_due(WallTime now) {
    if (current_ == nullptr || !current_->kept.has_blocks()) return;
    const SegmentHeader& header = current_->kept.header;
    const Microseconds age = now - header.created;
    const bool is_old = options_.segment_age.count() != 0 && age >= options_.segment_age;
    // The first after a start has no room: making it would delay the start.
    const bool is_better_with_room = !current_->has_room && room_.is_ready() &&
                                     current_->kept.bytes < options_.segment_bytes / 2;
    if (is_old || is_better_with_room ||
        number(header.first_seq) < close_below_.load(std::memory_order_relaxed)) {
        close_current();
    }
}

/// Whatever a failed write or sync left behind is never looked at: `bytes` does not count it.
void SegmentStore::abandon_current() {
    Segment* failed = std::exchange(current_, nullptr);
    if (options_.is_kept) static_cast<void>(failed->kept.file->truncate(failed->kept.bytes));
    std::unique_ptr<Segment> empty;
    state_.with([&](State& state) {
        failed->is_open = false;
        if (failed->kept.has_blocks()) return;
        FH_ASSERT(state.segments.back().get() == failed);
        empty = std::move(state.segments.back());
        state.segments.pop_back();
        --state.figures.segments;
        state.figures.bytes -= empty->kept.disk_bytes;
    });
    // Its header may be what holds the reservation, so it stays until there is a newer one.
    if (empty && options_.is_kept) spares_.push_back(empty->kept.name);
}

void SegmentStore::remove_spares() {
    for (const std::string& name : std::exchange(spares_, {})) {
        if (const auto removed = files_.remove(name); !removed) {
            FH_LOG(warn, "log_file_stays", {"file", name}, {"error", removed.error().message()});
        }
    }
}

Result<std::unique_ptr<File>, std::error_code> SegmentStore::create_file(std::string& name,
                                                                         bool& has_room) {
    ++last_number_;
    if (!options_.is_kept) return files_.create_unlinked();
    name = segment_name(last_number_, false);
    if (auto file = room_.take(name)) {
        has_room = true;
        return file;
    }
    return files_.create(name);
}

IoResult SegmentStore::open_segment(Seq first, WallTime time) {
    close_current();
    std::string name;
    bool has_room = false;
    auto file = create_file(name, has_room);
    if (!file) return Failure{file.error()};
    const Seq limit = options_.is_kept ? reserve(first) : Seq{};
    first = std::min(first, stored_end_.value_or(first));
    auto segment = std::make_unique<Segment>(Segment{.kept = {.name = name,
                                                              .file = std::move(*file),
                                                              .header = {.salt = random_.next(),
                                                                         .created = time,
                                                                         .first_seq = first,
                                                                         .seq_limit = limit,
                                                                         .number = last_number_,
                                                                         .log_id = log_id_},
                                                              .bytes = kSegmentHeaderBytes,
                                                              .disk_bytes = kSegmentHeaderBytes,
                                                              .end_seq = first,
                                                              .end_time = time},
                                                     .is_open = true,
                                                     .has_room = has_room});
    const SegmentHeaderBytes header = encode(segment->kept.header);
    IoResult done = write_all(*segment->kept.file, 0, header);
    if (options_.is_kept) {
        if (done) done = sync(*segment->kept.file);
        if (done) done = files_.sync_folder();
        if (!done) spares_.push_back(name);
    }
    if (!done) return done;
    durable_limit_ = limit;
    current_ = segment.get();
    state_.with([&](State& state) {
        state.segments.push_back(std::move(segment));
        ++state.figures.created_total;
        ++state.figures.segments;
        state.figures.bytes += kSegmentHeaderBytes;
    });
    remove_spares();
    return {};
}

std::size_t SegmentStore::batch_size(std::span<const BlockRef> blocks) const {
    std::uint64_t end = current_->kept.bytes;
    std::size_t count = 0;
    for (const BlockRef& block : blocks) {
        end += kBlockHeaderBytes + block->bytes().size();
        const bool is_first = current_->kept.bytes == kSegmentHeaderBytes && count == 0;
        if (end > options_.segment_bytes && !is_first) break;
        ++count;
    }
    return count;
}

IoResult SegmentStore::write_batch(std::span<const BlockRef> blocks) {
    FH_ASSERT(!blocks.empty());
    KeptSegment& segment = current_->kept;  // Only this thread changes it.
    const std::uint64_t begin = segment.bytes;
    const Seq limit = options_.is_kept ? reserve(blocks.back()->end_seq()) : Seq{};
    std::uint64_t end = begin;
    std::vector<BlockHeaderBytes> headers(blocks.size());
    std::vector<ByteSpan> parts;
    parts.reserve(2 * blocks.size());
    std::vector<BlockIndexEntry> entries;
    std::uint64_t indexed_to =
        segment.index.empty() ? 0 : segment.index.back().offset + kBlockIndexStride;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const Block& block = *blocks[i];
        const auto bytes = static_cast<std::uint32_t>(block.bytes().size());
        headers[i] = encode(BlockHeader{.stored_bytes = bytes,
                                        .plain_bytes = bytes,
                                        .count = static_cast<std::uint32_t>(block.count()),
                                        .first_seq = block.first_seq(),
                                        .time = block.time(),
                                        .durable_before = options_.is_kept ? begin : 0,
                                        .seq_limit = limit},
                            segment.header.salt, end);
        parts.emplace_back(headers[i]);
        if (bytes != 0) parts.push_back(block.bytes());
        if (end >= indexed_to) {
            entries.push_back({block.first_seq(), end});
            indexed_to = end + kBlockIndexStride;
        }
        end += kBlockHeaderBytes + bytes;
    }
    if (auto done = write_all(*segment.file, begin, parts); !done) return done;
    if (options_.is_kept) {
        if (auto done = sync(*segment.file); !done) return done;
    }
    durable_limit_ = limit;
    if (options_.is_kept) stored_end_ = blocks.back()->end_seq();
    state_.with([&](State& state) {
        segment.bytes = segment.disk_bytes = end;
        segment.end_seq = blocks.back()->end_seq();
        segment.end_time = blocks.back()->time();
        segment.header.seq_limit = limit;  // Its sealed form has no block headers that say it.
        segment.index.insert(segment.index.end(), entries.begin(), entries.end());
        state.figures.bytes += end - begin;
    });
    return {};
}

IoResult SegmentStore::write_closing(Seq end, WallTime time) {
    if (current_ == nullptr) {
        if (auto opened = open_segment(end, time); !opened) return opened;
    }
    const BlockHeaderBytes header = encode(BlockHeader{.first_seq = end,
                                                       .time = time,
                                                       .durable_before = current_->kept.bytes,
                                                       .seq_limit = reserve(end),
                                                       .kind = BlockKind::closing},
                                           current_->kept.header.salt, current_->kept.bytes);
    File& file = *current_->kept.file;
    IoResult done = write_all(file, current_->kept.bytes, header);
    if (done && current_->has_room) done = file.truncate(current_->kept.bytes + header.size());
    if (done) done = sync(file);
    if (!done) {
        abandon_current();
    } else {
        current_->has_room = false;
        close_current();
    }
    return done;
}

std::optional<SegmentStore::Oldest> SegmentStore::oldest(std::size_t after) const {
    return state_.with([&](const State& state) -> std::optional<Oldest> {
        if (state.segments.size() <= after) return {};
        const Segment& segment = *state.segments[after];
        return Oldest{segment.kept.end_seq, segment.kept.end_time, segment.is_open};
    });
}

std::uint64_t SegmentStore::bytes_from(Seq from) const {
    return state_.with([&](const State& state) {
        std::uint64_t bytes = 0;
        for (const auto& segment : state.segments) {
            if (segment->kept.end_seq > from) bytes += segment->kept.disk_bytes;
        }
        return bytes;
    });
}

void SegmentStore::drop_below(Seq floor) {
    std::vector<std::unique_ptr<Segment>> dropped;  // Closed outside the lock.
    std::vector<std::string> names;
    state_.with([&](State& state) {
        state.floor = std::max(state.floor, floor);
        const auto kept = std::partition_point(
            state.segments.begin(), state.segments.end(),
            [&](const auto& segment) { return segment->kept.end_seq <= floor; });
        for (auto segment = state.segments.begin(); segment != kept; ++segment) {
            // The open one is the writer's; only it gives up its own (unlinked) one.
            if ((*segment)->is_open && options_.is_kept) break;
            state.figures.bytes -= (*segment)->kept.disk_bytes;
            --state.figures.segments;
            ++state.figures.dropped_total;
            if (!(*segment)->kept.name.empty()) names.push_back((*segment)->kept.name);
            (*segment)->is_unsealable = true;
            if ((*segment)->is_open) current_ = nullptr;
            auto& to = (*segment)->pins != 0 ? state.retired : dropped;
            to.push_back(std::move(*segment));
        }
        std::erase(state.segments, nullptr);
    });
    for (const std::string& name : names) {
        if (const auto removed = files_.remove(name); !removed) {
            FH_LOG(warn, "log_file_stays", {"file", name}, {"error", removed.error().message()});
        }
    }
}

Seq SegmentStore::floor() const {
    return state_.with([](const State& state) { return state.floor; });
}

SegmentStore::Segment* SegmentStore::pin(Seq from, bool& is_too_old, SegmentStretch& stretch) {
    return state_.with([&](State& state) -> Segment* {
        is_too_old = from < state.floor;
        if (is_too_old) return nullptr;
        const auto found = std::partition_point(
            state.segments.begin(), state.segments.end(),
            [&](const auto& segment) { return segment->kept.end_seq <= from; });
        // The newest may have no block yet.
        if (found == state.segments.end() || !(*found)->kept.has_blocks()) return nullptr;
        Segment& segment = **found;
        ++segment.pins;
        if (segment.kept.sealed) return &segment;
        const auto& index = segment.kept.index;
        const auto after = std::partition_point(
            index.begin(), index.end(),
            [&](const BlockIndexEntry& entry) { return entry.first_seq <= from; });
        const auto entry = after == index.begin() ? after : std::prev(after);
        stretch = {.salt = segment.kept.header.salt,
                   .begin = entry->offset,
                   .end = segment.kept.bytes,
                   .begin_seq = entry->first_seq,
                   .end_seq = segment.kept.end_seq};
        return &segment;
    });
}

void SegmentStore::unpin(Segment& segment) {
    std::unique_ptr<Segment> closing;
    state_.with([&](State& state) {
        if (--segment.pins != 0) return;
        const auto found = std::find_if(state.retired.begin(), state.retired.end(),
                                        [&](const auto& s) { return s.get() == &segment; });
        if (found == state.retired.end()) return;
        closing = std::move(*found);
        state.retired.erase(found);
    });
}

bool SegmentStore::read(Seq from, std::size_t bytes_max, const TopicInterest* interest,
                        std::vector<BlockRef>& out, Seq& up_to) {
    up_to = from;
    bool is_too_old = false;
    SegmentStretch stretch;
    Segment* segment = pin(from, is_too_old, stretch);
    if (segment == nullptr) return !is_too_old;
    const Seq first = segment->kept.header.first_seq;
    if (segment->kept.lost_from && from < first) {
        const Gap lost{.from = std::max(from, *segment->kept.lost_from),
                       .to = Seq{number(first) - 1}};
        out.push_back(gap_block(lost, lost.to, segment->kept.header.created));
    }
    SealedSegment::Read read;
    if (segment->kept.sealed) {
        read = segment->kept.sealed->read(*segment->kept.file, from, bytes_max, interest);
        up_to = std::max(from, read.up_to);
    } else {
        read.read = read_segment(*segment->kept.file, stretch, from, bytes_max);
        if (!read.read.blocks.empty()) up_to = read.read.blocks.back()->end_seq();
    }
    unpin(*segment);
    if (read.read.read_errors != 0 || read.read.records_damaged != 0) {
        state_.with([&](State& state) {
            state.figures.read_errors_total += read.read.read_errors;
            state.figures.records_damaged_total += read.read.records_damaged;
        });
    }
    for (BlockRef& block : read.read.blocks) {
        if (interest == nullptr || has_wanted(*block, *interest)) out.push_back(std::move(block));
    }
    return true;
}

Seq SegmentStore::position_of(WallTime time) {
    Seq end{};
    SegmentStretch stretch;
    std::vector<BlockIndexEntry> index;
    Segment* segment = state_.with([&](State& state) -> Segment* {
        const auto found =
            std::partition_point(state.segments.begin(), state.segments.end(),
                                 [&](const auto& s) { return s->kept.end_time < time; });
        end = state.segments.empty() ? state.floor : state.segments.back()->kept.end_seq;
        if (found == state.segments.end()) return nullptr;
        Segment& chosen = **found;
        ++chosen.pins;
        end = chosen.kept.end_seq;
        index = chosen.kept.index;
        stretch = {.salt = chosen.kept.header.salt,
                   .begin = kSegmentHeaderBytes,
                   .end = chosen.kept.bytes,
                   .begin_seq = chosen.kept.header.first_seq,
                   .end_seq = chosen.kept.end_seq};
        return &chosen;
    });
    if (segment == nullptr) return end;
    File& file = *segment->kept.file;
    const Seq found = segment->kept.sealed ? segment->kept.sealed->position_of(file, time)
                                           : find_time(file, stretch, index, time);
    unpin(*segment);
    return std::min(found, end);
}

SegmentStore::Figures SegmentStore::figures() const {
    return state_.with([](const State& state) { return state.figures; });
}

}  // namespace firehose::log
