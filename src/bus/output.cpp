// SPDX-License-Identifier: Apache-2.0
#include "bus/output.h"

#include <array>

#include "base/assert.h"

namespace firehose::bus {
namespace {

constexpr std::size_t kParts = 16;  // One gather write: at most 1 MiB in 64 KiB chunks.

}  // namespace

void Output::join(Feed& feed) noexcept {
    FH_ASSERT(feed_ == nullptr);
    feed_ = &feed;
    feed_sent_ = feed.end();
}

std::optional<Seq> Output::leave() {
    FH_ASSERT(feed_ != nullptr);
    const Feed& feed = *std::exchange(feed_, nullptr);
    auto packet = feed.packet_at(feed_sent_);
    if (!packet) return std::nullopt;
    if (feed_sent_ > packet->begin) {
        // Own bytes wait for a packet end, so none of them can be half sent now.
        FH_ASSERT(own_sent_ == 0 && !unfinished_);
        unfinished_ = Unfinished{packet->seq, static_cast<std::size_t>(feed_sent_ - packet->begin),
                                 packet->retain_as_published};
        packet = feed.packet_at(packet->end);
        if (!packet) return std::nullopt;
    }
    return packet->seq;
}

bool Output::finish(ByteSpan packet) {
    FH_ASSERT(unfinished_ && own_sent_ == 0);
    if (packet.size() < unfinished_->sent_bytes) return false;
    const ByteSpan rest = packet.subspan(unfinished_->sent_bytes);
    own_.insert(own_.begin(), rest.begin(), rest.end());
    unfinished_.reset();
    return true;
}

/// Of the feed alone: what most flushes are.
bool Output::write_feed(ByteStream& stream) {
    std::array<ByteSpan, kParts> parts;
    const auto offered = std::span{parts}.first(feed_->gather(feed_sent_, parts));
    std::size_t bytes = 0;
    for (const ByteSpan part : offered) bytes += part.size();
    const std::size_t written = stream.write(offered);
    feed_sent_ += written;
    return written == bytes;
}

bool Output::write_some(ByteStream& stream) {
    std::array<ByteSpan, kParts> parts;
    std::size_t count = 0;
    std::size_t feed_first = 0;  // Feed bytes that must precede the own bytes.
    const std::size_t own = own_pending();
    if (own > 0 && own_sent_ == 0 && feed_ != nullptr) {
        const auto packet = feed_->packet_at(feed_sent_);
        if (packet && packet->begin < feed_sent_) {
            std::array<ByteSpan, 1> head;
            const std::size_t got = feed_->gather(feed_sent_, head);
            FH_ASSERT(got == 1);
            feed_first = static_cast<std::size_t>(packet->end - feed_sent_);
            parts[count++] = head[0].first(feed_first);
        }
    }
    if (own > 0) parts[count++] = ByteSpan{own_}.subspan(own_sent_);
    if (feed_ != nullptr) {
        count += feed_->gather(feed_sent_ + feed_first, std::span{parts}.subspan(count));
    }
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) offered += parts[i].size();
    if (offered == 0) return true;

    const std::size_t written = stream.write(std::span{parts}.first(count));
    FH_ASSERT(written <= offered);
    std::size_t left = written;
    const auto take = [&left](std::size_t most) {
        const std::size_t taken = std::min(left, most);
        left -= taken;
        return taken;
    };
    feed_sent_ += take(feed_first);
    own_sent_ += take(own);
    feed_sent_ += left;
    if (own_sent_ == own_.size()) {
        // An idle client owns no buffer.
        ByteBuffer{}.swap(own_);
        own_sent_ = 0;
    }
    return written == offered;
}

bool Output::flush(ByteStream& stream) {
    if (unfinished_) return false;
    if (own_.empty()) {
        if (feed_ == nullptr) return true;
        while (feed_sent_ < feed_->end()) {
            if (!write_feed(stream)) return false;
        }
        return true;
    }
    while (own_pending() > 0 || (feed_ != nullptr && feed_sent_ < feed_->end())) {
        if (!write_some(stream)) return false;
    }
    return true;
}

}  // namespace firehose::bus
