// SPDX-License-Identifier: Apache-2.0
#include "bus/encoding.h"

#include "base/assert.h"
#include "bus/envelope.h"
#include "mqtt/codec.h"
#include "ws/encoder.h"

namespace firehose::bus {

std::ostream& operator<<(std::ostream& out, Encoding encoding) {
    switch (encoding) {
        case Encoding::mqtt311:
            return out << "mqtt311";
        case Encoding::mqtt5:
            return out << "mqtt5";
        case Encoding::ws_mqtt311:
            return out << "ws_mqtt311";
        case Encoding::ws_mqtt5:
            return out << "ws_mqtt5";
        case Encoding::ndjson:
            return out << "ndjson";
        case Encoding::sse:
            return out << "sse";
    }
    return out;
}

Encoding mqtt_encoding(mqtt::Version version, bool is_websocket) noexcept {
    if (version == mqtt::Version::v5) return is_websocket ? Encoding::ws_mqtt5 : Encoding::mqtt5;
    return is_websocket ? Encoding::ws_mqtt311 : Encoding::mqtt311;
}

mqtt::Version version_of(Encoding encoding) noexcept {
    return encoding == Encoding::mqtt5 || encoding == Encoding::ws_mqtt5 ? mqtt::Version::v5
                                                                         : mqtt::Version::v311;
}

bool is_websocket(Encoding encoding) noexcept {
    return encoding == Encoding::ws_mqtt311 || encoding == Encoding::ws_mqtt5;
}

bool is_mqtt(Encoding encoding) noexcept {
    return encoding != Encoding::ndjson && encoding != Encoding::sse;
}

bool encode_publish(Encoding encoding, const PlacedRecord& placed, const DeliveryOptions& options,
                    std::uint32_t packet_bytes_max, ByteBuffer& out) {
    const mqtt::Version version = version_of(encoding);
    const log::Record& record = placed.record;
    mqtt::Publish publish{
        .dup = options.dup,
        .qos = options.qos,
        .retain = options.retain,
        .topic = options.omits_topic ? std::string_view{} : record.topic,
        .packet_id = options.packet_id,
        .message_expiry_s = options.message_expiry_s,
        .payload_is_utf8 = false,  // The publisher's indicator is among the properties.
        .properties = version == mqtt::Version::v5 ? record.properties : ByteSpan{},
        .payload = record.payload,
    };
    if (version == mqtt::Version::v5) publish.subscription_ids = options.subscription_ids;
    if (options.topic_alias != 0) publish.topic_alias = options.topic_alias;
    const std::size_t size = mqtt::encoded_size(publish, version);
    if (packet_bytes_max != 0 && size > packet_bytes_max) return false;
    if (is_websocket(encoding)) ws::append_frame_header(out, ws::Opcode::binary, size);
    mqtt::encode(publish, version, out);
    return true;
}

bool encode_for_feed(Encoding encoding, const PlacedRecord& placed, bool retain_as_published,
                     std::uint32_t packet_bytes_max, ByteBuffer& out) {
    switch (encoding) {
        case Encoding::ndjson:
            append_ndjson(placed, out);
            return true;
        case Encoding::sse:
            append_sse(placed, out);
            return true;
        case Encoding::mqtt311:
        case Encoding::mqtt5:
        case Encoding::ws_mqtt311:
        case Encoding::ws_mqtt5:
            break;
    }
    const log::Record& record = placed.record;
    const mqtt::SharedPublish publish{.retain = retain_as_published && record.retain,
                                      .topic = record.topic,
                                      .properties = record.properties,
                                      .payload = record.payload};
    const mqtt::Version version = version_of(encoding);
    const std::size_t size = mqtt::encoded_size(publish, version);
    if (packet_bytes_max != 0 && size > packet_bytes_max) return false;
    if (is_websocket(encoding)) ws::append_frame_header(out, ws::Opcode::binary, size);
    mqtt::encode(publish, version, out);
    return true;
}

void append_packet(Encoding encoding, ByteSpan packet, ByteBuffer& out) {
    if (is_websocket(encoding)) ws::append_frame_header(out, ws::Opcode::binary, packet.size());
    append(out, packet);
}

}  // namespace firehose::bus
