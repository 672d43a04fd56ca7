// SPDX-License-Identifier: Apache-2.0
// AUTH (MQTT 5.0 section 3.15). Read, so that it can be refused by name; no method is offered.
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {

using enum ReasonCode;

Result<Auth, ProtocolError> decode_auth(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);  // [MQTT-3.15.1-1]
    if (version != Version::v5) {
        in.fail_at(0, {.detail = "packet type 15 is reserved before 5.0"});
    }
    Auth auth;
    if (in.remaining() > 0) {
        auth.reason =
            read_reason(in, {success, continue_authentication, re_authenticate}, "MQTT-3.15.2-1");
        if (in.remaining() > 0) {
            PropertyReader properties{in, PropertyScope::auth};
            while (const auto property = properties.next()) {
                if (property->id == PropertyId::authentication_method) {
                    auth.method = property->text;
                }
            }
        }
    }
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return auth;
}

void encode(const Auth& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(version == Version::v5);
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::auth, 0);
    if (packet.reason != success || packet.method) {
        writer.u8(static_cast<std::uint8_t>(packet.reason));
        if (packet.method) {
            const auto properties = writer.begin_length();
            write_property(writer, PropertyId::authentication_method, packet.method);
            writer.end_length(properties);
        }
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
