// SPDX-License-Identifier: Apache-2.0
// Target:   next_frame and every decode_* and encode, in every version.
// Property: any bytes, no undefined behaviour; what decodes encodes, decodes again, and encodes to
//           the same bytes; nothing grows but a Remaining Length. The first byte picks the version.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "mqtt/codec.h"

namespace {

using namespace firehose;
using namespace firehose::mqtt;

constexpr std::size_t kPacketBytesMax = 1U << 20U;

Frame only_frame(const ByteBuffer& bytes) {
    const auto frame = next_frame(bytes, bytes.size());
    FH_ASSERT(frame.has_value() && frame->has_value());
    FH_ASSERT((*frame)->packet.size() == bytes.size());
    return **frame;
}

/// A packet that decoded: encode, decode, encode, compare.
template <class Packet, class Decode, class Encode>
void check_round_trip(const Result<Packet, ProtocolError>& packet, Decode decode, Encode write) {
    if (!packet) return;
    ByteBuffer first;
    write(*packet, first);
    const auto again = decode(only_frame(first));
    FH_ASSERT(again.has_value());
    ByteBuffer second;
    write(*again, second);
    FH_ASSERT(first == second);
}

template <class Packet>
void check(const Frame& frame, Version version,
           Result<Packet, ProtocolError> (*decode)(const Frame&, Version)) {
    check_round_trip(
        decode(frame, version), [&](const Frame& again) { return decode(again, version); },
        [&](const Packet& packet, ByteBuffer& out) { encode(packet, version, out); });
}

void check_connect(const Frame& frame) {
    const auto connect = decode_connect(frame);
    if (connect) FH_ASSERT(connect_version(frame) == connect->version);
    check_round_trip(connect, decode_connect,
                     [](const Connect& packet, ByteBuffer& out) { encode(packet, out); });
}

void check_publish(const Frame& frame, Version version) {
    auto publish = decode_publish(frame, version);
    if (!publish) return;
    static_cast<void>(user_properties(publish->properties));
    ByteBuffer scratch;
    publish->properties = without_alias(publish->properties, scratch);
    ByteBuffer bytes;
    encode(*publish, version, bytes);
    FH_ASSERT(bytes.size() == encoded_size(*publish, version));
    FH_ASSERT(bytes.size() <= frame.packet.size());
    const auto again = decode_publish(only_frame(bytes), version);
    FH_ASSERT(again.has_value());
    FH_ASSERT(again->topic == publish->topic && again->packet_id == publish->packet_id);
    FH_ASSERT(again->subscription_ids == publish->subscription_ids);
    FH_ASSERT(again->topic_alias == publish->topic_alias);
    FH_ASSERT(again->message_expiry_s == publish->message_expiry_s);
    FH_ASSERT(as_text(again->payload) == as_text(publish->payload));
}

void check_frame(const Frame& frame, Version version) {
    switch (frame.type) {
        case PacketType::connect:
            return check_connect(frame);
        case PacketType::connack:
            return check(frame, version, decode_connack);
        case PacketType::publish:
            return check_publish(frame, version);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return check(frame, version, decode_ack);
        case PacketType::subscribe:
            return check(frame, version, decode_subscribe);
        case PacketType::suback:
            return check(frame, version, decode_suback);
        case PacketType::unsubscribe:
            return check(frame, version, decode_unsubscribe);
        case PacketType::unsuback:
            return check(frame, version, decode_unsuback);
        case PacketType::pingreq:
        case PacketType::pingresp:
            static_cast<void>(check_ping(frame));
            return;
        case PacketType::disconnect:
            return check(frame, version, decode_disconnect);
        case PacketType::auth:
            return check(frame, version, decode_auth);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr Version kVersions[] = {Version::v31, Version::v311, Version::v5};
    const Version version = kVersions[data[0] % 3];
    ByteSpan rest = std::as_bytes(std::span{data, size}).subspan(1);
    while (true) {
        const auto frame = next_frame(rest, kPacketBytesMax);
        if (!frame || !frame->has_value()) return 0;
        check_frame(**frame, version);
        rest = rest.subspan((*frame)->packet.size());
    }
}
