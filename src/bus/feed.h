// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/deque.h"
#include "bus/acl.h"
#include "bus/encoding.h"
#include "session/subscriptions.h"

/// Subscribers that want the same thing get the same bytes.
///
/// A feed is one (set of filters, encoding) on one shard. It appends what it encodes to a chunked
/// byte stream, once; its members are offsets into that stream. The stream's beginning is cut off
/// when all members are past it, or when the shard's window of chunks is full: a member that is
/// still there becomes a catch-up reader (rule **Feeds**).
/// Ownership: the shard's FeedTable owns feeds; members are the shard's clients, each of which
/// leaves
///            before it goes.
/// Threads:   the shard's.
/// Cost:      one encoding a record, whatever the number of members.
/// Invariant: offsets only grow; a packet never spans chunks; `begin() <= member's offset`.
namespace firehose::bus {

struct FeedKey {
    std::string filters;  // session::Subscriptions::feed_key().
    Encoding encoding = Encoding::mqtt311;
    const Acl* acl = nullptr;  // Of the members' entrances.
    std::string read_class;    // Acl::read_class: equal for clients with equal reading rights.
    std::uint32_t packet_bytes_max = 0;

    friend auto operator<=>(const FeedKey&, const FeedKey&) = default;
};

/// A packet (a frame, for WebSocket; an envelope, for HTTP) in a feed's stream.
struct FeedPacket {
    Seq seq{};
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool retain_as_published = false;
};

class Client;

/// A piece of a feed's stream: packets, one after another.
struct FeedChunk {
    struct Packet {
        Seq seq{};
        std::uint64_t end = 0;
        bool retain_as_published = false;
    };
    std::uint64_t begin = 0;
    ByteBuffer bytes;
    std::vector<Packet> packets;
};

/// Chunks that were dropped, for whoever needs one next: no allocation while feeds are busy.
/// Memory: at most kBytesMax.
class ChunkPool {
public:
    static constexpr std::size_t kBytesMax = std::size_t{2} << 20;

    [[nodiscard]] FeedChunk take();
    void give(FeedChunk&& chunk);

private:
    std::vector<FeedChunk> chunks_;
    std::size_t bytes_ = 0;
};

class Feed {
public:
    Feed(FeedKey key, const session::Subscriptions& subscriptions);

    [[nodiscard]] const FeedKey& key() const noexcept { return key_; }
    [[nodiscard]] const session::Subscriptions& subscriptions() const noexcept {
        return subscriptions_;
    }
    /// In no order; a member knows its place (Client::member_place_).
    [[nodiscard]] std::vector<Client*>& members() noexcept { return members_; }
    /// Its place in the shard's TailIndex, set by the shard.
    std::uint32_t slot = 0;
    /// In the shard's list of feeds to remove if they are still without members.
    bool is_condemned = false;

    /// Encodes one record that matched. Records too large for the members' packet limit are left
    /// out, which counts as delivered [MQTT-3.1.2-25]. Returns the bytes appended.
    std::size_t append(const PlacedRecord& placed, bool retain_as_published, ChunkPool& pool);

    /// A record that expires was appended: its interval is right only for who reads it soon.
    void note_expiring(MonotonicTime now);
    /// Members before the offset have had a record that expires before them for longer than
    /// `lag_max`.
    [[nodiscard]] std::optional<std::uint64_t> stale_end(MonotonicTime now, Microseconds lag_max);

    [[nodiscard]] std::uint64_t begin() const noexcept;
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return static_cast<std::size_t>(end_ - begin());
    }

    /// Spans of the stream from `offset` on, at most `parts.size()`; returns how many were set.
    [[nodiscard]] std::size_t gather(std::uint64_t offset, std::span<ByteSpan> parts) const;
    /// The packet that holds the byte at `offset`; nothing at the end of the stream.
    [[nodiscard]] std::optional<FeedPacket> packet_at(std::uint64_t offset) const;

    /// Where the stream begins once the oldest chunk is dropped.
    [[nodiscard]] std::uint64_t second_chunk_begin() const noexcept;
    /// Drops the oldest chunk. Returns the bytes that this freed; 0 when there is none.
    std::size_t drop_chunk(ChunkPool& pool);
    /// Drops all chunks: every member is at the end.
    std::size_t drop_all(ChunkPool& pool);

private:
    friend class FeedTable;
    [[nodiscard]] std::size_t chunk_at(std::uint64_t offset) const;

    FeedKey key_;
    session::Subscriptions subscriptions_;
    std::vector<Client*> members_;
    Deque<FeedChunk> chunks_;
    std::uint64_t end_ = 0;
    struct Expiring {
        MonotonicTime at;  // Of the first record in it.
        std::uint64_t end = 0;
    };
    Deque<Expiring> expiring_;
    bool is_dirty_ = false;  // In the table's list of feeds to flush.
};

}  // namespace firehose::bus
