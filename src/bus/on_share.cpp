// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "topic/topic_filter.h"
#include "topic/topic_name.h"

// Shared subscriptions of one session: asked for, given up, delivered.
namespace firehose::bus {

/// Who has no identity joins only where that is allowed (rule **Shared subscriptions**).
bool MqttClient::may_share() const {
    return has_user_name_ || shard_.settings().share_anonymous;
}

mqtt::ReasonCode MqttClient::subscribe_shared(const mqtt::Subscribe::Entry& entry,
                                              std::uint32_t id) {
    const auto shared = topic::parse_shared(entry.filter);  // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    // What begins with `$` is no record of the log.
    if (!shared || topic::is_dollar(shared->filter)) return mqtt::ReasonCode::topic_filter_invalid;
    if (const auto refused = refused_filter(shared->filter)) return *refused;
    if (!may_share()) return mqtt::ReasonCode::shared_subscriptions_not_supported;
    auto& shares = session_->shared;
    const std::string filter{entry.filter};
    const bool is_new = !shares.contains(filter);
    if (is_new) {
        if (const auto refused = refused_one_more(filter)) return *refused;
    }
    mqtt::SubscriptionOptions options = entry.options;
    options.qos = std::min(options.qos, limits_.qos_max);  // [MQTT-4.8.2-3]
    shares[filter] = {.options = options, .id = id};
    if (is_new) shard_.metrics_.subscriptions.add();
    return static_cast<mqtt::ReasonCode>(options.qos);
}

/// True: it was there.
bool MqttClient::unsubscribe_shared(std::string_view filter) {
    const auto found = session_->shared.find(filter);
    if (found == session_->shared.end()) return false;
    shard_.leave_group(*session_, found->first, false);
    session_->shared.erase(found);
    shard_.metrics_.subscriptions.subtract();
    return true;
}

/// The table has given this session the record.
void MqttClient::on_share(const PlacedRecord& placed) {
    if (hold_ == Hold::connack) return;
    const ShareTable::Share* share = shard_.shares_.next_of(session_->publisher);
    const bool is_at_hand =
        share != nullptr && share->seq == placed.seq && has_output_room() && !output_.unfinished();
    if (!is_at_hand || deliver_share(*share, placed) == Taken::window_full) {
        shard_.queue_pull(*this);
    }
}

Taken MqttClient::deliver_share(const ShareTable::Share& share, const PlacedRecord& placed) {
    const std::string& filter = shard_.shares_.filter_of(share);
    const log::Record& record = placed.record;
    const auto found = session_->shared.find(filter);
    // It has left; the others are given this when that is read.
    if (found == session_->shared.end()) return Taken::window_full;
    const session::Subscription& wanted = found->second;
    session::Match match{.qos = std::min(wanted.options.qos, static_cast<mqtt::Qos>(record.qos))};
    const bool is_qos_0 = match.qos == mqtt::Qos::at_most_once;
    const session::Outbound& outbound = session_->outbound;
    if (unsent_ || !outbound.has_room() || (is_qos_0 && outbound.has_unsent())) {
        return Taken::window_full;
    }
    bool is_begun = false;
    // Its turn, but not its right: it is nobody else's either (rule **Access**).
    if (entrance_.acl->may_read(identity(), record.topic)) {
        if (wanted.id != 0) match.ids.push_back(wanted.id);
        is_begun = send_delivery(
            placed, match,
            {.retain = wanted.options.retain_as_published && record.retain, .shared = filter});
    } else {
        shard_.metrics_.publishes_dropped.add();
    }
    shard_.shares_.take_next(session_->publisher, is_begun && session_->is_durable());
    return Taken::yes;
}

Pulled MqttClient::pull_shares() {
    ShareTable& shares = shard_.shares_;
    while (const ShareTable::Share* share = shares.next_of(session_->publisher)) {
        if (!has_output_room()) return Pulled::again;
        if (!session_->outbound.has_room()) return Pulled::waits;
        log::BlockRef block;
        std::size_t index = 0;
        switch (shard_.look_up(*this, share->seq, block, index)) {
            case Shard::Lookup::later:
                return Pulled::waits;
            case Shard::Lookup::gone:
                shard_.metrics_.publishes_dropped.add();
                shares.take_next(session_->publisher, false);
                break;
            case Shard::Lookup::found:
                if (deliver_share(*share, Shard::placed(*block, index)) == Taken::window_full) {
                    return Pulled::waits;
                }
                break;
        }
    }
    return Pulled::done;
}

/// An exchange of a shared subscription ended before its record was read.
void MqttClient::forget_share(Seq seq) {
    shard_.shares_.forget(session_->publisher, seq);
}

}  // namespace firehose::bus
