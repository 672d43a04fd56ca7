// SPDX-License-Identifier: Apache-2.0
#include "bus/feed.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::bus {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr std::chrono::milliseconds kExpiringStep{100};

[[nodiscard]] std::size_t memory_of(const FeedChunk& chunk) noexcept {
    return sizeof chunk + chunk.bytes.capacity() +
           chunk.packets.capacity() * sizeof(FeedChunk::Packet);
}

}  // namespace

Feed::Feed(FeedKey key, const session::Subscriptions& subscriptions) : key_(std::move(key)) {
    // Members are handed what comes from now on, whenever they subscribed: no from_seq.
    for (const auto& [filter, subscription] : subscriptions.all()) {
        subscriptions_.add(filter, {.options = subscription.options});
    }
}

std::uint64_t Feed::begin() const noexcept {
    return chunks_.empty() ? end_ : chunks_.front().begin;
}

FeedChunk ChunkPool::take() {
    if (chunks_.empty()) return {};
    FeedChunk chunk = std::move(chunks_.back());
    chunks_.pop_back();
    bytes_ -= memory_of(chunk);
    return chunk;
}

void ChunkPool::give(FeedChunk&& chunk) {
    const std::size_t bytes = memory_of(chunk);
    if (bytes_ + bytes > kBytesMax) return;
    bytes_ += bytes;
    chunk.bytes.clear();
    chunk.packets.clear();
    chunks_.push_back(std::move(chunk));
}

std::size_t Feed::append(const PlacedRecord& placed, bool retain_as_published, ChunkPool& pool) {
    if (chunks_.empty() || chunks_.back().bytes.size() >= kChunkBytes) {
        chunks_.push_back(pool.take());
        chunks_.back().begin = end_;
    }
    FeedChunk& chunk = chunks_.back();
    const std::size_t before = chunk.bytes.size();
    if (!encode_for_feed(key_.encoding, placed, retain_as_published, key_.packet_bytes_max,
                         chunk.bytes)) {
        if (chunk.packets.empty()) chunks_.pop_back();
        return 0;
    }
    const std::size_t added = chunk.bytes.size() - before;
    end_ += added;
    chunk.packets.push_back({placed.seq, end_, retain_as_published});
    return added;
}

void Feed::note_expiring(MonotonicTime now) {
    if (expiring_.empty() || expiring_.back().at + kExpiringStep < now) {
        expiring_.push_back({now, end_});
    }
    expiring_.back().end = end_;
}

std::optional<std::uint64_t> Feed::stale_end(MonotonicTime now, Microseconds lag_max) {
    std::optional<std::uint64_t> end;
    while (!expiring_.empty() && expiring_.front().at + lag_max < now) {
        end = expiring_.front().end;
        expiring_.pop_front();
    }
    return end;
}

std::size_t Feed::chunk_at(std::uint64_t offset) const {
    FH_ASSERT(offset >= begin() && offset <= end_);
    const auto after = std::upper_bound(
        chunks_.begin(), chunks_.end(), offset,
        [](std::uint64_t wanted, const FeedChunk& chunk) { return wanted < chunk.begin; });
    return after == chunks_.begin() ? 0 : static_cast<std::size_t>(after - chunks_.begin()) - 1;
}

std::size_t Feed::gather(std::uint64_t offset, std::span<ByteSpan> parts) const {
    if (offset == end_) return 0;
    std::size_t count = 0;
    for (std::size_t i = chunk_at(offset); i < chunks_.size() && count < parts.size(); ++i) {
        const FeedChunk& chunk = chunks_[i];
        const std::size_t skip =
            offset > chunk.begin ? static_cast<std::size_t>(offset - chunk.begin) : 0;
        parts[count++] = ByteSpan{chunk.bytes}.subspan(skip);
    }
    return count;
}

std::optional<FeedPacket> Feed::packet_at(std::uint64_t offset) const {
    if (offset == end_) return std::nullopt;
    const FeedChunk& chunk = chunks_[chunk_at(offset)];
    const auto packet =
        std::upper_bound(chunk.packets.begin(), chunk.packets.end(), offset,
                         [](std::uint64_t wanted, const FeedChunk::Packet& candidate) {
                             return wanted < candidate.end;
                         });
    FH_ASSERT(packet != chunk.packets.end());
    const std::uint64_t begin =
        packet == chunk.packets.begin() ? chunk.begin : std::prev(packet)->end;
    return FeedPacket{packet->seq, begin, packet->end, packet->retain_as_published};
}

std::uint64_t Feed::second_chunk_begin() const noexcept {
    return chunks_.size() > 1 ? chunks_[1].begin : end_;
}

std::size_t Feed::drop_chunk(ChunkPool& pool) {
    if (chunks_.empty()) return 0;
    const std::size_t freed = chunks_.front().bytes.size();
    pool.give(std::move(chunks_.front()));
    chunks_.pop_front();
    return freed;
}

std::size_t Feed::drop_all(ChunkPool& pool) {
    const std::size_t freed = bytes();
    for (FeedChunk& chunk : chunks_) pool.give(std::move(chunk));
    chunks_.clear();
    return freed;
}

}  // namespace firehose::bus
