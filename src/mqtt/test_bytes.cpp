// SPDX-License-Identifier: Apache-2.0
// Goal:   one call for "decode it, whatever it is" in tests of all packets.
// Method: a switch over the packet types.
#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

/// Calls `use` with the Result of the frame's decoder.
template <class Use>
void with_decoded(const Frame& frame, Version version, Use use) {
    switch (frame.type) {
        case PacketType::connect:
            return use(decode_connect(frame));
        case PacketType::connack:
            return use(decode_connack(frame, version));
        case PacketType::publish:
            return use(decode_publish(frame, version));
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return use(decode_ack(frame, version));
        case PacketType::subscribe:
            return use(decode_subscribe(frame, version));
        case PacketType::suback:
            return use(decode_suback(frame, version));
        case PacketType::unsubscribe:
            return use(decode_unsubscribe(frame, version));
        case PacketType::unsuback:
            return use(decode_unsuback(frame, version));
        case PacketType::pingreq:
        case PacketType::pingresp:
            return use(check_ping(frame));
        case PacketType::disconnect:
            return use(decode_disconnect(frame, version));
        case PacketType::auth:
            return use(decode_auth(frame, version));
    }
}

struct Encoder {
    Version version;
    PacketType type;
    ByteBuffer out = {};

    void operator()(const Result<Connect, ProtocolError>& packet) { encode(*packet, out); }
    void operator()(const Result<void, ProtocolError>&) {
        type == PacketType::pingreq ? encode_pingreq(out) : encode_pingresp(out);
    }
    void operator()(const Result<Publish, ProtocolError>& packet) {
        Publish publish = *packet;
        ByteBuffer scratch;
        publish.properties = without_alias(publish.properties, scratch);
        encode(publish, version, out);
    }
    template <class Packet>
    void operator()(const Result<Packet, ProtocolError>& packet) {
        encode(*packet, version, out);
    }
};

}  // namespace

std::optional<ProtocolError> decoding_error(const Frame& frame, Version version) {
    std::optional<ProtocolError> error;
    with_decoded(frame, version, [&](const auto& result) {
        if (!result) error = result.error();
    });
    return error;
}

ByteBuffer recoded(const Frame& frame, Version version) {
    Encoder encoder{version, frame.type};
    with_decoded(frame, version, [&](const auto& result) { encoder(result); });
    return encoder.out;
}

}  // namespace firehose::mqtt
