// SPDX-License-Identifier: Apache-2.0
// UNSUBACK (MQTT 5.0 section 3.11; 3.1.1 section 3.11).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

using enum ReasonCode;

ReasonCode read_unsuback_reason(WireReader& in) noexcept {
    return read_reason(
        in,
        {success, no_subscription_existed, unspecified_error, implementation_specific_error,
         not_authorized, topic_filter_invalid, packet_identifier_in_use},
        "MQTT-3.11.3-2");
}

}  // namespace

Result<Unsuback, ProtocolError> decode_unsuback(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);
    Unsuback unsuback;
    unsuback.packet_id = in.packet_id();
    if (version == Version::v5) {
        skip_properties(in, PropertyScope::ack);
        while (in.remaining() > 0) unsuback.reasons.push_back(read_unsuback_reason(in));
        if (unsuback.reasons.empty()) {
            in.fail({.reason = protocol_error,
                     .detail = "no reason code",
                     .statement = "MQTT-3.11.3-1"});
        }
    }
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return unsuback;
}

void encode(const Unsuback& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.packet_id != 0);
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::unsuback, 0);
    writer.u16(packet.packet_id);
    if (version == Version::v5) {
        FH_ASSERT(!packet.reasons.empty());
        writer.varint(0);
        for (const ReasonCode reason : packet.reasons) writer.u8(static_cast<std::uint8_t>(reason));
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
