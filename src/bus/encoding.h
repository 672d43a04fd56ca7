// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/record.h"
#include "mqtt/packets.h"

/// From a record to the bytes that a reader is sent: one pure function per encoding.
///
/// Purity is what lets a member of a feed fall behind and still be served: the rest of a packet
/// that it has received in part is made again from the record and is the same bytes (rule
/// **Feeds**).
/// Lifetime: nothing is kept. Threads: pure functions. Cost: one copy of topic and payload.
/// Source:   MQTT 5.0 section 3.3; RFC 6455 section 5.2 for frames; rule **Doors** for envelopes.
namespace firehose::bus {

/// What a reader speaks. A WebSocket reader gets one binary frame a packet.
enum class Encoding : std::uint8_t { mqtt311, mqtt5, ws_mqtt311, ws_mqtt5, ndjson, sse };

std::ostream& operator<<(std::ostream& out, Encoding encoding);

/// MQTT 3.1 and 3.1.1 are the same bytes after CONNECT.
[[nodiscard]] Encoding mqtt_encoding(mqtt::Version version, bool is_websocket) noexcept;
[[nodiscard]] mqtt::Version version_of(Encoding encoding) noexcept;
[[nodiscard]] bool is_websocket(Encoding encoding) noexcept;
[[nodiscard]] bool is_mqtt(Encoding encoding) noexcept;

/// A record and where it stands. The views live as long as the block that it was read from.
struct PlacedRecord {
    Seq seq{};
    WallTime time;
    log::Record record;
};

/// How one delivery differs from the record.
struct DeliveryOptions {
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool dup = false;
    bool retain = false;                            // The RETAIN flag of the outgoing packet.
    std::uint16_t packet_id = 0;                    // With QoS > 0.
    std::vector<std::uint32_t> subscription_ids;    // MQTT 5 only.
    std::uint16_t topic_alias = 0;                  // MQTT 5 only; 0: none.
    bool omits_topic = false;                       // The client knows it by its alias.
    std::optional<std::uint32_t> message_expiry_s;  // What remains; MQTT 5 only.
};

/// Appends a PUBLISH, framed where the encoding is a WebSocket's.
///
/// @param packet_bytes_max  the client's Maximum Packet Size; 0: none.
/// @return false, and `out` as it was, when the packet would exceed it [MQTT-3.1.2-24].
[[nodiscard]] bool encode_publish(Encoding encoding, const PlacedRecord& placed,
                                  const DeliveryOptions& options, std::uint32_t packet_bytes_max,
                                  ByteBuffer& out);

/// Appends what a feed of this encoding sends for the record: a QoS 0 PUBLISH, or an envelope.
/// Returns false when it is too large for `packet_bytes_max`.
[[nodiscard]] bool encode_for_feed(Encoding encoding, const PlacedRecord& placed,
                                   bool retain_as_published, std::uint32_t packet_bytes_max,
                                   ByteBuffer& out);

/// Appends `packet` as it is, or as the payload of one binary WebSocket frame.
void append_packet(Encoding encoding, ByteSpan packet, ByteBuffer& out);

}  // namespace firehose::bus
