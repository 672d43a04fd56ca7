// SPDX-License-Identifier: Apache-2.0
// What each packet from the server means to the client.
#include <sstream>
#include <utility>

#include "client/client.h"
#include "mqtt/properties.h"
#include "mqtt/wire_reader.h"

namespace firehose::client {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {

void note_properties(const mqtt::Publish& publish, Message& message) {
    message.message_expiry_s = publish.message_expiry_s;
    message.subscription_ids = publish.subscription_ids;
    mqtt::WireReader in{publish.properties};
    mqtt::PropertyReader properties{in, mqtt::PropertyScope::publish, publish.properties.size()};
    while (const auto property = properties.next()) {
        if (property->id == mqtt::PropertyId::user_property) {
            message.user_properties.emplace_back(property->text, property->value);
        } else if (property->id == mqtt::PropertyId::content_type) {
            message.content_type = property->text;
        } else if (property->id == mqtt::PropertyId::response_topic) {
            message.response_topic = property->text;
        } else if (property->id == mqtt::PropertyId::correlation_data) {
            message.correlation_data.emplace(property->data.begin(), property->data.end());
        }
    }
}

}  // namespace

void Client::on_bytes(ByteSpan bytes, MonotonicTime now) {
    now_ = now;
    ByteSpan rest = bytes;
    if (!input_.empty()) {
        append(input_, bytes);
        rest = input_;
    }
    while (state_ == State::connecting || state_ == State::connected) {
        const auto frame = mqtt::next_frame(rest, options_.packet_bytes_max);
        if (!frame) break_off(frame.error());
        if (!frame || !frame->has_value()) break;
        keep_alive_.on_heard(now);
        on_frame(**frame);
        rest = rest.subspan((*frame)->packet.size());
    }
    if (state_ == State::over) rest = {};
    input_ = ByteBuffer{rest.begin(), rest.end()};
    pump();
}

void Client::on_frame(const mqtt::Frame& frame) {
    const bool is_connack = frame.type == PacketType::connack;
    if (is_connack != (state_ == State::connecting)) {
        break_off(ReasonCode::protocol_error,
                  is_connack ? "the server sent a second CONNACK"
                             : "the server's first packet is no CONNACK [MQTT-3.2.0-1]");
        return;
    }
    switch (frame.type) {
        case PacketType::connack:
            return on_connack(frame);
        case PacketType::publish:
            return on_publish(frame);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return on_ack(frame);
        case PacketType::suback:
            return on_suback(frame);
        case PacketType::unsuback:
            return on_unsuback(frame);
        case PacketType::pingresp:
            return on_pingresp(frame);
        case PacketType::disconnect:
            return on_disconnect(frame);
        case PacketType::connect:
        case PacketType::subscribe:
        case PacketType::unsubscribe:
        case PacketType::pingreq:
        case PacketType::auth:  // We ask for no authentication method.
            break_off(ReasonCode::protocol_error,
                      "the server sent a packet that servers do not send");
            return;
    }
}

void Client::on_connack(const mqtt::Frame& frame) {
    const auto connack = decode_connack(frame, options_.version);
    if (!connack) return break_off(connack.error());
    if (connack->reason != ReasonCode::success) {
        events_.emplace_back(Refused{.reason = connack->reason,
                                     .text = std::string{connack->reason_string.value_or("")}});
        state_ = State::over;
        return;
    }
    state_ = State::connected;
    had_session_ = true;
    if (connack->assigned_client_id) client_id_ = *connack->assigned_client_id;
    server_ = {.packet_bytes_max = connack->maximum_packet_size,
               .qos_max = connack->maximum_qos.value_or(mqtt::Qos::exactly_once),
               .has_retain = connack->retain_available.value_or(true)};
    // [MQTT-3.2.2-21]: the server's Keep Alive replaces ours.
    const auto keep_alive = connack->server_keep_alive_s
                                ? std::chrono::seconds{*connack->server_keep_alive_s}
                                : options_.keep_alive;
    keep_alive_.start(now_, keep_alive, options_.ping_timeout);
    events_.emplace_back(Connected{.session_present = connack->session_present});
    if (!connack->session_present) inbound_.forget();
    const std::size_t window = connack->receive_maximum.value_or(65'535);
    for (const Token token : outbound_.start(connack->session_present, window)) {
        events_.emplace_back(Published{.token = token});
    }
}

void Client::on_publish(const mqtt::Frame& frame) {
    const auto publish = decode_publish(frame, options_.version);
    if (!publish) return break_off(publish.error());
    if (publish->topic_alias) {
        return break_off(ReasonCode::topic_alias_invalid,
                         "the server used a Topic Alias, which was not offered [MQTT-3.1.2-27]");
    }
    if (publish->qos == mqtt::Qos::exactly_once) {
        // 3.1.1 servers were told no limit; the set is bounded by the identifiers then.
        const std::size_t limit =
            options_.version == mqtt::Version::v5 ? options_.receive_maximum : 65'535;
        const auto arrival = inbound_.on_publish(publish->packet_id, limit);
        if (arrival == InboundQos2::Arrival::is_too_many) {
            return break_off(ReasonCode::receive_maximum_exceeded,
                             "the server exceeded the Receive Maximum [MQTT-3.3.4-9]");
        }
        reply(PacketType::pubrec, publish->packet_id);
        if (arrival == InboundQos2::Arrival::is_repeated) return;
    }
    Message message{.topic = std::string{publish->topic},
                    .payload = {publish->payload.begin(), publish->payload.end()},
                    .qos = publish->qos,
                    .retain = publish->retain,
                    .dup = publish->dup};
    note_properties(*publish, message);
    events_.emplace_back(std::move(message));
    if (publish->qos == mqtt::Qos::at_least_once) reply(PacketType::puback, publish->packet_id);
}

void Client::on_ack(const mqtt::Frame& frame) {
    const auto ack = decode_ack(frame, options_.version);
    if (!ack) return break_off(ack.error());
    if (ack->type == PacketType::pubrel) {
        const bool is_known = inbound_.on_pubrel(ack->packet_id);
        return reply(PacketType::pubcomp, ack->packet_id,
                     is_known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
    }
    const auto answer = outbound_.on_ack(ack->type, ack->packet_id, ack->reason);
    switch (answer.kind) {
        case Outbound::Answer::Kind::go_on:
            return reply(PacketType::pubrel, ack->packet_id);
        case Outbound::Answer::Kind::done:
            events_.emplace_back(Published{.token = answer.token, .reason = ack->reason});
            return;
        case Outbound::Answer::Kind::unknown:
            // A PUBREC has to be answered all the same (4.3.3); the others end here.
            if (ack->type == PacketType::pubrec && ack->reason < ReasonCode::unspecified_error) {
                reply(PacketType::pubrel, ack->packet_id, ReasonCode::packet_identifier_not_found);
            }
            return;
        case Outbound::Answer::Kind::wrong:
            return break_off(ReasonCode::protocol_error,
                             "the server acknowledged a message with the wrong packet");
    }
}

void Client::on_suback(const mqtt::Frame& frame) {
    const auto suback = decode_suback(frame, options_.version);
    if (!suback) return break_off(suback.error());
    const auto request = finish_request(suback->packet_id, Awaited::suback, suback->reasons.size());
    if (!request) return;
    events_.emplace_back(Subscribed{.token = request->token,
                                    .reasons = suback->reasons,
                                    .text = std::string{suback->reason_string.value_or("")}});
}

void Client::on_unsuback(const mqtt::Frame& frame) {
    const auto unsuback = decode_unsuback(frame, options_.version);
    if (!unsuback) return break_off(unsuback.error());
    const auto request =
        finish_request(unsuback->packet_id, Awaited::unsuback, unsuback->reasons.size());
    if (!request) return;
    events_.emplace_back(Unsubscribed{.token = request->token, .reasons = unsuback->reasons});
}

std::optional<Client::Request> Client::finish_request(std::uint16_t packet_id, Awaited answer,
                                                      std::size_t count) {
    const auto found = requests_.find(packet_id);
    const bool has_count = answer == Awaited::suback || options_.version == mqtt::Version::v5;
    if (found == requests_.end() || found->second.answer != answer ||
        (has_count && found->second.count != count)) {
        break_off(ReasonCode::protocol_error,
                  "the server answered a request that was not made [MQTT-3.8.4-6]");
        return std::nullopt;
    }
    const Request request = found->second;
    requests_.erase(found);
    packet_ids_.give_back(packet_id);
    return request;
}

void Client::on_pingresp(const mqtt::Frame& frame) {
    if (const auto checked = check_ping(frame); !checked) break_off(checked.error());
}

void Client::on_disconnect(const mqtt::Frame& frame) {
    if (options_.version != mqtt::Version::v5) {
        return break_off(ReasonCode::protocol_error, "the server sent DISCONNECT before 5.0");
    }
    const auto disconnect = decode_disconnect(frame, options_.version);
    if (!disconnect) return break_off(disconnect.error());
    state_ = State::over;
    events_.emplace_back(HangUp{.reason = disconnect->reason,
                                .text = std::string{disconnect->reason_string.value_or(
                                    "the server closed the connection")}});
}

void Client::reply(PacketType type, std::uint16_t packet_id, ReasonCode reason) {
    encode(mqtt::Ack{.type = type, .packet_id = packet_id, .reason = reason}, options_.version,
           output_);
    keep_alive_.on_sent(now_);
}

void Client::break_off(const mqtt::ProtocolError& error) {
    std::ostringstream text;
    text << "the server broke the protocol: " << error;
    break_off(error.reason, std::move(text).str());
}

}  // namespace firehose::client
