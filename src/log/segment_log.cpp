// SPDX-License-Identifier: Apache-2.0
#include "log/segment_log.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"

namespace firehose::log {
namespace {

constexpr std::size_t kReadBlocksMax = 512;                  // Of one `read`.
constexpr std::size_t kReadBytesMax = std::size_t{4} << 20;  // Of one answer.
constexpr std::size_t kWriteBlocksMax = 256;                 // Of one write_step.
constexpr std::size_t kWriteBytesMax = std::size_t{1} << 20;
constexpr std::size_t kEvictBlocksMax = 512;                     // Under one lock.
constexpr std::uint64_t kSeqMax = (std::uint64_t{1} << 53) - 1;  // JSON readers hold no more.

template <class Index>
[[nodiscard]] std::size_t slot(Index index) noexcept {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] Seq first_seq(const SegmentLogOptions& options, Clock& clock) noexcept {
    if (options.first_seq) return *options.first_seq;
    return Seq{static_cast<std::uint64_t>(clock.wall().since_epoch.count())};
}

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

void wake(const std::atomic<Waker*>& waker) noexcept {
    if (Waker* who = waker.load(std::memory_order_acquire)) who->wake();
}

}  // namespace

template <std::size_t Max>
void SegmentLog::Wakers<Max>::add(Waker& waker) noexcept {
    const std::size_t index = count.load(std::memory_order_relaxed);
    FH_ASSERT(index < Max);
    slots[index].store(&waker, std::memory_order_release);
    count.store(index + 1, std::memory_order_release);
}

template <std::size_t Max>
void SegmentLog::Wakers<Max>::wake_all() noexcept {
    const std::size_t size = count.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < size; ++i) wake(slots[i]);
}

SegmentLog::SegmentLog(const SegmentLogOptions& options, FileSystem& files, Clock& clock,
                       KeptLog /*kept*/)
    : options_([&] {
          SegmentLogOptions with_start = options;
          with_start.first_seq = first_seq(options, clock);
          return with_start;
      }()),
      clock_(clock),
      store_({.segment_bytes = options.segment_bytes,
              .seed = options.seed ? *options.seed : random_seed(),
              .first_seq = *options_.first_seq},
             files),
      oldest_(number(*options_.first_seq)),
      end_(number(*options_.first_seq)) {
    tail_.with([&](Tail& tail) { tail.first = tail.end = *options_.first_seq; });
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
    const Ticket ticket = tail_.with([&](Tail& tail) {
        Appender& from = tail.appenders[slot(appender)];
        const Ticket given{++from.last_ticket};
        // Not by what it adds: who looked at is_full() before it took a packet is not refused.
        is_refused = tail.unwritten_bytes >= options_.unwritten_bytes_max;
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
        FH_ASSERT(number(tail.end) <= kSeqMax);
        tail.blocks.push_back(ref);
        tail.bytes += cost;
        tail.unwritten_bytes += cost;
        ++tail.metrics.blocks_total;
        tail.metrics.records_total += placed.count();
        tail.metrics.bytes_total += placed.bytes().size();
        from.outcomes.push_back(
            {.ticket = given, .kind = Outcome::Kind::placed, .first_seq = placed.first_seq()});
        from.outcomes.push_back(
            {.ticket = given, .kind = Outcome::Kind::durable, .first_seq = placed.first_seq()});
        if (tail.unwritten_bytes >= options_.unwritten_bytes_max / 4 * 3) {
            is_full_.store(true, std::memory_order_relaxed);
        }
        end_.store(number(tail.end), std::memory_order_release);
        return given;
    });
    wake(appender_wakers_.slots[slot(appender)]);
    if (!is_refused) {
        reader_wakers_.wake_all();
        wake(writer_);
    }
    return ticket;
}

void SegmentLog::take_outcomes(AppenderId appender, std::vector<Outcome>& out) {
    std::vector<Outcome> taken;
    tail_.with([&](Tail& tail) { taken.swap(tail.appenders[slot(appender)].outcomes); });
    out.insert(out.end(), taken.begin(), taken.end());
}

bool SegmentLog::is_full() const noexcept {
    return is_full_.load(std::memory_order_relaxed);
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

std::vector<BlockRef> SegmentLog::take_unwritten() {
    std::vector<BlockRef> blocks;
    blocks.reserve(kWriteBlocksMax);
    tail_.with([&](const Tail& tail) {
        std::size_t bytes = 0;
        for (std::size_t i = tail.written; i < tail.blocks.size(); ++i) {
            blocks.push_back(tail.blocks[i]);
            bytes += tail.blocks[i]->bytes().size();
            if (blocks.size() == kWriteBlocksMax || bytes >= kWriteBytesMax) break;
        }
    });
    return blocks;
}

bool SegmentLog::write_step() {
    if (is_failing_ && clock_.monotonic() < retry_at_) {
        evict();
        return false;
    }
    const std::vector<BlockRef> blocks = take_unwritten();
    if (blocks.empty()) return false;
    std::size_t written = 0;
    const auto done = store_.write(blocks, written);
    note_written(std::span{blocks}.first(written));
    if (done) {
        on_write_success();
    } else {
        on_write_error(done.error());
    }
    while (true) {
        const auto figures = store_.figures();
        if (figures.bytes <= options_.bytes_max || figures.segments <= 1) break;
        drop_oldest_segment();
    }
    evict();
    return done.has_value();
}

void SegmentLog::note_written(std::span<const BlockRef> blocks) {
    std::size_t bytes = 0;
    for (const BlockRef& block : blocks) bytes += block->memory_bytes();
    tail_.with([&](Tail& tail) {
        tail.written += blocks.size();
        tail.unwritten_bytes -= bytes;
    });
}

void SegmentLog::on_write_success() {
    if (!std::exchange(is_failing_, false)) return;
    tail_.with([](Tail& tail) { tail.metrics.is_failing = false; });
    FH_LOG(warn, "log_write_recovered", {"oldest", number(oldest())});
}

void SegmentLog::on_write_error(std::error_code error) {
    retry_at_ = clock_.monotonic() + kRetryDelay;
    tail_.with([](Tail& tail) {
        ++tail.metrics.write_errors_total;
        tail.metrics.is_failing = true;
    });
    if (!std::exchange(is_failing_, true)) {
        FH_LOG(error, "log_write_failed", {"error", error.message()});
    }
    // Oldest history goes first (rule **Degraded**); one segment a try.
    if (store_.end_of_oldest()) drop_oldest_segment();
}

void SegmentLog::drop_oldest_segment() {
    const Seq floor = *store_.end_of_oldest();
    publish_oldest(floor, tail_.with([](const Tail& tail) { return tail.first; }));
    store_.drop_oldest();
}

/// Before anything leaves, so that nobody who trusts `oldest()` looks for what is gone.
void SegmentLog::publish_oldest(Seq floor, Seq first) noexcept {
    const std::uint64_t oldest = number(std::min(floor, first));
    if (oldest > oldest_.load(std::memory_order_relaxed)) {
        oldest_.store(oldest, std::memory_order_release);
    }
}

void SegmentLog::evict() {
    const bool may_lose = is_failing_ && !store_.end_of_oldest();
    bool is_more = true;
    while (is_more) {
        // What goes is decided first, announced, and only then taken out; nobody else takes out.
        std::size_t count = 0;
        std::size_t lost = 0;
        Seq first{};
        tail_.with([&](const Tail& tail) {
            std::size_t bytes = tail.bytes;
            while (bytes > options_.memory_bytes && count < kEvictBlocksMax &&
                   count < (may_lose ? tail.blocks.size() : tail.written)) {
                bytes -= tail.blocks[count]->memory_bytes();
                first = tail.blocks[count]->end_seq();
                ++count;
            }
            lost = count > tail.written ? count - tail.written : 0;
        });
        if (count == 0) break;
        if (lost != 0) store_.raise_floor(first);
        publish_oldest(store_.floor(), first);

        std::vector<BlockRef> gone;  // Freed outside the lock.
        gone.reserve(count);
        tail_.with([&](Tail& tail) {
            for (std::size_t i = 0; i < count; ++i) {
                const std::size_t cost = tail.blocks.front()->memory_bytes();
                tail.bytes -= cost;
                if (tail.written == 0) {
                    tail.unwritten_bytes -= cost;
                    ++tail.metrics.blocks_lost_total;
                } else {
                    --tail.written;
                }
                gone.push_back(std::move(tail.blocks.front()));
                tail.blocks.pop_front();
            }
            tail.first = first;
        });
        is_more = count == kEvictBlocksMax;
    }
    const bool is_roomy = is_full() && tail_.with([&](const Tail& tail) {
        return tail.unwritten_bytes <= options_.unwritten_bytes_max / 2;
    });
    if (is_roomy) {
        is_full_.store(false, std::memory_order_relaxed);
        appender_wakers_.wake_all();
    }
}

std::optional<SegmentLog::Taken> SegmentLog::take_request() {
    return requests_.with([](Requests& requests) -> std::optional<Taken> {
        const std::size_t count = requests.readers.size();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t index = (requests.next_reader + i) % count;
            Reader& reader = requests.readers[index];
            if (reader.requests.empty()) continue;
            const Taken taken{ReaderId{static_cast<std::uint32_t>(index)}, reader.requests.front()};
            reader.requests.pop_front();
            ++reader.in_progress;
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
        reader.answers.push_back(std::move(answer));
        ++requests.answered_total;
    });
    wake(reader_wakers_.slots[slot(taken->reader)]);
    return true;
}

ReadAnswer SegmentLog::perform(const Request& request) {
    ReadAnswer answer{.cookie = request.cookie};
    answer.status = read(request.from, request.bytes_max, answer.blocks);
    if (answer.status == ReadStatus::not_in_memory) {
        // Not in memory, so it was written: it is in the store, or was dropped by now.
        const bool is_kept = store_.read(request.from, request.bytes_max, answer.blocks);
        answer.status =
            is_kept && !answer.blocks.empty() ? ReadStatus::blocks : ReadStatus::too_old;
    }
    answer.up_to = answer.blocks.empty() ? request.from : answer.blocks.back()->end_seq();
    return answer;
}

bool SegmentLog::close_step() {
    return write_step();
}

void SegmentLog::set_needed_from(Seq /*views*/, Seq /*sessions*/) noexcept {}

bool SegmentLog::expire_step() {
    return false;
}

bool SegmentLog::seal_step() {
    return false;
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
    metrics.segments_created_total = figures.created_total;
    metrics.segments_dropped_total = figures.dropped_total;
    metrics.segments = figures.segments;
    metrics.disk_bytes = figures.bytes;
    metrics.oldest_seq = number(oldest());
    metrics.end_seq = number(end());
    return metrics;
}

}  // namespace firehose::log
