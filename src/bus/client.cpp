// SPDX-License-Identifier: Apache-2.0
#include "bus/client.h"

#include "base/assert.h"
#include "base/ip_network.h"
#include "base/log.h"
#include "bus/shard.h"

namespace firehose::bus {

Client::Client(Shard& shard, ConnectionId id, Incoming&& incoming, Encoding encoding)
    : shard_(shard),
      id_(id),
      entrance_(incoming.entrance),
      peer_(std::move(incoming.peer)),
      stream_(std::move(incoming.stream)),
      encoding_(encoding) {}

std::string Client::shown_address() const {
    return log_enabled(LogType::debug) ? peer_.address : shortened_address(peer_.address);
}

bool Client::has_output_room() const {
    return !is_blocked_ && output_.own_pending() < shard_.shared_.settings.own_bytes_target;
}

bool Client::is_sent_out() const noexcept {
    const Feed* const feed = output_.feed();
    return output_.own_pending() == 0 && !output_.unfinished() &&
           (feed == nullptr || output_.feed_offset() == feed->end());
}

void Client::flush() {
    if (is_blocked_ || is_closing_) return;
    const std::uint64_t feed_offset = output_.feed_offset();
    const bool is_done = output_.flush(*stream_);
    if (is_closing_) return;  // The stream failed inside the write.
    shard_.metrics_.bytes_sent.add(output_.feed_offset() - feed_offset);
    if (!is_done && !output_.unfinished()) is_blocked_ = true;
}

void Client::on_writable() {
    is_blocked_ = false;
    flush();
    if (!is_blocked_ && !is_closing_) shard_.queue_pull(*this);
}

Seq Client::position() const {
    if (mode_ == ReadMode::behind) return cursor_;
    return mode_ == ReadMode::tail ? std::max(limit(), wanted_from_) : shard_.tail_position();
}

Seq Client::needed_from() const {
    Seq needed = position();
    if (mode_ == ReadMode::feed) {
        const auto packet = output_.feed()->packet_at(output_.feed_offset());
        if (packet) needed = packet->seq;
    }
    if (const auto& unfinished = output_.unfinished()) needed = std::min(needed, unfinished->seq);
    return needed;
}

Seq Client::limit() const {
    return reads_durable_ ? shard_.durable_position_ : shard_.tail_position();
}

void Client::leave_feed() {
    Feed& feed = *output_.feed();
    cursor_ = output_.leave().value_or(shard_.tail_position());
    std::vector<Client*>& members = feed.members();
    FH_ASSERT(members.at(member_place_) == this);
    members[member_place_] = members.back();  // Whoever was the last takes its place.
    members[member_place_]->member_place_ = member_place_;
    members.pop_back();
    if (members.empty()) shard_.condemn(feed);
}

void Client::detach() {
    if (mode_ == ReadMode::feed) {
        leave_feed();
    } else if (mode_ != ReadMode::behind) {
        cursor_ = position();
    }
    if (const auto first_owed = take_owed()) cursor_ = *first_owed;
    mode_ = ReadMode::behind;
}

void Client::attach() {
    FH_ASSERT(mode_ == ReadMode::behind && cursor_ >= limit());
    FH_ASSERT(!output_.unfinished());
    forget_fetched();
    if (subscriptions().is_empty()) {
        mode_ = ReadMode::idle;
    } else if (is_feedable()) {
        Feed& feed = shard_.feed_for(*this);
        member_place_ = static_cast<std::uint32_t>(feed.members().size());
        feed.members().push_back(this);
        output_.join(feed);
        mode_ = ReadMode::feed;
    } else {
        mode_ = ReadMode::tail;
        wanted_from_ = cursor_;
    }
}

void Client::forget_fetched() {
    fetched_.clear();
    fetched_to_ = {};
}

void Client::reselect() {
    // What was read for the old filters may lack what the new ones want.
    forget_fetched();
    is_fetch_stale_ = awaits_disk_;
    interest_.reset();
    detach();
    reads_durable_ = wants_durable();
    if (cursor_ >= limit() && !output_.unfinished()) {
        attach();
    } else {
        shard_.queue_pull(*this);
    }
}

}  // namespace firehose::bus
