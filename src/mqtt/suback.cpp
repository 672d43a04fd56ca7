// SPDX-License-Identifier: Apache-2.0
// SUBACK (MQTT 5.0 section 3.9; 3.1.1 section 3.9).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

using enum ReasonCode;

ReasonCode read_suback_reason(WireReader& in, Version version) noexcept {
    if (version != Version::v5) {
        // Anything else is reserved. [MQTT311-3.9.3-2]
        return read_reason(in, {success, granted_qos_1, granted_qos_2, unspecified_error},
                           "MQTT311-3.9.3-2");
    }
    return read_reason(
        in,
        {success, granted_qos_1, granted_qos_2, unspecified_error, implementation_specific_error,
         not_authorized, topic_filter_invalid, packet_identifier_in_use, quota_exceeded,
         shared_subscriptions_not_supported, subscription_identifiers_not_supported,
         wildcard_subscriptions_not_supported},
        "MQTT-3.9.3-2");
}

/// 3.1.1 knows one failure only.
ReasonCode wire_reason(ReasonCode reason, Version version) noexcept {
    return version == Version::v5 || reason <= granted_qos_2 ? reason : unspecified_error;
}

}  // namespace

Result<Suback, ProtocolError> decode_suback(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);
    Suback suback;
    suback.packet_id = in.packet_id();
    if (version == Version::v5) {
        PropertyReader properties{in, PropertyScope::ack};
        while (const auto property = properties.next()) {
            if (property->id == PropertyId::reason_string) suback.reason_string = property->text;
        }
    }
    while (in.remaining() > 0) suback.reasons.push_back(read_suback_reason(in, version));
    if (suback.reasons.empty()) {
        in.fail(
            {.reason = protocol_error, .detail = "no reason code", .statement = "MQTT-3.9.3-1"});
    }
    if (in.error()) return Failure{*in.error()};
    return suback;
}

void encode(const Suback& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.packet_id != 0 && !packet.reasons.empty());
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::suback, 0);
    writer.u16(packet.packet_id);
    if (version == Version::v5) {
        const auto properties = writer.begin_length();
        write_property(writer, PropertyId::reason_string, packet.reason_string);
        writer.end_length(properties);
    }
    for (const ReasonCode reason : packet.reasons) {
        writer.u8(static_cast<std::uint8_t>(wire_reason(reason, version)));
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
