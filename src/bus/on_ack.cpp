// SPDX-License-Identifier: Apache-2.0
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// Deliveries to the client, and what it acknowledges.
namespace firehose::bus {

MqttClient::Flow MqttClient::on_ack(const mqtt::Ack& ack) {
    session::Outbound& outbound = session_->outbound;
    switch (ack.type) {
        case mqtt::PacketType::puback:
            return act_on(outbound.on_puback(ack.packet_id), ack);
        case mqtt::PacketType::pubrec:
            return act_on(outbound.on_pubrec(ack.packet_id, ack.reason), ack);
        default:
            return act_on(outbound.on_pubcomp(ack.packet_id), ack);
    }
}

MqttClient::Flow MqttClient::act_on(const session::AckOutcome& outcome, const mqtt::Ack& ack) {
    switch (outcome.kind) {
        case session::AckOutcome::Kind::done:
            forget_share(outcome.seq);
            shard_.queue_pull(*this);
            break;
        case session::AckOutcome::Kind::send_pubrel:
            send(mqtt::Ack{.type = mqtt::PacketType::pubrel,
                           .packet_id = ack.packet_id,
                           .reason = outcome.reason});
            break;
        case session::AckOutcome::Kind::record:
            shard_.mark_to_record(*session_);
            break;
        case session::AckOutcome::Kind::ignore:
            break;
        case session::AckOutcome::Kind::protocol_error:
            return disconnect(outcome.reason, outcome.statement);
    }
    return Flow::next;
}

Taken MqttClient::deliver(const PlacedRecord& placed) {
    const log::Record& record = placed.record;
    if (record.kind != log::RecordKind::message) return Taken::yes;
    session::Match match;
    const session::MatchQuery query{
        .name = record.topic, .seq = placed.seq, .is_own = record.publisher == session_->publisher};
    if (!subscriptions().match(query, match)) return Taken::yes;
    if (!may_read(record.topic)) return Taken::yes;
    // "m/#" covers "m", which has no name below the mount point "m/".
    if (!record.topic.starts_with(mount_point_)) return Taken::yes;
    const bool is_upgraded = shard_.settings().upgrades_qos;
    const bool is_qos_0 = match.qos == mqtt::Qos::at_most_once ||
                          (record.qos == 0 && !is_upgraded);  // [MQTT-3.8.4-8]
    if (is_qos_0 && placed.seq < session_->qos_0_from) return Taken::yes;
    const session::Outbound& outbound = session_->outbound;
    // Assigned once, never again (rule **What a session may not forget**).
    if (!is_qos_0 && placed.seq < outbound.assigned_end()) return Taken::yes;
    if (!is_qos_0 && !fits_backlog(placed)) {
        shard_.metrics_.publishes_dropped.add();
        return Taken::yes;
    }
    // One that waits for its record from disk goes first.
    if (unsent_) return Taken::window_full;
    // One position for all QoS: a full window, and a packet that waits, hold QoS 0 back as well.
    if (!outbound.has_room() || (is_qos_0 && outbound.has_unsent())) {
        return Taken::window_full;
    }
    if (!is_upgraded) match.qos = std::min(match.qos, static_cast<mqtt::Qos>(record.qos));
    if (!is_qos_0) take_from_backlog(placed);
    send_delivery(
        placed, match,
        {.retain = match.retain_as_published && record.retain});  // [MQTT-3.3.1-12], [-13]
    return Taken::yes;
}

/// False: the client missed it, and has been given as much of that as it may be.
bool MqttClient::fits_backlog(const PlacedRecord& placed) const {
    return placed.seq >= backlog_.end ||
           (backlog_.messages > 0 && backlog_.bytes >= placed.record.payload.size());
}

void MqttClient::take_from_backlog(const PlacedRecord& placed) {
    if (placed.seq >= backlog_.end) return;
    if (backlog_.messages != UINT64_MAX) --backlog_.messages;
    if (backlog_.bytes != UINT64_MAX) backlog_.bytes -= placed.record.payload.size();
}

/// There is room in the window. Expired records are skipped (rule **Expiry**). True: an exchange
/// is in flight.
bool MqttClient::send_delivery(const PlacedRecord& placed, const session::Match& match, Copy copy) {
    DeliveryOptions options{.qos = match.qos, .retain = copy.retain, .subscription_ids = match.ids};
    if (!set_expiry(placed, options)) return false;
    if (match.qos != mqtt::Qos::at_most_once) {
        session::Outbound& outbound = session_->outbound;
        const session::Outbound::Begun begun =
            outbound.begin({.seq = placed.seq,
                            .qos = match.qos,
                            .retain = copy.retain,
                            .subscription_ids = match.ids,
                            .is_copy = copy.is_retained_copy,
                            .shared_filter = std::string{copy.shared}});
        if (outbound.has_unrecorded()) shard_.mark_to_record(*session_);
        if (!begun.is_sent) return true;  // By pull_unsent, in its turn.
        options.packet_id = begun.packet_id;
    }
    if (put_publish(placed, options)) {
        shard_.metrics_.publishes_sent.add();
        shard_.metrics_.messages_sent.add();
        shard_.mark_dirty(*this);
        return options.packet_id != 0;
    }
    shard_.metrics_.too_large.add();  // Counts as delivered [MQTT-3.1.2-25].
    if (options.packet_id != 0) session_->outbound.drop(options.packet_id);
    return false;
}

/// Into own bytes, by its topic's alias where the client takes one. False: it is too large.
bool MqttClient::put_publish(const PlacedRecord& placed, DeliveryOptions& options) {
    if (!mount_point_.empty() && placed.record.topic.starts_with(mount_point_)) {
        PlacedRecord seen = placed;
        seen.record.topic.remove_prefix(mount_point_.size());
        return put_named(seen, options);
    }
    return put_named(placed, options);
}

bool MqttClient::put_named(const PlacedRecord& placed, DeliveryOptions& options) {
    const auto use = outbound_aliases_.of(placed.record.topic);
    options.topic_alias = use.alias;
    options.omits_topic = use.is_known;
    bool is_put = encode_publish(encoding_, placed, options, packet_bytes_max(), output_.own());
    if (!is_put && use.alias != 0 && !use.is_known) {
        options.topic_alias = 0;  // To set one takes three bytes more.
        is_put = encode_publish(encoding_, placed, options, packet_bytes_max(), output_.own());
    }
    if (is_put && options.topic_alias != 0 && !use.is_known) {
        outbound_aliases_.set(placed.record.topic);
    }
    return is_put;
}

/// False: the record has expired. [MQTT-3.3.2-5], [MQTT-3.3.2-6]
bool MqttClient::set_expiry(const PlacedRecord& placed, DeliveryOptions& options) const {
    if (!placed.record.expires) return true;
    const Microseconds left = *placed.record.expires - shard_.wall();
    if (left.count() <= 0) return false;
    options.message_expiry_s =
        static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(left).count());
    return true;
}

bool MqttClient::owes() const {
    return session_ != nullptr && !session_->owed.is_empty();
}

bool MqttClient::owe(Seq seq) {
    return session_->owed.push(seq);
}

std::optional<Seq> MqttClient::take_owed() {
    if (!owes()) return std::nullopt;
    const Seq first = session_->owed.front();
    session_->owed.clear();
    return first;
}

Pulled MqttClient::pull_own() {
    // CONNACK is the first packet; `welcome` queues the pull. [MQTT-3.2.0-1]
    if (session_ == nullptr || hold_ == Hold::connack) return Pulled::waits;
    for (const auto step : {&MqttClient::pull_unsent, &MqttClient::pull_shares,
                            &MqttClient::pull_owed, &MqttClient::pull_retained}) {
        const Pulled pulled = (this->*step)();
        if (pulled != Pulled::done) return pulled;
    }
    return Pulled::done;
}

/// What was in flight when the connection before ended [MQTT-4.4.0-1], in order [MQTT-4.6.0-1],
/// and what waited for its assignment to be durable.
Pulled MqttClient::pull_unsent() {
    session::Outbound& outbound = session_->outbound;
    while (true) {
        if (!has_output_room()) return Pulled::again;
        if (!unsent_) unsent_ = outbound.next_to_send();
        if (!unsent_) return Pulled::done;
        if (unsent_->awaits == session::InFlight::Awaits::pubcomp) {
            send(mqtt::Ack{.type = mqtt::PacketType::pubrel, .packet_id = unsent_->packet_id});
            unsent_.reset();
            continue;
        }
        log::BlockRef block;
        std::size_t index = 0;
        switch (shard_.look_up(*this, unsent_->seq, block, index)) {
            case Shard::Lookup::later:
                return Pulled::waits;
            case Shard::Lookup::found:
                send_unsent(*unsent_, Shard::placed(*block, index));
                break;
            case Shard::Lookup::gone:
                shard_.metrics_.publishes_dropped.add();
                give_up(*unsent_);
                break;
        }
        unsent_.reset();
    }
}

void MqttClient::send_unsent(const session::InFlight& in_flight, const PlacedRecord& placed) {
    DeliveryOptions options{.qos = in_flight.qos,
                            .dup = in_flight.was_sent,  // [MQTT-3.3.1-1]
                            .retain = in_flight.retain,
                            .packet_id = in_flight.packet_id,
                            .subscription_ids = in_flight.subscription_ids};
    // Rights are those of now, also for what was begun before (rule **Access**).
    if (!may_read(placed.record.topic)) return give_up(in_flight);
    const bool is_expired = !set_expiry(placed, options);
    if (is_expired && !in_flight.was_sent) {
        session_->outbound.drop(in_flight.packet_id);
        forget_share(in_flight.seq);
        return;
    }
    // What has expired on the way is still owed its exchange: the client may have it already.
    if (is_expired) options.message_expiry_s = 0;
    if (put_publish(placed, options)) {
        if (!in_flight.was_sent) shard_.metrics_.publishes_sent.add();
        shard_.metrics_.messages_sent.add();
        shard_.mark_dirty(*this);
        return;
    }
    if (!in_flight.was_sent) shard_.metrics_.too_large.add();
    give_up(in_flight);
}

/// It cannot be sent again. At QoS 2 the client may hold its id from before: until a PUBREL it
/// takes whatever comes next under that id for a repeat.
void MqttClient::give_up(const session::InFlight& in_flight) {
    session::Outbound& outbound = session_->outbound;
    if (in_flight.qos != mqtt::Qos::exactly_once || !in_flight.was_sent) {
        outbound.drop(in_flight.packet_id);
        forget_share(in_flight.seq);
        return;
    }
    const mqtt::Ack received{.type = mqtt::PacketType::pubrec, .packet_id = in_flight.packet_id};
    std::ignore = act_on(outbound.on_pubrec(received.packet_id, received.reason), received);
}

Pulled MqttClient::pull_owed() {
    while (owes()) {
        if (!has_output_room()) return Pulled::again;
        if (!session_->outbound.has_room()) return Pulled::waits;
        log::BlockRef block;
        std::size_t index = 0;
        switch (shard_.look_up(*this, session_->owed.front(), block, index)) {
            case Shard::Lookup::later:
                return Pulled::waits;
            case Shard::Lookup::gone:
                shard_.metrics_.publishes_dropped.add();
                break;
            case Shard::Lookup::found:
                if (deliver(Shard::placed(*block, index)) == Taken::window_full) {
                    return Pulled::waits;
                }
                break;
        }
        session_->owed.pop();
    }
    return Pulled::done;
}

/// Retained copies: an iterator, pulled as the socket drains (rule **Position of a packet**).
Pulled MqttClient::pull_retained() {
    while (!retained_.empty()) {
        RetainedCopies& copies = retained_.front();
        const session::Subscription* wanted = subscriptions().find(copies.filter);
        if (wanted == nullptr || (copies.entries.empty() && copies.is_last_page)) {
            retained_.pop_front();
            continue;
        }
        if (copies.entries.empty()) {
            copies.as_of = shard_.shared_.retained.changes();
            // `max_seq` is exclusive here, inclusive there.
            auto page = shard_.shared_.retained.page(
                {.filter = copies.filter,
                 .resume_after = copies.resume_after,
                 .max_seq = static_cast<Seq>(number(copies.max_seq) - 1),
                 .limits = {.scanned_max = shard_.settings().retained_scan_per_turn}});
            copies.is_last_page = !page.next;
            copies.resume_after = std::move(page.next);
            std::move(page.entries.begin(), page.entries.end(), std::back_inserter(copies.entries));
            if (copies.entries.empty() && !copies.is_last_page) return Pulled::again;
            continue;
        }
        if (!has_output_room()) return Pulled::again;
        if (send_retained(copies, *wanted) == Taken::window_full) {
            return Pulled::waits;
        }
        copies.entries.pop_front();
    }
    return Pulled::done;
}

Taken MqttClient::send_retained(const RetainedCopies& copies, const session::Subscription& wanted) {
    const RetainedView::Entry& entry = copies.entries.front();
    const log::Record record = log::intact_record(entry.record_bytes);
    if (!may_read(record.topic)) return Taken::yes;
    if (!record.topic.starts_with(mount_point_)) return Taken::yes;
    // Its publisher may have lost the right since (rule **Access**).
    if (shard_.settings().check_retain_source && !record.author.empty() &&
        !entrance_.acl->may_write(SessionStore::identity_of(record.author), record.topic)) {
        return Taken::yes;
    }
    // What replaced it since the page was made has come live: no stale value follows it.
    const RetainedView& view = shard_.shared_.retained;
    if (view.changes() != copies.as_of && !view.is_current(record.topic, entry.seq)) {
        return Taken::yes;
    }
    session::Match match{.qos = wanted.options.qos};
    if (!shard_.settings().upgrades_qos) {
        match.qos = std::min(match.qos, static_cast<mqtt::Qos>(record.qos));
    }
    if (match.qos != mqtt::Qos::at_most_once) {
        if (!session_->outbound.has_room()) return Taken::window_full;
        // Nobody acknowledges what can vanish (rule **Position of a packet**).
        if (entry.seq >= shard_.shared_.log.durable_end()) {
            shard_.await_durable(*this);
            return Taken::window_full;
        }
    }
    if (wanted.id != 0) match.ids.push_back(wanted.id);
    send_delivery({entry.seq, entry.time, record}, match,
                  {.is_retained_copy = true, .retain = true});  // [MQTT-3.3.1-8]
    return Taken::yes;
}

}  // namespace firehose::bus
