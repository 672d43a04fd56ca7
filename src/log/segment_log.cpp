// SPDX-License-Identifier: Apache-2.0
#include "log/segment_log.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"
#include "log/gap.h"

namespace firehose::log {
namespace {

constexpr std::size_t kReadBlocksMax = 512;                      // Of one `read`.
constexpr std::size_t kReadBytesMax = std::size_t{4} << 20;      // Of one answer.
constexpr std::uint64_t kSeqMax = (std::uint64_t{1} << 53) - 1;  // JSON readers hold no more.

template <class Index>
[[nodiscard]] std::size_t slot(Index index) noexcept {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] Seq first_seq(const SegmentLogOptions& options, Clock& clock) noexcept {
    if (options.first_seq) return *options.first_seq;
    return Seq{static_cast<std::uint64_t>(clock.wall().since_epoch.count())};
}

[[nodiscard]] SegmentStoreOptions store_options(const SegmentLogOptions& options) noexcept {
    return {.is_kept = options.mode == LogMode::disk,
            .segment_bytes = options.segment_bytes,
            .segment_age = options.segment_age,
            .makes_room = options.makes_room,
            .free_bytes_min = options.free_bytes_min,
            .seed = options.seed ? *options.seed : random_seed(),
            .first_seq = *options.first_seq,
            .cache_bytes = options.cache_bytes};
}

/// What `append` leaves of the reservation before it says that it is full.
constexpr std::uint64_t kReservedLow = std::uint64_t{1} << 20;

/// The blocks from the one that holds `from` on, or the first after it.
void collect(const std::deque<BlockRef>& blocks, Seq from, std::size_t bytes_max,
             std::vector<BlockRef>& out) {
    auto block = std::partition_point(blocks.begin(), blocks.end(),
                                      [&](const BlockRef& b) { return b->end_seq() <= from; });
    std::size_t bytes = 0;
    for (std::size_t n = 0; block != blocks.end() && n < kReadBlocksMax; ++block, ++n) {
        out.push_back(*block);
        bytes += (*block)->bytes().size();
        if (bytes >= bytes_max) return;
    }
}

}  // namespace

template <std::size_t Max>
void SegmentLog::Wakers<Max>::add(Waker& waker) noexcept {
    const std::size_t index = count.load(std::memory_order_relaxed);
    FH_ASSERT(index < Max);
    slots[index].store(&waker, std::memory_order_release);
    count.store(index + 1, std::memory_order_release);
}

SegmentLog::SegmentLog(const SegmentLogOptions& options, FileSystem& files, Clock& clock,
                       KeptLog kept)
    : options_([&] {
          SegmentLogOptions with_start = options;
          with_start.first_seq =
              options.mode == LogMode::disk ? kept.next_seq : first_seq(options, clock);
          return with_start;
      }()),
      clock_(clock),
      files_(files),
      store_(store_options(options_), files, kept),
      oldest_(number(*options_.first_seq)),
      end_(number(*options_.first_seq)),
      durable_end_(number(*options_.first_seq)),
      needed_by_views_(kSeqMax),
      needed_by_sessions_(kSeqMax) {
    const Seq start = *options_.first_seq;
    tail_.with([&](Tail& tail) {
        tail.first = tail.end = start;
        tail.limit = Seq{kSeqMax + 1};
    });
    floors_.with([&](Floors& floors) { floors = {.store = store_.floor(), .memory = start}; });
    if (is_disk()) begin(kept.end_seq, kept.time);
}

/// Goes on after what was found: with a gap record over the hole, if there is one.
void SegmentLog::begin(Seq found_end, WallTime found_time) {
    const Seq start = *options_.first_seq;
    oldest_.store(number(store_.floor()));
    const WallTime now = std::max(found_time, clock_.wall());
    tail_.with([&](Tail& tail) {
        tail.time = now;
        tail.limit = Seq{};
        tail.first = found_end;
    });
    floors_.with([&](Floors& floors) { floors.memory = found_end; });
    if (start > found_end) {
        const BlockRef gap =
            gap_block({.from = found_end, .to = Seq{number(start) - 1}, .reason = GapReason::crash},
                      start, now);
        tail_.with([&](Tail& tail) {
            tail.blocks.push_back(gap);
            tail.bytes += gap->memory_bytes();
            tail.unwritten_bytes += gap->memory_bytes();
            tail.end = gap->end_seq();
        });
        end_.store(number(gap->end_seq()));
    }
    if (const auto opened = store_.open_segment(start, now); !opened) {
        // History does not go to make room: nobody has said yet what is needed of it.
        ++failures_;
        tail_.with([](Tail& tail) { ++tail.metrics.write_errors_total; });
        degrade("open", opened.error().message(), clock_.monotonic());
        return;
    }
    tail_.with([&](Tail& tail) { tail.limit = store_.seq_limit(); });
}

AppenderId SegmentLog::add_appender(Waker& waker) {
    return tail_.with([&](Tail& tail) {
        appender_wakers_.add(waker);
        tail.appenders.emplace_back();
        return AppenderId{static_cast<std::uint32_t>(tail.appenders.size() - 1)};
    });
}

ReaderId SegmentLog::add_reader(Waker& waker) {
    return requests_.with([&](Requests& requests) {
        reader_wakers_.add(waker);
        requests.readers.emplace_back();
        return ReaderId{static_cast<std::uint32_t>(requests.readers.size() - 1)};
    });
}

Ticket SegmentLog::append(AppenderId appender, std::unique_ptr<Block> block) {
    FH_ASSERT(block != nullptr && block->count() != 0);
    Block& placed = *block;
    const BlockRef ref{std::move(block)};  // Here, so that a refused one is freed outside the lock.
    const std::size_t cost = ref->memory_bytes();
    const WallTime now = clock_.wall();
    bool is_refused = false;
    bool is_to_write = false;
    const Ticket ticket = tail_.with([&](Tail& tail) {
        Appender& from = tail.appenders[slot(appender)];
        const Ticket given{++from.last_ticket};
        // Not by what it adds: who looked at is_full() before it took a packet is not refused.
        is_refused = tail.unwritten_bytes >= options_.unwritten_bytes_max ||
                     number(tail.end) + ref->count() > number(tail.limit);
        if (is_refused) {
            ++tail.metrics.blocks_refused_total;
            tail.metrics.records_refused_total += ref->count();
            from.outcomes.push_back({.ticket = given, .kind = Outcome::Kind::refused});
            return given;
        }
        tail.time = std::max(tail.time, now);  // Rule **Clocks**: a step back holds it.
        place(placed, tail.end, tail.time);
        stamp(placed, appender, given);
        tail.end = placed.end_seq();
        tail.blocks.push_back(ref);
        tail.bytes += cost;
        tail.unwritten_bytes += cost;
        ++tail.metrics.blocks_total;
        tail.metrics.records_total += placed.count();
        tail.metrics.bytes_total += placed.bytes().size();
        from.outcomes.push_back(
            {.ticket = given, .kind = Outcome::Kind::placed, .first_seq = placed.first_seq()});
        if (!is_disk()) {
            from.outcomes.push_back(
                {.ticket = given, .kind = Outcome::Kind::durable, .first_seq = placed.first_seq()});
            durable_end_.store(number(tail.end), std::memory_order_release);
        }
        // While Degraded nobody is held back: QoS 0 leaves memory instead.
        if (takes_durable_.load(std::memory_order_relaxed) && is_nearly_full(tail)) {
            is_full_.store(true, std::memory_order_relaxed);
        }
        end_.store(number(tail.end), std::memory_order_release);
        is_to_write = is_disk() || tail.unwritten_bytes >= write_behind_bytes();
        if (!is_disk() && tail.metrics.bytes_total - tail.asked_bytes >= kept_bytes() / 4) {
            tail.asked_bytes = tail.metrics.bytes_total;
            asked_.fetch_add(1, std::memory_order_relaxed);
        }
        return given;
    });
    if (!is_refused) {
        reader_wakers_.wake_all_but(
            appender_wakers_.slots[slot(appender)].load(std::memory_order_acquire));
        if (is_to_write) wake(writer_);
    }
    return ticket;
}

void SegmentLog::take_outcomes(AppenderId appender, std::vector<Outcome>& out) {
    std::vector<Outcome> taken;
    tail_.with([&](Tail& tail) { taken.swap(tail.appenders[slot(appender)].outcomes); });
    out.insert(out.end(), taken.begin(), taken.end());
}

/// memory: more than this unwritten means that a reader is behind, or has not said what it needs.
std::size_t SegmentLog::write_behind_bytes() const noexcept {
    return std::min(options_.memory_bytes, options_.unwritten_bytes_max) / 4;
}

/// memory: what stays in memory though nobody needs it.
std::size_t SegmentLog::kept_bytes() const noexcept {
    return std::min(options_.memory_bytes, options_.unwritten_bytes_max) / 8;
}

bool SegmentLog::wants_needed(ReaderId reader) const noexcept {
    // While publishers are held nothing is appended that would ask.
    return (!is_disk() && is_full()) ||
           needed_[slot(reader)].answered.load(std::memory_order_relaxed) !=
               asked_.load(std::memory_order_relaxed);
}

void SegmentLog::note_needed(ReaderId reader, Seq from) {
    if (is_disk()) return;
    Needed& needed = needed_[slot(reader)];
    needed.answered.store(asked_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    needed.from.store(number(from), std::memory_order_release);
    forget_unneeded(needed_by_readers());
}

Seq SegmentLog::needed_by_readers() const noexcept {
    std::uint64_t least = kSeqMax;
    const std::size_t readers = reader_wakers_.count.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < readers; ++i) {
        least = std::min(least, needed_[i].from.load(std::memory_order_acquire));
    }
    return Seq{readers == 0 ? 0 : least};
}

bool SegmentLog::is_full() const noexcept {
    return is_full_.load(std::memory_order_relaxed);
}

bool SegmentLog::is_nearly_full(const Tail& tail) const noexcept {
    return tail.unwritten_bytes >= options_.unwritten_bytes_max / 4 * 3 ||
           number(tail.end) + kReservedLow > number(tail.limit);
}

bool SegmentLog::takes_durable() const noexcept {
    return takes_durable_.load(std::memory_order_relaxed);
}

Seq SegmentLog::durable_end() const {
    return Seq{durable_end_.load(std::memory_order_acquire)};
}

Seq SegmentLog::oldest() const {
    return Seq{oldest_.load(std::memory_order_acquire)};
}

Seq SegmentLog::end() const {
    return Seq{end_.load(std::memory_order_acquire)};
}

ReadStatus SegmentLog::read(Seq from, std::size_t bytes_max, std::vector<BlockRef>& out) {
    if (from >= end()) return ReadStatus::at_end;
    if (from < oldest()) return ReadStatus::too_old;
    return tail_.with([&](const Tail& tail) {
        if (from < tail.first) return ReadStatus::not_in_memory;
        collect(tail.blocks, from, bytes_max, out);
        return ReadStatus::blocks;
    });
}

bool SegmentLog::request(ReaderId reader, Seq from, std::size_t bytes_max, std::uint64_t cookie,
                         std::shared_ptr<const TopicInterest> interest) {
    const bool is_taken = requests_.with([&](Requests& requests) {
        Reader& who = requests.readers[slot(reader)];
        const std::size_t waiting = who.requests.size() + who.in_progress + who.answers.size();
        if (waiting >= kRequestsMax) return false;
        who.requests.push_back(
            {from, std::min(bytes_max, kReadBytesMax), cookie, std::move(interest)});
        ++requests.requested_total;
        return true;
    });
    if (is_taken) wake(readers_);
    return is_taken;
}

std::vector<ReadAnswer> SegmentLog::take_answers(ReaderId reader) {
    return requests_.with([&](Requests& requests) {
        return std::exchange(requests.readers[slot(reader)].answers, {});
    });
}

void SegmentLog::set_workers(Waker* writer, Waker* readers) noexcept {
    writer_.store(writer, std::memory_order_release);
    readers_.store(readers, std::memory_order_release);
}

std::optional<SegmentLog::Taken> SegmentLog::take_request() {
    return requests_.with([](Requests& requests) -> std::optional<Taken> {
        const std::size_t count = requests.readers.size();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t index = (requests.next_reader + i) % count;
            Reader& reader = requests.readers[index];
            if (reader.requests.empty()) continue;
            const Taken taken{ReaderId{static_cast<std::uint32_t>(index)}, reader.requests.front(),
                              requests.epoch};
            reader.requests.pop_front();
            ++reader.in_progress;
            ++requests.in_progress[requests.epoch];
            requests.next_reader = index + 1;
            return taken;
        }
        return {};
    });
}

bool SegmentLog::read_step() {
    const auto taken = take_request();
    if (!taken) return false;
    ReadAnswer answer = perform(taken->request);
    requests_.with([&](Requests& requests) {
        Reader& reader = requests.readers[slot(taken->reader)];
        --reader.in_progress;
        --requests.in_progress[taken->epoch];
        reader.answers.push_back(std::move(answer));
        ++requests.answered_total;
    });
    wake(reader_wakers_.slots[slot(taken->reader)]);
    return true;
}

ReadAnswer SegmentLog::perform(const Request& request) {
    ReadAnswer answer{.cookie = request.cookie, .up_to = request.from};
    answer.status = read(request.from, request.bytes_max, answer.blocks);
    if (answer.status == ReadStatus::blocks) {
        answer.up_to = answer.blocks.back()->end_seq();
        if (request.interest) {
            std::erase_if(answer.blocks, [&](const BlockRef& block) {
                return !has_wanted(*block, *request.interest);
            });
        }
    } else if (answer.status == ReadStatus::not_in_memory) {
        // Not in memory, so it was written: it is in the store, or was dropped by now.
        const bool is_kept = store_.read(request.from, request.bytes_max, request.interest.get(),
                                         answer.blocks, answer.up_to);
        answer.status =
            is_kept && answer.up_to > request.from ? ReadStatus::blocks : ReadStatus::too_old;
    }
    return answer;
}

LogMetrics SegmentLog::metrics() const {
    const auto figures = store_.figures();
    LogMetrics metrics = tail_.with([](const Tail& tail) {
        LogMetrics copy = tail.metrics;
        copy.memory_bytes = tail.bytes;
        copy.unwritten_bytes = tail.unwritten_bytes;
        return copy;
    });
    requests_.with([&](const Requests& requests) {
        metrics.read_requests_total = requests.requested_total;
        metrics.read_answers_total = requests.answered_total;
    });
    metrics.read_errors_total = figures.read_errors_total;
    metrics.records_damaged_total = figures.records_damaged_total;
    metrics.syncs_total = figures.syncs_total;
    metrics.segments_created_total = figures.created_total;
    metrics.segments_dropped_total = figures.dropped_total;
    metrics.segments = figures.segments;
    metrics.disk_bytes = figures.bytes;
    metrics.oldest_seq = number(oldest());
    metrics.end_seq = number(end());
    metrics.durable_seq = number(durable_end());
    const Seq needed{needed_by_sessions_.load(std::memory_order_relaxed)};
    metrics.held_bytes = store_.bytes_from(needed);
    metrics.is_degraded = !takes_durable();
    return metrics;
}

}  // namespace firehose::log
