// SPDX-License-Identifier: Apache-2.0
// PUBACK, PUBREC, PUBREL and PUBCOMP: one shape (MQTT 5.0 sections 3.4 to 3.7).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

using enum ReasonCode;

ReasonCode read_ack_reason(WireReader& in, PacketType type) noexcept {
    if (type == PacketType::puback || type == PacketType::pubrec) {
        return read_reason(in,
                           {success, no_matching_subscribers, unspecified_error,
                            implementation_specific_error, not_authorized, topic_name_invalid,
                            packet_identifier_in_use, quota_exceeded, payload_format_invalid},
                           type == PacketType::puback ? "MQTT-3.4.2-1" : "MQTT-3.5.2-1");
    }
    return read_reason(in, {success, packet_identifier_not_found},
                       type == PacketType::pubrel ? "MQTT-3.6.2-1" : "MQTT-3.7.2-1");
}

}  // namespace

Result<Ack, ProtocolError> decode_ack(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    if (frame.type == PacketType::pubrel) {
        expect_acked_flags(in, frame, version);  // [MQTT-3.6.1-1]
    } else {
        expect_flags(in, frame, 0);
    }
    Ack ack{.type = frame.type};
    ack.packet_id = in.packet_id();
    // The reason may be left out if it is success, the properties if there are none (3.4.2.1).
    if (version == Version::v5 && in.remaining() > 0) {
        ack.reason = read_ack_reason(in, frame.type);
        if (in.remaining() > 0) {
            PropertyReader properties{in, PropertyScope::ack};
            while (const auto property = properties.next()) {
                if (property->id == PropertyId::reason_string) ack.reason_string = property->text;
            }
        }
    }
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return ack;
}

void encode(const Ack& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.packet_id != 0);
    WireWriter writer{out};
    const auto mark = writer.begin_packet(packet.type, packet.type == PacketType::pubrel ? 2 : 0);
    writer.u16(packet.packet_id);
    if (version == Version::v5 && (packet.reason != success || packet.reason_string)) {
        writer.u8(static_cast<std::uint8_t>(packet.reason));
        if (packet.reason_string) {
            const auto properties = writer.begin_length();
            write_property(writer, PropertyId::reason_string, packet.reason_string);
            writer.end_length(properties);
        }
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
