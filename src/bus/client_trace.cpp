// SPDX-License-Identifier: Apache-2.0
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// What an operator sees of one client: its packets while it is traced, its row in a list.
namespace firehose::bus {
namespace {

std::string_view name_of(std::optional<mqtt::Version> version) {
    if (!version) return "";
    switch (*version) {
        case mqtt::Version::v31:
            return "3.1";
        case mqtt::Version::v311:
            return "3.1.1";
        case mqtt::Version::v5:
            return "5.0";
    }
    return "";
}

}  // namespace

/// What a feed's members share is sent without passing here: their own packets are told only.
void MqttClient::trace(TraceLine::Direction direction, const mqtt::Frame& frame) const {
    using mqtt::PacketType;
    const mqtt::Version version = version_.value_or(mqtt::Version::v311);
    TraceLine line{.time = shard_.wall(),
                   .direction = direction,
                   .type = frame.type,
                   .bytes = frame.packet.size()};
    if (frame.type == PacketType::publish) {
        if (const auto publish = mqtt::decode_publish(frame, version)) {
            line.topic = publish->topic;
            line.qos = static_cast<std::uint8_t>(publish->qos);
            if (publish->qos != mqtt::Qos::at_most_once) line.packet_id = publish->packet_id;
            shard_.tell(terms_.client_id, line);
            return;
        }
    }
    if (frame.type >= PacketType::puback && frame.type <= PacketType::pubcomp) {
        if (const auto ack = mqtt::decode_ack(frame, version)) {
            line.packet_id = ack->packet_id;
            line.reason = static_cast<std::uint8_t>(ack->reason);
        }
    }
    shard_.tell(terms_.client_id, line);
}

void MqttClient::trace_sent(ByteSpan packet) const {
    const auto frame = mqtt::next_frame(packet, static_cast<std::uint32_t>(packet.size()));
    if (frame && *frame) trace(TraceLine::Direction::out, **frame);
}

void MqttClient::inspect(ConnectionRow& row) const {
    constexpr std::string_view kHeld[] = {"",    "authentication", "connack", "window",
                                          "log", "replies",        "turn",    "quota"};
    row.client_id = terms_.client_id;
    row.user_name = identity().user_name;
    row.transport = websocket_ ? "websocket" : "mqtt";
    row.version = name_of(version_);
    row.held = kHeld[static_cast<std::size_t>(hold_)];
    row.connected_s = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(shard_.now() - accepted_at_).count());
    row.input_bytes = input_.size();
    row.in_flight = session_ == nullptr ? 0 : session_->outbound.in_flight().size();
}

}  // namespace firehose::bus
