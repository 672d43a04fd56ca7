// SPDX-License-Identifier: Apache-2.0
// UNSUBSCRIBE (MQTT 5.0 section 3.10; 3.1.1 section 3.10).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {

Result<Unsubscribe, ProtocolError> decode_unsubscribe(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_acked_flags(in, frame, version);  // [MQTT-3.10.1-1]
    Unsubscribe unsubscribe;
    unsubscribe.packet_id = in.packet_id();
    if (version == Version::v5) skip_properties(in, PropertyScope::unsubscribe);
    while (in.remaining() > 0) unsubscribe.filters.push_back(in.utf8("Topic Filter"));
    if (unsubscribe.filters.empty()) {
        in.fail({.reason = ReasonCode::protocol_error,
                 .detail = "no Topic Filter",
                 .statement = "MQTT-3.10.3-2"});
    }
    if (in.error()) return Failure{*in.error()};
    return unsubscribe;
}

void encode(const Unsubscribe& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.packet_id != 0 && !packet.filters.empty());
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::unsubscribe, 2);
    writer.u16(packet.packet_id);
    if (version == Version::v5) writer.varint(0);
    for (const std::string_view filter : packet.filters) writer.utf8(filter);
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
