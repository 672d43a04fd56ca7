// SPDX-License-Identifier: Apache-2.0
#include "bus/event_stream.h"

#include "bus/shard.h"

namespace firehose::bus {
namespace {

/// A quiet SSE stream gets a comment this often, so that proxies keep it and a reader that is gone
/// is noticed.
constexpr std::chrono::seconds kQuietMax{15};

}  // namespace

EventStream::EventStream(Shard& shard, ConnectionId id, Incoming&& incoming,
                         std::string_view filter, Encoding encoding, Identity who)
    : Client(shard, id, std::move(incoming), encoding),
      identity_(std::move(who)),
      quiet_since_(shard.now()) {
    subscriptions_.add(filter, {.from_seq = shard.tail_position()});
}

void EventStream::start() {
    cursor_ = shard_.tail_position();
    mode_ = ReadMode::behind;
    attach();
}

Taken EventStream::deliver(const PlacedRecord& placed) {
    session::Match match;
    const log::Record& record = placed.record;
    if (record.kind == log::RecordKind::message &&
        subscriptions_.match({.name = record.topic, .seq = placed.seq}, match) &&
        may_read(record.topic)) {
        std::ignore = encode_for_feed(encoding_, placed, false, 0, output_.own());
        shard_.mark_dirty(*this);
    }
    return Taken::yes;
}

void EventStream::on_tick() {
    if (is_closing_ || encoding_ != Encoding::sse) return;
    if (output_.feed_offset() != offset_seen_) {
        offset_seen_ = output_.feed_offset();
        quiet_since_ = shard_.now();
    } else if (shard_.now() - quiet_since_ >= kQuietMax && has_output_room()) {
        quiet_since_ = shard_.now();
        append(output_.own(), ": quiet\n\n");
        shard_.mark_dirty(*this);
    }
}

void EventStream::on_gap(Seq from, Seq to) {
    const std::string receipt = "{\"from_seq\":" + std::to_string(number(from)) +
                                ",\"to_seq\":" + std::to_string(number(to) - 1) +
                                ",\"reason\":\"slow\",\"count\":null,\"refetch\":null}";
    if (encoding_ == Encoding::sse) {
        append(output_.own(), "event: receipt\ndata: " + receipt + "\n\n");
    } else {
        append(output_.own(), "{\"receipt\":" + receipt + "}\n");
    }
    shard_.mark_dirty(*this);
}

void EventStream::on_drain() {
    if (is_closing_) return;
    detach();
    mode_ = ReadMode::idle;
    is_closing_ = true;
    stream_->shut_down();
}

void EventStream::on_closed(const std::string&) {
    if (!is_closing_) {
        detach();
        mode_ = ReadMode::idle;
    }
    shard_.metrics_.event_streams.subtract();
    shard_.bury(*this);
}

}  // namespace firehose::bus
