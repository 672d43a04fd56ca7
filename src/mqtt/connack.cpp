// SPDX-License-Identifier: Apache-2.0
// CONNACK (MQTT 5.0 section 3.2; 3.1.1 section 3.2).
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

using enum ReasonCode;

/// 3.1.1's table 3.1. Of its six codes, 3 (server unavailable) stands for all that has no own one.
std::uint8_t return_code(ReasonCode reason) noexcept {
    if (reason == success) return 0;
    if (reason == unsupported_protocol_version) return 1;
    if (reason == client_identifier_not_valid) return 2;
    if (reason == bad_user_name_or_password) return 4;
    if (reason == not_authorized || reason == banned || reason == bad_authentication_method) {
        return 5;
    }
    return 3;
}

ReasonCode read_return_code(WireReader& in) noexcept {
    static constexpr ReasonCode kReasons[] = {success,
                                              unsupported_protocol_version,
                                              client_identifier_not_valid,
                                              server_unavailable,
                                              bad_user_name_or_password,
                                              not_authorized};
    const std::size_t at = in.offset();
    const std::uint8_t code = in.u8("Return Code");
    if (code < std::size(kReasons)) return kReasons[code];
    in.fail_at(at, {.detail = "reserved", .field = "Return Code"});
    return success;
}

ReasonCode read_connack_reason(WireReader& in) noexcept {
    return read_reason(in,
                       {success,
                        unspecified_error,
                        malformed_packet,
                        protocol_error,
                        implementation_specific_error,
                        unsupported_protocol_version,
                        client_identifier_not_valid,
                        bad_user_name_or_password,
                        not_authorized,
                        server_unavailable,
                        server_busy,
                        banned,
                        bad_authentication_method,
                        topic_name_invalid,
                        packet_too_large,
                        quota_exceeded,
                        payload_format_invalid,
                        retain_not_supported,
                        qos_not_supported,
                        use_another_server,
                        server_moved,
                        connection_rate_exceeded},
                       "MQTT-3.2.2-8");
}

void read_properties(WireReader& in, Connack& connack) {
    using enum PropertyId;
    PropertyReader properties{in, PropertyScope::connack};
    while (const auto property = properties.next()) {
        const std::uint32_t number = property->number;
        if (property->id == session_expiry_interval) {
            connack.session_expiry_s = number;
        } else if (property->id == receive_maximum) {
            connack.receive_maximum = static_cast<std::uint16_t>(number);
        } else if (property->id == maximum_qos) {
            connack.maximum_qos = static_cast<Qos>(number);
        } else if (property->id == retain_available) {
            connack.retain_available = number == 1;
        } else if (property->id == maximum_packet_size) {
            connack.maximum_packet_size = number;
        } else if (property->id == assigned_client_identifier) {
            connack.assigned_client_id = property->text;
        } else if (property->id == topic_alias_maximum) {
            connack.topic_alias_maximum = static_cast<std::uint16_t>(number);
        } else if (property->id == reason_string) {
            connack.reason_string = property->text;
        } else if (property->id == wildcard_subscription_available) {
            connack.wildcard_available = number == 1;
        } else if (property->id == subscription_identifier_available) {
            connack.identifiers_available = number == 1;
        } else if (property->id == shared_subscription_available) {
            connack.shared_available = number == 1;
        } else if (property->id == server_keep_alive) {
            connack.server_keep_alive_s = static_cast<std::uint16_t>(number);
        }
    }
}

void write_flag(WireWriter& writer, PropertyId id, std::optional<bool> value) {
    if (value) write_property(writer, id, static_cast<std::uint8_t>(*value ? 1 : 0));
}

void write_properties(WireWriter& writer, const Connack& packet) {
    using enum PropertyId;
    const auto mark = writer.begin_length();
    write_property(writer, session_expiry_interval, packet.session_expiry_s);
    write_property(writer, receive_maximum, packet.receive_maximum);
    if (packet.maximum_qos && *packet.maximum_qos != Qos::exactly_once) {
        write_property(writer, maximum_qos, static_cast<std::uint8_t>(*packet.maximum_qos));
    }
    write_flag(writer, retain_available, packet.retain_available);
    write_property(writer, maximum_packet_size, packet.maximum_packet_size);
    write_property(writer, assigned_client_identifier, packet.assigned_client_id);
    write_property(writer, topic_alias_maximum, packet.topic_alias_maximum);
    write_property(writer, reason_string, packet.reason_string);
    write_flag(writer, wildcard_subscription_available, packet.wildcard_available);
    write_flag(writer, subscription_identifier_available, packet.identifiers_available);
    write_flag(writer, shared_subscription_available, packet.shared_available);
    write_property(writer, server_keep_alive, packet.server_keep_alive_s);
    writer.end_length(mark);
}

}  // namespace

Result<Connack, ProtocolError> decode_connack(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);
    Connack connack;
    const std::size_t flags_at = in.offset();
    const std::uint8_t flags = in.u8("Connect Acknowledge Flags");
    if (flags > 1 && version != Version::v31) {  // 3.1 calls the whole byte unused.
        in.fail_at(flags_at, {.detail = "reserved bits set",
                              .statement = "MQTT-3.2.2-1",
                              .field = "Connect Acknowledge Flags"});
    }
    connack.session_present = version != Version::v31 && flags == 1;
    connack.reason = version == Version::v5 ? read_connack_reason(in) : read_return_code(in);
    if (connack.session_present && connack.reason != success) {
        in.fail_at(flags_at, {.reason = protocol_error,
                              .detail = "set in a refusal",
                              .statement = "MQTT-3.2.2-6",
                              .field = "Session Present"});
    }
    if (version == Version::v5) read_properties(in, connack);
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return connack;
}

void encode(const Connack& packet, Version version, ByteBuffer& out) {
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::connack, 0);
    // A refusal never says that a session is there. [MQTT-3.2.2-6]
    const bool session_present =
        packet.session_present && packet.reason == success && version != Version::v31;
    writer.u8(session_present ? 1 : 0);
    if (version == Version::v5) {
        writer.u8(static_cast<std::uint8_t>(packet.reason));
        write_properties(writer, packet);
    } else {
        writer.u8(return_code(packet.reason));
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
