// SPDX-License-Identifier: Apache-2.0
#include "session/handshake.h"

namespace firehose::session {

namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;

Action disconnect(std::string_view statement) noexcept {
    return {Action::Kind::disconnect, ReasonCode::protocol_error, statement};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Action& action) {
    switch (action.kind) {
        case Action::Kind::proceed:
            return out << "proceed";
        case Action::Kind::disconnect:
            return out << "disconnect " << action.reason << ' ' << action.statement;
        case Action::Kind::close_in_silence:
            return out << "close in silence " << action.statement;
    }
    return out;
}

Action Handshake::on_packet(PacketType type) noexcept {
    if (!connected_) {
        if (type != PacketType::connect) {
            return {Action::Kind::close_in_silence, {}, "MQTT-3.1.0-1"};
        }
        connected_ = true;
        return {};
    }
    switch (type) {
        case PacketType::connect:
            return disconnect("MQTT-3.1.0-2");
        case PacketType::connack:
        case PacketType::suback:
        case PacketType::unsuback:
        case PacketType::pingresp:
            return disconnect("MQTT-4.13.1-1");  // Only a server sends these.
        case PacketType::auth:
            // No CONNECT with an Authentication Method is accepted, so no AUTH may follow one.
            return disconnect("MQTT-4.12.0-7");
        case PacketType::publish:
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
        case PacketType::subscribe:
        case PacketType::unsubscribe:
        case PacketType::pingreq:
        case PacketType::disconnect:
            return {};
    }
    return disconnect("MQTT-4.13.1-1");
}

Action Handshake::on_tick(Microseconds since_accept) const noexcept {
    if (connected_ || since_accept < connect_timeout_) return {};
    return {Action::Kind::close_in_silence, {}, {}};
}

}  // namespace firehose::session
