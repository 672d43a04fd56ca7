// SPDX-License-Identifier: Apache-2.0
#include "mqtt/decoding.h"
#include "mqtt/wire_writer.h"

namespace firehose::mqtt {

Result<void, ProtocolError> check_ping(const Frame& frame) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return {};
}

void encode_pingreq(ByteBuffer& out) {
    WireWriter writer{out};
    writer.u8(first_byte(PacketType::pingreq, 0));
    writer.u8(0);
}

void encode_pingresp(ByteBuffer& out) {
    WireWriter writer{out};
    writer.u8(first_byte(PacketType::pingresp, 0));
    writer.u8(0);
}

}  // namespace firehose::mqtt
