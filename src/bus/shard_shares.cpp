// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "topic/topic_filter.h"

// Shared subscriptions: the fold of the log into the table, members that leave, the start.
namespace firehose::bus {

/// A durable record: what it gives to members whose clients are here is handed over at once, where
/// they can take it.
void Shard::fold_shared(const PlacedRecord& placed) {
    given_.clear();
    shares_.fold(placed.seq, placed.record, is_erased(placed), given_);
    if (placed.record.kind == log::RecordKind::group_left) {
        const auto written =
            std::find_if(leaving_.begin(), leaving_.end(), [&](const Leaving& leaving) {
                return leaving.session == placed.record.publisher &&
                       leaving.ticket != log::Ticket{};
            });
        if (written != leaving_.end()) leaving_.erase(written);
    }
    for (const PublisherId member : given_) {
        ClientSession* session = sessions_.find(member);
        if (session != nullptr && session->client != nullptr) session->client->on_share(placed);
    }
    metrics_.publishes_dropped.add(shares_.lost() - std::exchange(shares_lost_, shares_.lost()));
}

/// The session leaves a group. `is_ending`: and does not acknowledge what is in flight any more.
void Shard::leave_group(const ClientSession& session, const std::string& filter, bool is_ending) {
    session::GroupLeft left{.filter = filter,
                            .cursor = durable_position_,
                            .unacknowledged = shares_.unbegun(session.publisher, filter)};
    if (is_ending) {
        for (const session::InFlight& delivery : session.outbound.in_flight()) {
            if (delivery.shared_filter != filter) continue;
            // QoS 2 that the client may have is nobody else's. [MQTT-4.8.2-5]
            const bool is_movable = delivery.qos == mqtt::Qos::at_least_once || !delivery.was_sent;
            if (is_movable) left.unacknowledged.push_back(delivery.seq);
        }
    }
    leaving_.push_back({session.publisher, std::move(left), log::Ticket{}});
    write_leaving();
}

/// While the log takes nothing durable they wait; a member that leaves keeps its turns until then.
void Shard::write_leaving() {
    if (!takes_durable()) return;
    for (Leaving& leaving : leaving_) {
        if (leaving.ticket != log::Ticket{}) continue;
        ByteBuffer payload;
        session::encode_control(leaving.left, payload);
        leaving.ticket = publish({.kind = log::RecordKind::group_left,
                                  .payload = payload,
                                  .publisher = leaving.session});
    }
}

bool Shard::has_unwritten_leaving() const {
    return std::any_of(leaving_.begin(), leaving_.end(),
                       [](const Leaving& leaving) { return leaving.ticket == log::Ticket{}; });
}

/// Written again when the log takes it.
void Shard::on_leaving_refused(log::Ticket ticket) {
    for (Leaving& leaving : leaving_) {
        if (leaving.ticket == ticket) leaving.ticket = log::Ticket{};
    }
}

void Shard::note_adopted(const session::StoredSession& stored) {
    for (const session::Subscribed::Entry& entry : stored.subscriptions) {
        if (topic::is_shared(entry.filter)) {
            adopted_.push_back({stored.id, entry.filter, entry.options.qos});
        }
    }
}

void Shard::start_shares() {
    keeps_shares_ = true;
    const auto is_adopted = [this](const ShareTable::Membership& member) {
        return std::any_of(adopted_.begin(), adopted_.end(), [&](const Adopted& adopted) {
            return adopted.session == member.member && adopted.filter == member.filter;
        });
    };
    bool has_volatile = false;
    for (const ShareTable::Membership& member : shares_.memberships()) {
        has_volatile = has_volatile || !member.is_durable;
        if (!member.is_durable || is_adopted(member)) continue;
        // Its session is gone, though nothing said that it left.
        const std::string filter{member.filter};
        leaving_.push_back({member.member,
                            {.filter = filter,
                             .cursor = durable_position_,
                             .unacknowledged = shares_.unbegun(member.member, filter)},
                            log::Ticket{}});
    }
    if (has_volatile) std::ignore = publish({.kind = log::RecordKind::epoch});
    for (const Adopted& adopted : std::exchange(adopted_, {})) {
        if (shares_.is_member(adopted.session, adopted.filter)) continue;
        ByteBuffer payload;
        session::encode_control(
            session::GroupJoined{.filter = adopted.filter, .qos = adopted.qos, .is_durable = true},
            payload);
        std::ignore = publish({.kind = log::RecordKind::group_joined,
                               .payload = payload,
                               .publisher = adopted.session});
    }
    write_leaving();
}

}  // namespace firehose::bus
