// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "mqtt/packets.h"
#include "mqtt/protocol_error.h"

/// Bytes to packets and back, for MQTT 3.1, 3.1.1 and 5.0, sans-I/O.
///
/// `next_frame` finds a complete packet in what has arrived; `decode_*` reads it; `encode` appends
/// one to a buffer. Decoders check everything that one packet alone can break (flags, lengths,
/// UTF-8, property types and repetitions, topic names without wildcards). Whether a topic filter
/// is well formed is `topic`'s to say, and what depends on the connection's state the session's.
/// Lifetime:  decoded packets are views into the frame.
/// Threads:   pure functions.
/// Cost:      no allocation but for lists (subscriptions, reason codes, user properties).
/// Source:    MQTT 5.0 chapters 1 to 3; 3.1.1 likewise; 3.1 where it differs (CONNECT, QoS flags).
namespace firehose::mqtt {

struct Frame {
    PacketType type = PacketType::connect;
    std::uint8_t flags = 0;  // Low four bits of the first byte.
    ByteSpan packet;         // The whole packet, fixed header included.
    ByteSpan body;           // After the fixed header.
};

/// The first complete packet of `input`, or nothing yet.
///
/// @param packet_bytes_max  the limit for one packet, fixed header included; a longer one fails
///        with packet_too_large as soon as its length is known, before its body has arrived.
/// Fails with malformed_packet on type 0 and on a length of more than four bytes.
[[nodiscard]] Result<std::optional<Frame>, ProtocolError> next_frame(ByteSpan input,
                                                                     std::size_t packet_bytes_max);
/// The same where a whole packet is there and nothing is wrong with its frame; nothing otherwise:
/// then next_frame says why. Cost: no Result is made, which counts where packets are small.
[[nodiscard]] std::optional<Frame> whole_frame(ByteSpan input,
                                               std::size_t packet_bytes_max) noexcept;

[[nodiscard]] Result<Connect, ProtocolError> decode_connect(const Frame& frame);
/// The version that a CONNECT asks for, also when the rest of it is broken: so that the refusal can
/// be written in it. Nothing if name and level are none of ours.
[[nodiscard]] std::optional<Version> connect_version(const Frame& frame) noexcept;
[[nodiscard]] Result<Connack, ProtocolError> decode_connack(const Frame& frame, Version version);
[[nodiscard]] Result<Publish, ProtocolError> decode_publish(const Frame& frame, Version version);
/// PUBACK, PUBREC, PUBREL, PUBCOMP, by the frame's type.
[[nodiscard]] Result<Ack, ProtocolError> decode_ack(const Frame& frame, Version version);
[[nodiscard]] Result<Subscribe, ProtocolError> decode_subscribe(const Frame& frame,
                                                                Version version);
[[nodiscard]] Result<Suback, ProtocolError> decode_suback(const Frame& frame, Version version);
[[nodiscard]] Result<Unsubscribe, ProtocolError> decode_unsubscribe(const Frame& frame,
                                                                    Version version);
[[nodiscard]] Result<Unsuback, ProtocolError> decode_unsuback(const Frame& frame, Version version);
[[nodiscard]] Result<Disconnect, ProtocolError> decode_disconnect(const Frame& frame,
                                                                  Version version);
[[nodiscard]] Result<Auth, ProtocolError> decode_auth(const Frame& frame, Version version);
/// PINGREQ and PINGRESP have no body and no flags.
[[nodiscard]] Result<void, ProtocolError> check_ping(const Frame& frame);

void encode(const Connect& packet, ByteBuffer& out);
void encode(const Connack& packet, Version version, ByteBuffer& out);
/// Writes `subscription_ids`, `topic_alias` and then `properties` as they are; with
/// `message_expiry_s` set, the Message Expiry Interval inside `properties` is replaced by it, or
/// added. `payload_is_utf8` is not written: it is in `properties` where it was received.
/// `properties` must carry no Topic Alias and no Subscription Identifier (see `without_alias`).
void encode(const Publish& packet, Version version, ByteBuffer& out);
void encode(const Ack& packet, Version version, ByteBuffer& out);
void encode(const Subscribe& packet, Version version, ByteBuffer& out);
void encode(const Suback& packet, Version version, ByteBuffer& out);
void encode(const Unsubscribe& packet, Version version, ByteBuffer& out);
void encode(const Unsuback& packet, Version version, ByteBuffer& out);
void encode(const Disconnect& packet, Version version, ByteBuffer& out);
void encode(const Auth& packet, Version version, ByteBuffer& out);
void encode_pingreq(ByteBuffer& out);
void encode_pingresp(ByteBuffer& out);

/// How many bytes `encode` would append.
[[nodiscard]] std::size_t encoded_size(const Publish& packet, Version version) noexcept;

/// A PUBLISH at QoS 0 without anything of one receiver's: what many are sent the same bytes of.
/// `properties` as in Publish; not written before 5.0.
struct SharedPublish {
    bool retain = false;
    std::string_view topic;
    ByteSpan properties;
    ByteSpan payload;
};
void encode(const SharedPublish& packet, Version version, ByteBuffer& out);
[[nodiscard]] std::size_t encoded_size(const SharedPublish& packet, Version version) noexcept;

/// PUBLISH properties without Topic Alias and Subscription Identifier: `properties` itself when it
/// has neither, else a copy in `scratch`. The bytes must come from a decoded packet.
[[nodiscard]] ByteSpan without_alias(ByteSpan properties, ByteBuffer& scratch);

/// The user properties among PUBLISH properties, in order. The bytes must come from a decoded
/// packet.
[[nodiscard]] std::vector<UserProperty> user_properties(ByteSpan properties);

}  // namespace firehose::mqtt
