// SPDX-License-Identifier: Apache-2.0
#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "topic/topic_filter.h"
#include "topic/topic_name.h"

// What is refused or slowed because there is too much of it (design.md section 7). Every limit has
// a name in config/options.cpp and a counter in LimitMetrics.
namespace firehose::bus {
namespace {

using mqtt::ReasonCode;

}  // namespace

/// A CONNECT that is refused before anything is made for it.
std::optional<ReasonCode> MqttClient::refused_connect(const mqtt::Connect& connect) {
    const Settings& settings = shard_.settings();
    LimitMetrics& met = shard_.metrics_.limits;
    if (peer_.lease.is_over() || peer_.place.is_over()) return ReasonCode::quota_exceeded;
    if (peer_.lease.take_connect(shard_.now()).count() > 0) {
        return ReasonCode::connection_rate_exceeded;
    }
    if (connect.client_id.size() > settings.client_id_bytes_max) {
        met.client_id_bytes.add();
        return ReasonCode::client_identifier_not_valid;
    }
    if (connect.user_name.value_or("").size() > settings.user_name_bytes_max) {
        met.user_name_bytes.add();
        return ReasonCode::bad_user_name_or_password;
    }
    if (connect.user_properties.size() > settings.user_properties_max) {
        met.user_properties.add();
        return ReasonCode::quota_exceeded;
    }
    return std::nullopt;
}

/// A SUBSCRIBE that is not looked at.
std::optional<ReasonCode> MqttClient::refused_subscribe(const mqtt::Subscribe& subscribe) {
    if (subscribe.entries.size() > shard_.settings().filters_per_subscribe_max) {
        shard_.metrics_.limits.filters_per_subscribe.add();
        return ReasonCode::quota_exceeded;
    }
    if (peer_.lease.take_subscribe(shard_.now()).count() > 0) return ReasonCode::quota_exceeded;
    return std::nullopt;
}

MqttClient::Flow MqttClient::refuse_subscribe(const mqtt::Subscribe& subscribe, ReasonCode reason) {
    // 3.1 has no word for a refusal [MQTT311-3.9.3-2]: better a close than a grant that is none.
    if (version_ == mqtt::Version::v31) return disconnect(reason, "");
    mqtt::Suback suback{.packet_id = subscribe.packet_id};
    suback.reasons.assign(subscribe.entries.size(), reason);  // [MQTT-3.9.3-1]
    send(suback);
    return Flow::next;
}

/// Takes an UNSUBSCRIBE from what its address may ask for now. False: it is to be held. No packet
/// says that there are too many; a SUBSCRIBE costs the bus no more.
bool MqttClient::is_within_rate() {
    const Microseconds wait = peer_.lease.take_subscribe(shard_.now());
    if (wait.count() == 0) return true;
    held_until_ = shard_.now() + wait;
    shard_.wake_no_later_than(held_until_);
    return false;
}

/// One with more filters than one packet may have: 3.x has no word for it.
MqttClient::Flow MqttClient::refuse_unsubscribe(const mqtt::Unsubscribe& unsubscribe,
                                                ReasonCode reason) {
    if (version_ != mqtt::Version::v5) return disconnect(ReasonCode::quota_exceeded, "");
    mqtt::Unsuback unsuback{.packet_id = unsubscribe.packet_id};
    unsuback.reasons.assign(unsubscribe.filters.size(), reason);
    send(unsuback);
    return Flow::next;
}

/// One filter, valid; of a shared subscription what is matched.
std::optional<ReasonCode> MqttClient::refused_filter(std::string_view filter) {
    const Settings& settings = shard_.settings();
    LimitMetrics& met = shard_.metrics_.limits;
    if (filter.size() > settings.topic_bytes_max) {
        met.topic_bytes.add();
        return ReasonCode::topic_filter_invalid;
    }
    if (topic::level_count(filter) > settings.topic_levels_max) {
        met.topic_levels.add();
        return ReasonCode::topic_filter_invalid;
    }
    if (!settings.anonymous_wildcard_all && !identity().user_name &&
        topic::is_wildcard_all(filter)) {
        met.wildcard_all.add();
        return ReasonCode::not_authorized;
    }
    return std::nullopt;
}

/// A subscription of the session that is a new one.
std::optional<ReasonCode> MqttClient::refused_one_more(std::string_view filter) {
    const Settings& settings = shard_.settings();
    LimitMetrics& met = shard_.metrics_.limits;
    const session::Subscriptions& all = subscriptions();
    if (all.size() + session_->shared.size() >= settings.subscriptions_max) {
        met.subscriptions.add();
        return ReasonCode::quota_exceeded;
    }
    std::size_t bytes = all.filter_bytes() + filter.size();
    for (const auto& [shared, options] : session_->shared) bytes += shared.size();
    if (bytes > settings.subscription_bytes_max) {
        met.subscription_bytes.add();
        return ReasonCode::quota_exceeded;
    }
    return std::nullopt;
}

/// A topic that is published to, and is too long or too deep.
std::optional<ReasonCode> MqttClient::refused_topic(std::string_view topic) {
    const Settings& settings = shard_.settings();
    LimitMetrics& met = shard_.metrics_.limits;
    if (topic.size() > settings.topic_bytes_max) {
        met.topic_bytes.add();
        return ReasonCode::topic_name_invalid;
    }
    if (topic::level_count(topic) > settings.topic_levels_max) {
        met.topic_levels.add();
        return ReasonCode::topic_name_invalid;
    }
    return std::nullopt;
}

/// A PUBLISH that is answered with a refusal, and no record, whatever its topic.
std::optional<ReasonCode> MqttClient::refused_publish(const mqtt::Publish& publish,
                                                      std::string_view topic) {
    const Settings& settings = shard_.settings();
    LimitMetrics& met = shard_.metrics_.limits;
    // Each takes five bytes at least: most packets need not be counted.
    constexpr std::size_t kBytesMin = 5;
    if (publish.properties.size() > settings.user_properties_max * kBytesMin &&
        mqtt::user_properties(publish.properties).size() > settings.user_properties_max) {
        met.user_properties.add();
        return ReasonCode::quota_exceeded;
    }
    if (!publish.retain || publish.payload.empty()) return std::nullopt;
    // The view is folded at the tail: what one turn brings may come on top of the bounds.
    const RetainedView& retained = shard_.shared_.retained;
    if (retained.count() >= settings.retained_count_max && !retained.holds(topic)) {
        met.retained_count.add();
        return ReasonCode::quota_exceeded;
    }
    if (retained.bytes() + publish.payload.size() > settings.retained_bytes_max) {
        met.retained_bytes.add();
        return ReasonCode::quota_exceeded;
    }
    return std::nullopt;
}

/// Takes the PUBLISH from what its publisher may send now. False: it is to be held, as is what
/// follows it; nothing is lost.
bool MqttClient::is_within_quota(const mqtt::Publish& publish) {
    if (peer_.lease.is_exempt()) return true;
    const std::size_t bytes =
        publish.topic.size() + publish.properties.size() + publish.payload.size();
    const auto& user = session_->identity.user_name;
    const Microseconds wait = user ? shard_.quota_of(*user).try_take(
                                         shard_.settings().user_publishes, shard_.now(), bytes)
                                   : peer_.lease.take_publish(shard_.now(), bytes);
    if (wait.count() == 0) return true;
    shard_.metrics_.limits.publish_quota.add();
    held_until_ = shard_.now() + wait;
    shard_.wake_no_later_than(held_until_);
    return false;
}

/// What a stranger sends while its password is checked waits in our memory: not much of it.
void MqttClient::bound_waiting_input() {
    if (hold_ != Hold::authentication || is_closing_) return;
    if (input_.size() <= shard_.settings().connect_bytes_max) return;
    shard_.metrics_.limits.connect_bytes.add();
    refuse(ReasonCode::quota_exceeded, "");
}

void MqttClient::note_frame_error(const mqtt::ProtocolError& error) {
    if (error.reason != ReasonCode::packet_too_large) return;
    LimitMetrics& met = shard_.metrics_.limits;
    (handshake_.is_connected() ? met.packet_bytes : met.connect_bytes).add();
}

}  // namespace firehose::bus
