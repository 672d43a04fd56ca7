// SPDX-License-Identifier: Apache-2.0
#include "client/outbound.h"

#include <utility>

#include "base/assert.h"
#include "mqtt/codec.h"

namespace firehose::client {

void Outbound::add(Token token, Stored message) {
    FH_ASSERT(exchanges_.empty() || exchanges_.rbegin()->first < token);
    exchanges_.emplace(token, Exchange{.message = std::move(message)});
}

std::vector<Token> Outbound::start(bool session_present, std::size_t window) {
    std::vector<Token> done;
    for (auto it = exchanges_.begin(); it != exchanges_.end();) {
        Exchange& exchange = it->second;
        exchange.is_on_wire = false;
        if (session_present || exchange.state == State::unsent) {
            ++it;
        } else if (exchange.state == State::released) {
            done.push_back(it->first);
            finish(it++);
        } else {
            // The server knows nothing of it: it goes out as a new message. [MQTT-3.2.2-5]
            by_packet_id_.erase(exchange.packet_id);
            packet_ids_.give_back(exchange.packet_id);
            exchange.packet_id = 0;
            exchange.state = State::unsent;
            ++it;
        }
    }
    next_ = Token{};
    on_wire_ = 0;
    window_ = window;
    return done;
}

bool Outbound::send_next(mqtt::Version version, ByteBuffer& out) {
    const auto it = exchanges_.lower_bound(next_);
    if (it == exchanges_.end() || on_wire_ >= window_) return false;
    Exchange& exchange = it->second;
    if (exchange.state == State::released) {
        // [MQTT-4.4.0-1]: PUBREL again, with the same identifier.
        encode(mqtt::Ack{.type = mqtt::PacketType::pubrel, .packet_id = exchange.packet_id},
               version, out);
    } else {
        const bool is_repeated = exchange.state == State::published;
        if (!is_repeated) {
            exchange.packet_id = packet_ids_.take();
            by_packet_id_.emplace(exchange.packet_id, it->first);
        }
        const Stored& message = exchange.message;
        encode(mqtt::Publish{.dup = is_repeated,  // [MQTT-3.3.1-1]
                             .qos = message.qos,
                             .retain = message.retain,
                             .topic = message.topic,
                             .packet_id = exchange.packet_id,
                             .properties = message.properties,
                             .payload = message.payload},
               version, out);
        exchange.state = State::published;
    }
    exchange.is_on_wire = true;
    ++on_wire_;
    next_ = static_cast<Token>(static_cast<std::uint64_t>(it->first) + 1);
    return true;
}

Outbound::Answer Outbound::on_ack(mqtt::PacketType type, std::uint16_t packet_id,
                                  mqtt::ReasonCode reason) {
    const auto found = by_packet_id_.find(packet_id);
    if (found == by_packet_id_.end()) return {.kind = Answer::Kind::unknown};
    const Token token = found->second;
    const auto it = exchanges_.find(token);
    FH_ASSERT(it != exchanges_.end());
    if (!expects(it->second, type)) return {.kind = Answer::Kind::wrong};

    const bool is_refused = reason >= mqtt::ReasonCode::unspecified_error;
    if (type == mqtt::PacketType::pubrec && !is_refused) {
        // Of a repeated PUBREC too: the server may have missed our PUBREL.
        it->second.state = State::released;
        it->second.message.payload = {};
        return {.kind = Answer::Kind::go_on};
    }
    finish(it);
    return {.kind = Answer::Kind::done, .token = token};
}

bool Outbound::expects(const Exchange& exchange, mqtt::PacketType type) noexcept {
    if (!exchange.is_on_wire) return false;
    if (exchange.message.qos == mqtt::Qos::at_least_once) return type == mqtt::PacketType::puback;
    if (type == mqtt::PacketType::pubrec) return true;
    return type == mqtt::PacketType::pubcomp && exchange.state == State::released;
}

void Outbound::finish(std::map<Token, Exchange>::iterator exchange) {
    if (exchange->second.is_on_wire) --on_wire_;
    by_packet_id_.erase(exchange->second.packet_id);
    packet_ids_.give_back(exchange->second.packet_id);
    exchanges_.erase(exchange);
}

}  // namespace firehose::client
