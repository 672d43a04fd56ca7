// SPDX-License-Identifier: Apache-2.0
// DISCONNECT (MQTT 5.0 section 3.14; 3.1.1 section 3.14), of both directions.
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

using enum ReasonCode;

ReasonCode read_disconnect_reason(WireReader& in) noexcept {
    return read_reason(in,
                       {success,
                        disconnect_with_will,
                        unspecified_error,
                        malformed_packet,
                        protocol_error,
                        implementation_specific_error,
                        not_authorized,
                        server_busy,
                        server_shutting_down,
                        bad_authentication_method,
                        keep_alive_timeout,
                        session_taken_over,
                        topic_filter_invalid,
                        topic_name_invalid,
                        receive_maximum_exceeded,
                        topic_alias_invalid,
                        packet_too_large,
                        message_rate_too_high,
                        quota_exceeded,
                        administrative_action,
                        payload_format_invalid,
                        retain_not_supported,
                        qos_not_supported,
                        use_another_server,
                        server_moved,
                        shared_subscriptions_not_supported,
                        connection_rate_exceeded,
                        maximum_connect_time,
                        subscription_identifiers_not_supported,
                        wildcard_subscriptions_not_supported},
                       "MQTT-3.14.2-1");
}

}  // namespace

Result<Disconnect, ProtocolError> decode_disconnect(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);  // [MQTT-3.14.1-1]
    Disconnect disconnect;
    // The reason may be left out if it is normal, the properties if there are none (3.14.2.1).
    if (version == Version::v5 && in.remaining() > 0) {
        disconnect.reason = read_disconnect_reason(in);
        if (in.remaining() > 0) {
            PropertyReader properties{in, PropertyScope::disconnect};
            while (const auto property = properties.next()) {
                if (property->id == PropertyId::session_expiry_interval) {
                    disconnect.session_expiry_s = property->number;
                } else if (property->id == PropertyId::reason_string) {
                    disconnect.reason_string = property->text;
                }
            }
        }
    }
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return disconnect;
}

void encode(const Disconnect& packet, Version version, ByteBuffer& out) {
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::disconnect, 0);
    const bool has_properties = packet.session_expiry_s || packet.reason_string;
    if (version == Version::v5 && (packet.reason != success || has_properties)) {
        writer.u8(static_cast<std::uint8_t>(packet.reason));
        if (has_properties) {
            const auto properties = writer.begin_length();
            write_property(writer, PropertyId::session_expiry_interval, packet.session_expiry_s);
            write_property(writer, PropertyId::reason_string, packet.reason_string);
            writer.end_length(properties);
        }
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
