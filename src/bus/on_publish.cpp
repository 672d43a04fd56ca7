// SPDX-License-Identifier: Apache-2.0
#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "log/record.h"
#include "topic/topic_name.h"

// PUBLISH and PUBREL: from the client into the log.
namespace firehose::bus {
namespace {

/// A longer one is judged each time, so that what is remembered of it stays small.
constexpr std::size_t kGoodTopicBytesMax = 256;

}  // namespace

MqttClient::Flow MqttClient::on_publish(const mqtt::Publish& publish) {
    session::Inbound& inbound = session_->inbound;
    if (shard_.is_log_full()) return hold_back(Hold::log);
    if (publish.qos != mqtt::Qos::at_most_once && !inbound.can_admit()) {
        shard_.metrics_.limits.publish_inflight.add();
        return hold_back(Hold::window);
    }
    const Settings& settings = shard_.settings();
    if (publish.qos > limits_.qos_max) {
        return disconnect(mqtt::ReasonCode::qos_not_supported, "MQTT-3.2.2-11");
    }
    if (publish.retain && !settings.takes_retained) {
        return disconnect(mqtt::ReasonCode::retain_not_supported, "MQTT-3.2.2-14");
    }
    if (!publish.subscription_ids.empty()) {
        return disconnect(mqtt::ReasonCode::protocol_error, "MQTT-3.3.4-6");
    }
    if (!is_within_quota(publish)) return hold_back(Hold::quota);
    const auto topic = aliases_->resolve(publish.topic, publish.topic_alias);
    if (!topic) return fail(topic.error());
    std::string kept_name;
    if (!mount_point_.empty()) kept_name = mounted_topic(mount_point_, *topic);
    const std::string_view name = mount_point_.empty() ? *topic : kept_name;
    if (publish.qos == mqtt::Qos::exactly_once && inbound.has_unrecorded() &&
        shard_.takes_durable()) {
        // The PUBREL that freed this id comes before its next message in the log.
        shard_.record_exchanges(*session_);
    }
    switch (inbound.on_publish(publish.qos, publish.packet_id)) {
        case session::Verdict::append:
            break;
        case session::Verdict::repeat:
            flush_answers();
            return Flow::next;
        case session::Verdict::exceeded:  // [MQTT-3.3.4-7]
            return disconnect(mqtt::ReasonCode::receive_maximum_exceeded, "MQTT-3.3.4-7");
    }
    shard_.metrics_.publishes_received.add();

    const mqtt::ReasonCode judged = judge(publish, name);
    if (judged != mqtt::ReasonCode::success) {
        shard_.metrics_.publishes_denied.add();
        if (publish.qos == mqtt::Qos::at_most_once) return Flow::next;
        // 3.1.1 has no word for a refusal: acknowledged, and dropped [MQTT311-3.3.5-2].
        inbound.answers_now(publish.qos, publish.packet_id,
                            version_ == mqtt::Version::v5 ? judged : mqtt::ReasonCode::success);
        flush_answers();
        return Flow::next;
    }

    const bool is_refused = !shard_.takes_durable() || inbound.has_withheld();
    if (publish.qos != mqtt::Qos::at_most_once && is_refused) {
        refuse_publish(publish);
        return Flow::next;
    }

    ByteBuffer kept_properties;
    log::Record record{
        .qos = static_cast<std::uint8_t>(publish.qos),
        .retain = publish.retain,
        .payload_is_utf8 = Shard::is_text(publish.payload),
        .topic = name,
        .properties = publish.properties.empty()
                          ? ByteSpan{}
                          : mqtt::without_alias(publish.properties, kept_properties),
        .payload = publish.payload,
        .publisher = session_->publisher,
    };
    std::string author;
    if (publish.retain && !publish.payload.empty()) {
        author = SessionStore::author_of(session_->identity);
        record.author = author;
    }
    if (publish.message_expiry_s) {
        record.expires = shard_.wall() + std::chrono::seconds{*publish.message_expiry_s};
    }
    if (publish.qos == mqtt::Qos::exactly_once) record.inbound_packet_id = publish.packet_id;
    const log::Ticket ticket = shard_.publish(record);
    if (publish.qos != mqtt::Qos::at_most_once) {
        inbound.awaits(publish.qos, publish.packet_id, ticket);
        shard_.await_ticket(ticket, *session_);
    }
    return Flow::next;
}

/// The disk takes nothing (rule **Degraded**): it is refused before it is appended. 3.x has no word
/// for that: the answer is withheld, as of all that follow, and the connection closed in time.
void MqttClient::refuse_publish(const mqtt::Publish& publish) {
    shard_.metrics_.publishes_refused.add();
    session::Inbound& inbound = session_->inbound;
    if (version_ == mqtt::Version::v5) {
        inbound.answers_now(publish.qos, publish.packet_id, mqtt::ReasonCode::quota_exceeded);
    } else {
        inbound.withhold(publish.qos, publish.packet_id);
    }
    flush_answers();
}

/// Whether this client may publish to the topic. What was found good is not asked again while the
/// rules are the same: most publishers stay with one topic for many messages.
mqtt::ReasonCode MqttClient::judge_topic(std::string_view topic) {
    const std::uint64_t epoch = shard_.metrics_.acl_epoch.value();
    if (topic == good_topic_ && epoch == good_topic_epoch_) return mqtt::ReasonCode::success;
    // Rule **Names beginning with $**: what is ours is not published by clients.
    if (topic.starts_with('$')) return mqtt::ReasonCode::topic_name_invalid;
    if (topic.size() > kTopicBytesMax) return mqtt::ReasonCode::topic_name_invalid;  // Mounted.
    if (const auto refused = refused_topic(topic)) return *refused;
    if (!entrance_.acl->may_write(session_->identity, topic)) {
        return mqtt::ReasonCode::not_authorized;
    }
    if (topic.size() > kGoodTopicBytesMax) return mqtt::ReasonCode::success;
    good_topic_ = topic;
    good_topic_epoch_ = epoch;
    return mqtt::ReasonCode::success;
}

/// Whether this client may publish this: success, or the reason why not.
mqtt::ReasonCode MqttClient::judge(const mqtt::Publish& publish, std::string_view topic) {
    const mqtt::ReasonCode judged = judge_topic(topic);
    if (judged != mqtt::ReasonCode::success) return judged;
    if (const auto refused = refused_publish(publish, topic)) return *refused;
    // No record has room for more; they are counted as the packet's, so they may be megabytes.
    if (publish.properties.size() > log::kPropertiesBytesMax) {
        return mqtt::ReasonCode::quota_exceeded;
    }
    const std::uint32_t payload_max = shard_.settings().payload_bytes_max;
    if (payload_max != 0 && publish.payload.size() > payload_max) {
        return mqtt::ReasonCode::implementation_specific_error;
    }
    if (!publish.properties.empty()) {
        for (const mqtt::UserProperty& property : mqtt::user_properties(publish.properties)) {
            // Rule **Reserved properties**.
            if (property.name.starts_with("firehose-") && property.name != "firehose-id") {
                return mqtt::ReasonCode::implementation_specific_error;
            }
        }
    }
    return mqtt::ReasonCode::success;
}

MqttClient::Flow MqttClient::on_pubrel(const mqtt::Ack& ack) {
    if (version_ != mqtt::Version::v5 && session_->inbound.is_pubrec_unsent(ack.packet_id)) {
        return disconnect(mqtt::ReasonCode::protocol_error, "MQTT311-4.3.3-1");
    }
    const auto pubcomp = session_->inbound.on_pubrel(ack.packet_id);
    if (pubcomp) send(*pubcomp);  // [MQTT-4.3.3-11]
    if (session_->inbound.has_unrecorded()) shard_.mark_to_record(*session_);
    return Flow::next;
}

}  // namespace firehose::bus
