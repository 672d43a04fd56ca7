// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "bus/feed.h"

/// What one client is still to be sent: its own bytes, and an offset into a feed's stream.
///
/// Own bytes (acknowledgements, retained copies, QoS 1 and 2 deliveries) are whole packets and
/// enter the stream at the next packet end of the feed, so they never wait behind a backlog and
/// never cut a packet in two.
/// A member that leaves its feed in the middle of a packet owes the client the rest of it: the
/// `Unfinished` packet. It is not copied (that would cost a packet for each reader that never
/// reads) but made again from its record when there is room; until then nothing else is sent.
/// Ownership: one Output a client; the feed outlives its members.
/// Threads:   the shard's. Memory: own bytes only while there are any; O(1) otherwise.
/// Invariant: what `flush` writes is a sequence of whole packets, in order, without repetition.
namespace firehose::bus {

/// A packet of a feed that was sent in part.
struct Unfinished {
    Seq seq{};
    std::size_t sent_bytes = 0;
    bool retain_as_published = false;

    friend bool operator==(const Unfinished&, const Unfinished&) = default;
};

class Output {
public:
    /// The buffer to which whole packets are appended.
    [[nodiscard]] ByteBuffer& own() noexcept { return own_; }
    /// Own bytes not sent yet.
    [[nodiscard]] std::size_t own_pending() const noexcept { return own_.size() - own_sent_; }

    /// Becomes a member at the end of the feed's stream. Not a member already (asserted).
    void join(Feed& feed) noexcept;
    /// Leaves the feed. Returns the seq of the first packet of which nothing was sent, or nothing
    /// when all was; an Unfinished packet is kept here and comes before everything else.
    [[nodiscard]] std::optional<Seq> leave();
    [[nodiscard]] Feed* feed() const noexcept { return feed_; }
    [[nodiscard]] std::uint64_t feed_offset() const noexcept { return feed_sent_; }

    [[nodiscard]] const std::optional<Unfinished>& unfinished() const noexcept {
        return unfinished_;
    }
    /// The whole bytes of the unfinished packet, made again. False when they are shorter than
    /// what was sent: then the client cannot be served any more.
    [[nodiscard]] bool finish(ByteSpan packet);

    /// Sends what it can. True when nothing is left; false when the socket is full (on_writable
    /// follows) or an unfinished packet is awaited.
    [[nodiscard]] bool flush(ByteStream& stream);

private:
    [[nodiscard]] bool write_feed(ByteStream& stream);
    [[nodiscard]] bool write_some(ByteStream& stream);

    ByteBuffer own_;
    std::size_t own_sent_ = 0;
    Feed* feed_ = nullptr;
    std::uint64_t feed_sent_ = 0;
    std::optional<Unfinished> unfinished_;
};

}  // namespace firehose::bus
