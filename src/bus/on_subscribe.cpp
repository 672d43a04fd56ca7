// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/log.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "topic/topic_filter.h"
#include "topic/topic_name.h"

// SUBSCRIBE and UNSUBSCRIBE take effect at one position of the log.
namespace firehose::bus {
namespace {

constexpr mqtt::ReasonCode kGrantedMax{2};  // Larger ones refuse.

}  // namespace

MqttClient::Flow MqttClient::on_subscribe(const mqtt::Subscribe& subscribe) {
    const bool has_shared =
        std::any_of(subscribe.entries.begin(), subscribe.entries.end(),
                    [](const auto& entry) { return topic::is_shared(entry.filter); });
    for (const mqtt::Subscribe::Entry& entry : subscribe.entries) {
        if (entry.options.no_local && topic::is_shared(entry.filter)) {
            return disconnect(mqtt::ReasonCode::protocol_error, "MQTT-3.8.3-4");
        }
    }
    const bool is_durable = session_->is_durable();
    const bool is_recorded = is_durable || has_shared;
    if (is_recorded && shard_.is_log_full()) return hold_back(Hold::log);
    if (!shard_.take_subscribe()) return hold_back(Hold::turn);
    if (const auto refused = refused_subscribe(subscribe)) {
        return refuse_subscribe(subscribe, *refused);
    }
    mqtt::Suback suback{.packet_id = subscribe.packet_id};  // [MQTT-3.8.4-2]
    if (is_recorded && !shard_.takes_durable()) {
        suback.reasons.assign(subscribe.entries.size(), mqtt::ReasonCode::quota_exceeded);
        send(suback);  // Rule **Degraded**.
        return Flow::next;
    }
    shard_.settle();
    const std::size_t copies_before = retained_.size();
    session::Subscribed subscribed;
    std::vector<session::GroupJoined> joined;
    for (const mqtt::Subscribe::Entry& entry : subscribe.entries) {
        const mqtt::ReasonCode reason = subscribe_one(entry, subscribe.subscription_id.value_or(0));
        const bool is_granted = reason <= kGrantedMax;
        // 3.1 has no word for a refusal: it says what was asked for, and nothing comes.
        const bool can_say = is_granted || version_ != mqtt::Version::v31;
        suback.reasons.push_back(can_say ? reason
                                         : static_cast<mqtt::ReasonCode>(entry.options.qos));
        if (!is_granted) continue;
        const session::Subscription& made = *made_of(entry.filter);
        if (is_durable) {
            subscribed.entries.push_back({.filter = std::string{entry.filter},
                                          .options = made.options,
                                          .id = made.id,
                                          .from_seq = made.from_seq});
        }
        if (topic::is_shared(entry.filter)) {
            joined.push_back({.filter = std::string{entry.filter},
                              .qos = made.options.qos,
                              .is_durable = is_durable});
        }
    }
    log::Ticket ticket{};
    if (!subscribed.entries.empty()) ticket = shard_.record(*session_, subscribed);
    for (const session::GroupJoined& group : joined) ticket = shard_.record(*session_, group);
    if (ticket == log::Ticket{}) {
        send(suback);  // [MQTT-3.8.4-1], [MQTT-3.8.4-6]
    } else {
        send_after(ticket, suback);
    }
    if (wants_sys_) send_sys(shard_.sys_.values(), nullptr);
    refresh_index();
    reselect();
    if (retained_.size() > copies_before) shard_.queue_pull(*this);
    return Flow::next;
}

/// What was subscribed, ordinary or shared. Null: nothing.
const session::Subscription* MqttClient::made_of(std::string_view filter) const {
    if (!topic::is_shared(filter)) return subscriptions().find(filter);
    const auto found = session_->shared.find(filter);
    return found == session_->shared.end() ? nullptr : &found->second;
}

mqtt::ReasonCode MqttClient::subscribe_one(const mqtt::Subscribe::Entry& entry, std::uint32_t id) {
    const std::string_view filter = entry.filter;
    const Settings& settings = shard_.settings();
    if (topic::is_shared(filter)) return subscribe_shared(entry, id);
    if (!topic::is_valid_filter(filter)) return mqtt::ReasonCode::topic_filter_invalid;
    if (const auto refused = refused_filter(filter)) return *refused;
    if (subscriptions().find(filter) == nullptr) {
        if (const auto refused = refused_one_more(filter)) return *refused;
    }
    const bool is_sys = filter == "$SYS" || filter.starts_with("$SYS/");
    if (topic::is_dollar(filter) && !is_sys && !settings.grants_reserved_filters) {
        return mqtt::ReasonCode::topic_filter_invalid;
    }
    session::Subscriptions& subscriptions = session_->subscriptions;
    mqtt::SubscriptionOptions options = entry.options;
    options.qos = std::min(options.qos, limits_.qos_max);  // [MQTT-3.8.4-7]
    FH_LOG(subscribe, "client_subscribed", {"client", identity().client_id}, {"filter", filter},
           {"qos", static_cast<int>(options.qos)});
    const bool is_new = subscriptions.add(
        filter, {.options = options, .id = id, .from_seq = shard_.tail_position()});
    if (is_new) shard_.metrics_.subscriptions.add();
    wants_sys_ = wants_sys_ || is_sys;
    // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]
    const auto handling = entry.options.retain_handling;
    if (!is_sys && (handling == mqtt::RetainHandling::send ||
                    (handling == mqtt::RetainHandling::send_if_new && is_new))) {
        std::erase_if(retained_, [&](const auto& copies) { return copies.filter == filter; });
        retained_.push_back({.filter = std::string{filter}, .max_seq = shard_.tail_position()});
    }
    return static_cast<mqtt::ReasonCode>(options.qos);
}

MqttClient::Flow MqttClient::on_unsubscribe(const mqtt::Unsubscribe& unsubscribe) {
    const bool is_recorded = session_->is_durable();
    if (is_recorded && shard_.is_log_full()) return hold_back(Hold::log);
    if (!shard_.take_subscribe()) return hold_back(Hold::turn);
    const bool is_too_long =
        unsubscribe.filters.size() > shard_.settings().filters_per_subscribe_max;
    if (is_too_long) shard_.metrics_.limits.filters_per_subscribe.add();
    if (is_too_long || (is_recorded && !shard_.takes_durable())) {
        return refuse_unsubscribe(unsubscribe, mqtt::ReasonCode::implementation_specific_error);
    }
    if (!is_within_rate()) return hold_back(Hold::quota);
    mqtt::Unsuback unsuback{.packet_id = unsubscribe.packet_id};  // [MQTT-3.10.4-4]
    shard_.settle();
    leave_index();
    session::Unsubscribed gone;
    for (const std::string_view filter : unsubscribe.filters) {
        FH_LOG(unsubscribe, "client_unsubscribed", {"client", identity().client_id},
               {"filter", filter});
        const bool is_shared = topic::is_shared(filter);
        const bool was_there =
            is_shared ? unsubscribe_shared(filter) : session_->subscriptions.remove(filter);
        if (was_there && !is_shared) shard_.metrics_.subscriptions.subtract();
        if (was_there && is_recorded) gone.filters.emplace_back(filter);
        std::erase_if(retained_, [&](const auto& copies) { return copies.filter == filter; });
        unsuback.reasons.push_back(was_there ? mqtt::ReasonCode::success
                                             : mqtt::ReasonCode::no_subscription_existed);
    }
    if (gone.filters.empty()) {
        send(unsuback);
    } else {
        send_after(shard_.record(*session_, gone), unsuback);
    }
    note_sys();
    refresh_index();
    reselect();
    return Flow::next;
}

void MqttClient::note_sys() {
    const auto& all = session_->subscriptions.all();
    wants_sys_ = std::any_of(all.begin(), all.end(),
                             [](const auto& entry) { return entry.first.starts_with("$SYS"); });
}

/// A client that reads by itself is known to the tail reader by all its filters.
void MqttClient::enter_index() {
    if (slot_ || is_feedable() || subscriptions().is_empty()) return;
    slot_index_ = wants_durable() ? &shard_.durable_index_ : &shard_.index_;
    slot_ = slot_index_->add(this, identity(), *entrance_.acl);
    for (const auto& [filter, subscription] : subscriptions().all()) {
        slot_index_->add_filter(*slot_, filter);
    }
}

void MqttClient::leave_index() {
    if (!slot_) return;
    for (const auto& [filter, subscription] : subscriptions().all()) {
        slot_index_->remove_filter(*slot_, filter);
    }
    slot_index_->remove(*slot_);
    slot_.reset();
}

void MqttClient::refresh_index() {
    leave_index();
    enter_index();
}

void MqttClient::send_sys(const SysTopics::Values& values, const std::vector<std::string>* only) {
    if (!wants_sys_) return;
    const auto send_value = [&](const std::string& name, const std::string& value) {
        session::Match match;
        if (!has_output_room() ||
            !subscriptions().match({.name = name, .seq = shard_.tail_position()}, match) ||
            !may_read(name)) {
            return;
        }
        PlacedRecord placed;
        placed.record.topic = name;
        placed.record.payload = as_bytes(value);
        if (encode_publish(encoding_, placed,
                           {.retain = only == nullptr, .subscription_ids = match.ids},
                           packet_bytes_max(), output_.own())) {
            shard_.metrics_.messages_sent.add();
            shard_.mark_dirty(*this);
        }
    };
    if (only == nullptr) {
        for (const auto& [name, value] : values) send_value(name, value);
    } else {
        for (const std::string& name : *only) send_value(name, values.find(name)->second);
    }
}

}  // namespace firehose::bus
