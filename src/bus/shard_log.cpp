// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "bus/filter_interest.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// The shard's side of the log: linking, hearing, reading the tail, pulling those behind.
namespace firehose::bus {
namespace {

/// The tail readers' own requests; connections count from 1.
constexpr std::uint64_t kTailCookie = 0;
constexpr std::uint64_t kDurableCookie = UINT64_MAX;

/// The first record of `block` at or after `from`.
std::size_t first_index(const log::Block& block, Seq from) {
    return from <= block.first_seq()
               ? 0
               : static_cast<std::size_t>(number(from) - number(block.first_seq()));
}

}  // namespace

PlacedRecord Shard::placed(const log::Block& block, std::size_t index) {
    return {block.first_seq() + index, block.time(), block.record(index)};
}

bool Shard::is_erased(const PlacedRecord& placed) const {
    if (placed.record.is_erased) return true;
    return shared_.erasures != nullptr && shared_.erasures->cover(placed.seq, placed.record);
}

void Shard::link_pending() {
    if (pending_.is_empty()) return;
    const log::Ticket ticket = shared_.log.append(appender_, pending_.take());
    FH_ASSERT(ticket == pending_ticket_);
    pending_ticket_ = static_cast<log::Ticket>(static_cast<std::uint64_t>(ticket) + 1);
}

void Shard::hear_outcomes() {
    std::vector<log::Outcome> outcomes;
    shared_.log.take_outcomes(appender_, outcomes);
    for (const log::Outcome& outcome : outcomes) {
        switch (outcome.kind) {
            case log::Outcome::Kind::placed:
                if (answered_at_placed_ == 0) break;
                for (const auto& [ticket, session] : awaiting_) {
                    if (ticket > outcome.ticket) break;
                    hear(outcome, session);
                }
                break;
            case log::Outcome::Kind::durable:  // Covers every ticket up to this one.
                while (!awaiting_.empty() && awaiting_.front().first <= outcome.ticket) {
                    const PublisherId session = awaiting_.front().second;
                    awaiting_.pop_front();
                    hear(outcome, session);
                }
                break;
            case log::Outcome::Kind::refused: {  // This one alone.
                const auto ticket_of = [](const auto& awaited) { return awaited.first; };
                const auto begin =
                    std::ranges::lower_bound(awaiting_, outcome.ticket, {}, ticket_of);
                const auto end = std::ranges::upper_bound(awaiting_, outcome.ticket, {}, ticket_of);
                const std::vector<std::pair<log::Ticket, PublisherId>> awaited{begin, end};
                awaiting_.erase(begin, end);
                for (const auto& [ticket, session] : awaited) hear(outcome, session);
                on_leaving_refused(outcome.ticket);
                break;
            }
        }
    }
}

void Shard::hear(const log::Outcome& outcome, PublisherId id) {
    ClientSession* session = sessions_.find(id);
    if (session == nullptr) {
        // It ended: nobody is to be answered, but what was refused may be that it did.
        if (outcome.kind == log::Outcome::Kind::refused) to_end_.push_back(id);
        return;
    }
    switch (outcome.kind) {
        case log::Outcome::Kind::placed:
            session->inbound.on_placed(outcome.ticket);
            if (session->client != nullptr) session->client->on_placed();
            break;
        case log::Outcome::Kind::durable:
            session->inbound.on_durable(outcome.ticket);
            session->outbound.on_durable(outcome.ticket);
            if (session->client != nullptr) session->client->on_durable(outcome.ticket);
            break;
        case log::Outcome::Kind::refused:
            session->inbound.on_refused(outcome.ticket, mqtt::ReasonCode::quota_exceeded);
            session->outbound.on_refused(outcome.ticket);
            if (session->recorded >= outcome.ticket) session->is_to_restate = true;
            if (session->is_to_restate || session->inbound.has_unrecorded() ||
                session->outbound.has_unrecorded()) {
                mark_to_record(*session);
            }
            if (session->client != nullptr) session->client->on_refused(outcome.ticket);
            break;
    }
}

void Shard::read_tail(std::size_t bytes_max) {
    if (tail_awaits_disk_) return;
    std::vector<log::BlockRef> blocks;
    switch (shared_.log.read(tail_position_, bytes_max, blocks)) {
        case log::ReadStatus::blocks:
            fan_out_blocks(blocks);
            return;
        case log::ReadStatus::at_end:
            return;
        case log::ReadStatus::not_in_memory:
            // More was linked in one turn than the memory window holds.
            tail_awaits_disk_ =
                shared_.log.request(reader_, tail_position_, bytes_max, kTailCookie);
            return;
        case log::ReadStatus::too_old:
            on_tail_gap(shared_.log.oldest());
            return;
    }
}

void Shard::fan_out_blocks(const std::vector<log::BlockRef>& blocks) {
    for (const log::BlockRef& block : blocks) {
        for (std::size_t i = first_index(*block, tail_position_); i < block->count(); ++i) {
            // Whoever is found full or falls behind here has a cursor at or after this record.
            const PlacedRecord record = placed(*block, i);
            fan_out(record, block->record_bytes(i));
            tail_position_ = next(record.seq);
        }
        tail_position_ = std::max(tail_position_, block->end_seq());
    }
}

/// The tail left the log before this shard read it: everybody at the tail has lost it.
void Shard::on_tail_gap(Seq oldest) {
    FH_LOG(error, "tail_overrun", {"from", number(tail_position_)}, {"to", number(oldest)});
    for (auto& [id, client] : clients_) {
        const bool is_at_tail = client->mode() == ReadMode::feed ||
                                (client->mode() == ReadMode::tail && !client->reads_durable_);
        if (is_at_tail) client->on_gap(tail_position_, oldest);
    }
    tail_position_ = oldest;
}

/// Reads on what has become durable, for clients that acknowledge.
void Shard::read_durable(std::size_t bytes_max) {
    const Seq limit = durable_limit();
    if (durable_index_.is_empty() && shares_.is_idle(durable_position_)) {
        durable_position_ = std::max(durable_position_, limit);
    }
    if (durable_awaits_disk_ || durable_position_ >= limit) return;
    std::vector<log::BlockRef> blocks;
    switch (shared_.log.read(durable_position_, bytes_max, blocks)) {
        case log::ReadStatus::blocks:
            hand_out_blocks(blocks);
            return;
        case log::ReadStatus::at_end:
            return;
        case log::ReadStatus::not_in_memory:
            durable_awaits_disk_ =
                shared_.log.request(reader_, durable_position_, bytes_max, kDurableCookie);
            return;
        case log::ReadStatus::too_old:
            on_durable_gap(shared_.log.oldest());
            return;
    }
}

/// How far clients that acknowledge may read. What they are handed has been fanned out: so a
/// retained message is in the view before it is read.
Seq Shard::durable_limit() const {
    return std::min(tail_position_, shared_.log.durable_end());
}

/// The smallest position of which anything here may still ask for the record. Cost: O(sessions and
/// connections).
Seq Shard::needed_from() {
    Seq needed = std::min({tail_position_, durable_position_, sessions_.offline().needed_from()});
    needed = std::min(needed, shares_.needed_from().value_or(needed));
    sessions_.for_each([&needed](const ClientSession& session) {
        if (session.client != nullptr) {
            needed = std::min(needed, session.client->cursor());
        } else if (!session.subscriptions.is_qos_0()) {  // QoS 0 is not owed to who was away.
            needed = std::min(needed, session.cursor);
        }
        needed = std::min(needed, session.outbound.oldest().value_or(needed));
        if (!session.owed.is_empty()) needed = std::min(needed, session.owed.front());
    });
    for (auto& [id, client] : clients_) needed = std::min(needed, client->needed_from());
    return needed;
}

void Shard::hand_out_blocks(const std::vector<log::BlockRef>& blocks) {
    const Seq limit = durable_limit();
    for (const log::BlockRef& block : blocks) {
        for (std::size_t i = first_index(*block, durable_position_); i < block->count(); ++i) {
            const PlacedRecord record = placed(*block, i);
            if (record.seq >= limit) return;
            if (shares_.wants(record.record.kind)) fold_shared(record);
            if (record.record.kind == log::RecordKind::message && !is_erased(record)) {
                durable_index_.match(record.record.topic, [&](TailIndex::Subscriber subscriber) {
                    hand_to(*std::get<Client*>(subscriber), record);
                });
            }
            durable_position_ = next(record.seq);
        }
        durable_position_ = std::max(durable_position_, std::min(block->end_seq(), limit));
    }
}

void Shard::on_durable_gap(Seq oldest) {
    FH_LOG(error, "durable_overrun", {"from", number(durable_position_)}, {"to", number(oldest)});
    for (auto& [id, client] : clients_) {
        if (client->mode() == ReadMode::tail && client->reads_durable_) {
            client->on_gap(durable_position_, oldest);
        }
    }
    durable_position_ = oldest;
}

void Shard::fan_out(const PlacedRecord& placed, ByteSpan record_bytes) {
    const log::Record& record = placed.record;
    if (record.kind == log::RecordKind::keep) {
        shared_.retained.fold(placed.seq, placed.time, record, record_bytes);
    }
    if (record.kind != log::RecordKind::message) {
        const bool changes_members = record.kind == log::RecordKind::group_joined ||
                                     record.kind == log::RecordKind::group_left ||
                                     record.kind == log::RecordKind::epoch;
        if (changes_members) shares_.expect(placed.seq);  // Folded once it is durable.
        return;
    }
    if (is_erased(placed)) {
        if (record.retain) fold_erased(placed);
        return;
    }
    if (record.retain) shared_.retained.fold(placed.seq, placed.time, record, record_bytes);
    index_.match(record.topic, [&](TailIndex::Subscriber subscriber) {
        if (Feed* const* feed = std::get_if<Feed*>(&subscriber)) {
            append_to(**feed, placed);
        } else {
            hand_to(*std::get<Client*>(subscriber), placed);
        }
    });
}

/// A record that matched, to a feed.
void Shard::append_to(Feed& feed, const PlacedRecord& placed) {
    if (feed.members().empty()) return;
    bool retain_as_published = false;
    if (placed.record.retain) {
        const bool is_match =
            feed.subscriptions().match({.name = placed.record.topic, .seq = placed.seq}, match_);
        FH_ASSERT(is_match);
        retain_as_published = match_.retain_as_published;
    }
    feeds_.append(feed, placed, retain_as_published);
    if (placed.record.expires) feed.note_expiring(now_);
    metrics_.publishes_sent.add(feed.members().size());
}

/// What it replaced does not come back: its topic is as if it was cleared.
void Shard::fold_erased(const PlacedRecord& placed) {
    ByteBuffer bytes;
    log::encode_record({.retain = true, .topic = placed.record.topic}, bytes);
    std::size_t size = 0;
    const auto cleared = log::decode_checked_record(bytes, size);
    shared_.retained.fold(placed.seq, placed.time, *cleared, bytes);
}

/// A record that matched, to a client that reads by itself.
void Shard::hand_to(Client& client, const PlacedRecord& placed) {
    if (client.mode() != ReadMode::tail || placed.seq < client.wanted_from_) return;
    const bool has_room = client.has_output_room();
    const bool is_taken = has_room && !client.owes() && client.deliver(placed) == Taken::yes;
    if (!is_taken && !client.owe(placed.seq)) {
        client.mode_ = ReadMode::behind;
        client.cursor_ = placed.seq;
        metrics_.catch_up_reads.add();
    }
    // An acknowledgement or on_writable queues the next pull; unsent own bytes alone do not.
    if (!has_room && !client.is_blocked_) queue_pull(client);
    mark_dirty(client);
}

void Shard::hear_answers() {
    for (log::ReadAnswer& answer : shared_.log.take_answers(reader_)) {
        if (answer.cookie == kTailCookie) {
            tail_awaits_disk_ = false;
            if (answer.status == log::ReadStatus::too_old) on_tail_gap(shared_.log.oldest());
            fan_out_blocks(answer.blocks);
            continue;
        }
        if (answer.cookie == kDurableCookie) {
            durable_awaits_disk_ = false;
            if (answer.status == log::ReadStatus::too_old) on_durable_gap(shared_.log.oldest());
            hand_out_blocks(answer.blocks);
            continue;
        }
        Client* client = find(static_cast<ConnectionId>(answer.cookie));
        if (client == nullptr) continue;
        client->awaits_disk_ = false;
        if (!std::exchange(client->is_fetch_stale_, false)) {
            client->fetched_ = std::move(answer.blocks);
            client->fetched_to_ = answer.up_to;
        }
        queue_pull(*client);
    }
}

void Shard::forget_fetched() {
    hear_answers();
    for (auto& [id, client] : clients_) client->forget_fetched();
}

/// The record at `seq`, if its block is in memory or was fetched; else asks for it.
Shard::Lookup Shard::look_up(Client& client, Seq seq, log::BlockRef& block, std::size_t& index) {
    std::vector<log::BlockRef> blocks;
    const auto holds = [&](const log::BlockRef& candidate) {
        return candidate->first_seq() <= seq && seq < candidate->end_seq();
    };
    for (const log::BlockRef& fetched : client.fetched_) {
        if (holds(fetched)) blocks.assign(1, fetched);
    }
    log::ReadStatus status = log::ReadStatus::blocks;
    if (blocks.empty()) status = shared_.log.read(seq, 1, blocks);
    if (status == log::ReadStatus::not_in_memory) {
        if (!client.awaits_disk_) request(client, seq, nullptr);
        return Lookup::later;
    }
    if (status != log::ReadStatus::blocks || !holds(blocks.front())) return Lookup::gone;
    block = blocks.front();
    index = first_index(*block, seq);
    return is_erased(placed(*block, index)) ? Lookup::gone : Lookup::found;
}

void Shard::request(Client& client, Seq from, std::shared_ptr<const log::TopicInterest> interest) {
    client.forget_fetched();
    client.awaits_disk_ =
        shared_.log.request(reader_, from, shared_.settings.pull_bytes_per_turn,
                            static_cast<std::uint64_t>(client.id()), std::move(interest));
    client.fetched_from_ = from;
    if (!client.awaits_disk_) queue_pull(client);  // Its queue is full: try again next turn.
}

void Shard::pull(Client& client) {
    if (client.is_closing_ || client.awaits_disk_) return;
    if (!pull_unfinished(client)) return;
    Pulled pulled = client.pull_own();
    if (pulled == Pulled::done && client.mode() == ReadMode::behind) pulled = pull_log(client);
    if (client.is_closing_) return;
    client.flush();
    if (pulled == Pulled::again && !client.is_blocked_ && !client.is_closing_) queue_pull(client);
}

/// Completes the packet that the client got a part of. False: not now, or closed.
bool Shard::pull_unfinished(Client& client) {
    const auto& unfinished = client.output().unfinished();
    if (!unfinished) return true;
    if (client.is_blocked_) return false;
    log::BlockRef block;
    std::size_t index = 0;
    switch (look_up(client, unfinished->seq, block, index)) {
        case Lookup::later:
            return false;
        case Lookup::gone:
            break;
        case Lookup::found: {
            const PlacedRecord record = placed(*block, index);
            ByteBuffer packet;
            // The rest of what it may not read any more is not given out (rule **Feeds**).
            const bool is_made =
                client.may_read(record.record.topic) &&
                encode_for_feed(client.encoding(), record, unfinished->retain_as_published,
                                client.packet_bytes_max(), packet);
            if (is_made && client.output().finish(packet)) return true;
            break;
        }
    }
    constexpr std::string_view kReason = "the record of a half-sent packet is gone, or forbidden";
    FH_LOG(warn, "client_closed", {"reason", kReason});
    client.on_closed(std::string{kReason});
    return false;
}

/// Reads from the cursor until the tail, the quantum, or the end of room.
Pulled Shard::pull_log(Client& client) {
    std::size_t quantum = shared_.settings.pull_bytes_per_turn;
    const Seq limit = client.limit();
    while (client.cursor_ < limit) {
        std::vector<log::BlockRef> blocks = std::exchange(client.fetched_, {});
        Seq up_to = std::exchange(client.fetched_to_, {});
        // What was fetched for a packet to send again may begin after the cursor.
        if (client.cursor_ < client.fetched_from_) {
            blocks.clear();
            up_to = {};
        }
        std::erase_if(blocks,
                      [&](const auto& block) { return block->end_seq() <= client.cursor_; });
        if (blocks.empty() && up_to <= client.cursor_) {
            switch (shared_.log.read(client.cursor_, quantum, blocks)) {
                case log::ReadStatus::blocks:
                    break;
                case log::ReadStatus::at_end:
                    return Pulled::waits;
                case log::ReadStatus::not_in_memory:
                    if (!client.interest_) {
                        client.interest_ = FilterInterest::of(client.subscriptions());
                    }
                    request(client, client.cursor_, *client.interest_);
                    return Pulled::waits;
                case log::ReadStatus::too_old: {
                    const Seq oldest = shared_.log.oldest();
                    client.on_gap(client.cursor_, oldest);
                    client.cursor_ = oldest;
                    continue;
                }
            }
        }
        for (const log::BlockRef& block : blocks) {
            const Pulled pulled = pull_block(client, *block);
            if (pulled != Pulled::done) return pulled;
            const std::size_t size = block->bytes().size();
            if (size >= quantum) return Pulled::again;
            quantum -= size;
        }
        // What follows the last block, and is not wanted.
        client.cursor_ = std::max(client.cursor_, std::min(up_to, limit));
    }
    client.attach();
    return Pulled::done;
}

Pulled Shard::pull_block(Client& client, const log::Block& block) {
    const Seq limit = client.limit();
    for (std::size_t i = first_index(block, client.cursor_); i < block.count(); ++i) {
        const PlacedRecord record = placed(block, i);
        if (record.seq >= limit) return Pulled::done;
        client.cursor_ = record.seq;
        if (!client.has_output_room()) return Pulled::again;
        if (!is_erased(record) && client.deliver(record) == Taken::window_full) {
            return Pulled::waits;
        }
        if (client.is_closing_) return Pulled::waits;
        client.cursor_ = next(record.seq);
    }
    client.cursor_ = std::max(client.cursor_, std::min(block.end_seq(), limit));
    return Pulled::done;
}

void Shard::flush_feeds() {
    for (Feed* feed : feeds_.take_dirty()) {
        bool all_sent = true;
        // A stream that fails says so in a later turn: nobody leaves meanwhile.
        for (Client* client : feed->members()) {
            client->flush();
            all_sent = all_sent && client->output().feed_offset() == feed->end();
        }
        if (all_sent) feeds_.drop_all(*feed);
    }
}

/// Whoever is far behind on records that expire reads them from the log, with the time that is
/// left of them (rule **Expiry**). [MQTT-3.3.2-6]
void Shard::expel_laggards() {
    feeds_.for_each([this](Feed& feed) {
        const auto stale = feed.stale_end(now_, shared_.settings.feed_lag_max);
        if (!stale) return;
        const std::vector<Client*> members = feed.members();
        for (Client* client : members) {
            if (client->output().feed_offset() >= *stale) continue;
            metrics_.members_fallen_out.add();
            client->detach();
            queue_pull(*client);
        }
    });
}

void Shard::trim_feeds() {
    while (Feed* feed = feeds_.over_window()) {
        const std::uint64_t kept = feed->second_chunk_begin();
        std::vector<Client*> fallen;
        for (Client* client : feed->members()) {
            if (client->output().feed_offset() < kept) fallen.push_back(client);
        }
        for (Client* client : fallen) {
            metrics_.members_fallen_out.add();
            client->detach();
            queue_pull(*client);
        }
        feeds_.drop_chunk(*feed);
    }
    remove_empty_feeds();
    metrics_.feed_bytes.set(feeds_.bytes());
}

}  // namespace firehose::bus
