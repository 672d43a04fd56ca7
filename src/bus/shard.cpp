// SPDX-License-Identifier: Apache-2.0
#include "bus/shard.h"

#include "base/assert.h"
#include "base/log.h"
#include "bus/event_stream.h"
#include "bus/mqtt_client.h"
#include "mqtt/utf8.h"

namespace firehose::bus {
namespace {

constexpr std::size_t kMailboxCapacity = 65'536;
constexpr std::size_t kSysLinesMax = 1'024;
/// Every ticket was heard of.
constexpr log::Ticket kNoTicketLeft{~std::uint64_t{0}};

}  // namespace

Shard::Shard(Shared shared, Waker& waker)
    : shared_(std::move(shared)),
      appender_(shared_.log.add_appender(waker)),
      reader_(shared_.log.add_reader(waker)),
      tail_position_(shared_.log.end()),
      durable_position_(std::min(tail_position_, shared_.log.durable_end())),
      sessions_(shared_.publisher_seed, shared_.settings.owed_refs),
      feeds_(shared_.settings.feed_window_bytes),
      input_(shared_.settings.input_bytes_max),
      shares_(shared_.settings.share_owed_max),
      session_rows_(waker),
      publishes_(kMailboxCapacity, &waker),
      sys_lines_(kSysLinesMax, &waker),
      auth_replies_(kMailboxCapacity, &waker) {}

Shard::~Shard() = default;

void Shard::begin_turn(MonotonicTime now, WallTime wall) {
    now_ = now;
    wall_ = wall;
    hear_auth_replies();
    push_sys_lines();
    // A full log holds sources back as it does clients: what they post waits, in its order.
    std::vector<InternalPublish> internal;
    if (can_record()) internal = publishes_.take_all();
    for (const InternalPublish& publish : internal) {
        internal_bytes_waiting_.fetch_sub(publish.topic.size() + publish.payload.size(),
                                          std::memory_order_relaxed);
        std::ignore = this->publish({
            .qos = static_cast<std::uint8_t>(publish.qos),
            .retain = publish.retain,
            .payload_is_utf8 = is_text(as_bytes(publish.payload)),
            .topic = publish.topic,
            .payload = as_bytes(publish.payload),
            .origin_id = publish.origin_id,
            .origin_time = publish.origin_time,
        });
    }
    if (now_ >= next_tick_) {
        next_tick_ = now_ + std::chrono::seconds{1};
        tick();
    }
    serve_waiting_subscribes();
}

/// Those that waited come before those that this turn will bring, in their order.
void Shard::serve_waiting_subscribes() {
    subscribes_left_ = shared_.settings.subscribes_per_turn;
    while (subscribes_left_ != 0 && !awaiting_turn_.empty()) {
        const ConnectionId id = awaiting_turn_.front();
        awaiting_turn_.pop_front();
        if (Client* client = find(id)) static_cast<MqttClient&>(*client).on_turn();
    }
}

bool Shard::take_subscribe() {
    if (subscribes_left_ == 0) return false;
    --subscribes_left_;
    return true;
}

void Shard::hear_auth_replies() {
    for (const AuthReply& reply : auth_replies_.take_all()) {
        if (Client* client = find(reply.connection)) {
            static_cast<MqttClient&>(*client).on_auth(reply);
        }
    }
}

bool Shard::post(InternalPublish&& publish) {
    const std::size_t bytes = publish.topic.size() + publish.payload.size();
    internal_bytes_waiting_.fetch_add(bytes, std::memory_order_relaxed);
    if (publishes_.post(std::move(publish))) return true;
    internal_bytes_waiting_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
}

void Shard::end_turn() {
    record_exchanges();
    link_pending();
    hear_outcomes();
    read_tail(shared_.settings.tail_bytes_per_turn);
    read_durable(shared_.settings.tail_bytes_per_turn);
    hear_answers();
    pull_awaiting_durable();
    // What is queued while we pull waits for the next turn: a quantum each, in turn.
    for (const ConnectionId id : std::exchange(to_pull_, {})) {
        if (Client* client = find(id)) {
            client->is_queued_ = false;
            pull(*client);
        }
    }
    record_exchanges();  // Ids that were assigned above; linked in the next turn.
    answer_checkpoint();
    flush_feeds();
    for (const ConnectionId id : std::exchange(to_flush_, {})) {
        if (Client* client = find(id)) {
            client->is_dirty_ = false;
            client->flush();
        }
    }
    wake_at_.reset();
    for (const ConnectionId id : std::exchange(held_, {})) {
        if (Client* client = find(id)) static_cast<MqttClient&>(*client).on_maybe_released();
    }
    while (const auto id = input_.excess()) {
        static_cast<MqttClient&>(*find(*id)).on_input_excess();
    }
    if (is_draining_) drain(false);
    trim_feeds();
    graveyard_.clear();
    if (shared_.log.wants_needed(reader_)) shared_.log.note_needed(reader_, needed_from());
    sessions_.pack_retired(awaiting_.empty() ? kNoTicketLeft : awaiting_.front().first, now_,
                           wall_);
}

bool Shard::has_work() const {
    return !awaiting_turn_.empty() || !to_pull_.empty() || !to_flush_.empty() ||
           !pending_.is_empty() || (tail_position_ < shared_.log.end() && !tail_awaits_disk_) ||
           (durable_position_ < durable_limit() && !durable_awaits_disk_ &&
            !(durable_index_.is_empty() && shares_.is_idle(durable_position_))) ||
           (!awaiting_durable_.empty() && durable_seen_ != shared_.log.durable_end()) ||
           ((!publishes_.is_empty() || !to_record_.empty() || !to_end_.empty() ||
             has_unwritten_leaving()) &&
            can_record()) ||
           !auth_replies_.is_empty() || !sys_lines_.is_empty() ||
           (session_rows_.requested() != 0 && can_take_rows());
}

Entrance& Shard::add_entrance(Entrance entrance) {
    FH_ASSERT(entrance.acl != nullptr && entrance.authenticator != nullptr);
    return *entrances_.emplace_back(std::make_unique<Entrance>(std::move(entrance)));
}

void Shard::accept_mqtt(Incoming&& incoming) {
    if (is_draining_ || clients_.size() >= shared_.settings.connections_max) {
        if (!is_draining_) metrics_.limits.connections.add();
        metrics_.connects_refused.add();
        return;  // Closes the stream.
    }
    const auto id = static_cast<ConnectionId>(next_connection_++);
    const ByteBuffer unread = std::move(incoming.unread);
    auto client = std::make_unique<MqttClient>(*this, id, std::move(incoming));
    MqttClient& accepted = *client;
    clients_.emplace(id, std::move(client));
    metrics_.connections_accepted.add();
    accepted.stream().set_handler(accepted);
    if (!unread.empty()) accepted.on_bytes(unread);
}

void Shard::accept_event_stream(Incoming&& incoming, std::string_view filter, Encoding encoding,
                                Identity who) {
    if (is_draining_ || clients_.size() >= shared_.settings.connections_max) return;
    const auto id = static_cast<ConnectionId>(next_connection_++);
    auto client = std::make_unique<EventStream>(*this, id, std::move(incoming), filter, encoding,
                                                std::move(who));
    EventStream& accepted = *client;
    clients_.emplace(id, std::move(client));
    metrics_.event_streams.add();
    accepted.stream().set_handler(accepted);
    settle();
    accepted.start();
}

/// Whether the doors may print the payload as text. One with U+0000 goes as base64 as well.
bool Shard::is_text(ByteSpan payload) {
    return mqtt::text_fault(as_text(payload)) == mqtt::TextFault::none;
}

log::Ticket Shard::publish(const log::Record& record) {
    pending_.add(record);
    return pending_ticket_;
}

log::Ticket Shard::record(ClientSession& session, const session::Control& control) {
    if (session.is_to_restate) restate(session);  // What comes now builds upon it.
    sessions_.mark_dirty(session);
    session.recorded = pending_ticket_;
    await_ticket(pending_ticket_, session);
    ByteBuffer payload;
    session::encode_control(control, payload);
    return publish(
        {.kind = session::kind_of(control), .payload = payload, .publisher = session.publisher});
}

void Shard::await_ticket(log::Ticket ticket, ClientSession& session) {
    if (session.awaited == ticket) return;
    FH_ASSERT(awaiting_.empty() || awaiting_.back().first <= ticket);
    session.awaited = ticket;
    awaiting_.emplace_back(ticket, session.publisher);
}

void Shard::settle() {
    link_pending();
    const Seq linked = shared_.log.end();
    while (tail_position_ < linked && !tail_awaits_disk_) {
        const Seq before = tail_position_;
        read_tail(shared_.settings.tail_bytes_per_turn);
        if (tail_position_ == before) break;  // The rest is being read from disk.
    }
    while (durable_position_ < durable_limit()) {
        const Seq before = durable_position_;
        read_durable(shared_.settings.tail_bytes_per_turn);
        if (durable_position_ == before) break;
    }
}

void Shard::mark_to_record(ClientSession& session) {
    if (!std::exchange(session.is_to_record, true)) to_record_.push_back(session.publisher);
}

void Shard::record_exchanges() {
    if (!can_record()) return;
    if (!leaving_.empty()) write_leaving();
    for (const PublisherId id : std::exchange(to_record_, {})) {
        if (ClientSession* session = sessions_.find(id)) record_exchanges(*session);
    }
    // In the block of what their heirs are to publish.
    for (const PublisherId id : std::exchange(to_end_, {})) {
        awaiting_.emplace_back(pending_ticket_, id);  // It may be refused once more.
        std::ignore = publish({.kind = session::kind_of(session::SessionEnded{}), .publisher = id});
    }
}

void Shard::record_exchanges(ClientSession& session) {
    session.is_to_record = false;
    if (session.is_to_restate) restate(session);
    const log::Ticket ticket = pending_ticket_;
    if (session.inbound.has_unrecorded()) {
        session::PubrelReceived received{.ids = session.inbound.record(ticket)};
        if (!received.ids.empty()) std::ignore = record(session, std::move(received));
        await_ticket(ticket, session);
    }
    if (session.outbound.has_unrecorded()) {
        session::Outbound::Records records = session.outbound.record(ticket);
        if (!records.assigned.entries.empty()) {
            std::ignore = record(session, std::move(records.assigned));
        }
        if (!records.received.ids.empty()) {
            std::ignore = record(session, std::move(records.received));
        }
        await_ticket(ticket, session);
    }
}

void Shard::await_durable(Client& client) {
    if (!std::exchange(client.awaits_durable_, true)) awaiting_durable_.push_back(client.id());
}

void Shard::pull_awaiting_durable() {
    const Seq durable = shared_.log.durable_end();
    if (std::exchange(durable_seen_, durable) == durable) return;
    for (const ConnectionId id : std::exchange(awaiting_durable_, {})) {
        if (Client* client = find(id)) {
            client->awaits_durable_ = false;
            queue_pull(*client);
        }
    }
}

void Shard::queue_pull(Client& client) {
    if (!std::exchange(client.is_queued_, true)) to_pull_.push_back(client.id());
}

void Shard::mark_dirty(Client& client) {
    if (!std::exchange(client.is_dirty_, true)) to_flush_.push_back(client.id());
}

void Shard::hold(Client& client) {
    held_.push_back(client.id());
}

void Shard::bury(Client& client) {
    const auto found = clients_.find(client.id());
    // Its time or its bytes have ended it in this turn, and then its stream says that the peer
    // went.
    if (found == clients_.end()) return;
    client.is_closing_ = true;
    graveyard_.push_back(std::move(found->second));
    clients_.erase(found);
}

Client* Shard::find(ConnectionId id) {
    const auto found = clients_.find(id);
    return found == clients_.end() ? nullptr : found->second.get();
}

Feed& Shard::feed_for(const Client& client) {
    FeedKey key{.filters = client.subscriptions().feed_key(),
                .encoding = client.encoding(),
                .acl = client.entrance().acl,
                .read_class = client.entrance().acl->read_class(client.identity()),
                .packet_bytes_max = client.packet_bytes_max()};
    if (Feed* known = feeds_.find(key)) return *known;
    Feed& feed = feeds_.make(std::move(key), client.subscriptions());
    feed.slot = index_.add(&feed, client.identity(), *client.entrance().acl);
    for (const auto& [filter, subscription] : feed.subscriptions().all()) {
        index_.add_filter(feed.slot, filter);
    }
    metrics_.feeds.add();
    return feed;
}

/// Removal waits for the end of the turn: a feed may lose its last member while it is flushed.
void Shard::condemn(Feed& feed) {
    if (!std::exchange(feed.is_condemned, true)) feeds_without_members_.push_back(&feed);
}

void Shard::remove_empty_feeds() {
    for (Feed* feed : std::exchange(feeds_without_members_, {})) {
        feed->is_condemned = false;
        if (feed->members().empty()) remove_feed(*feed);
    }
}

void Shard::remove_feed(Feed& feed) {
    for (const auto& [filter, subscription] : feed.subscriptions().all()) {
        index_.remove_filter(feed.slot, filter);
    }
    index_.remove(feed.slot);
    feeds_.remove(feed);
    metrics_.feeds.subtract();
}

}  // namespace firehose::bus
