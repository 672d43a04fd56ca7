// SPDX-License-Identifier: Apache-2.0
// PUBLISH (MQTT 5.0 section 3.3): the hot path, so sizes are computed and nothing is moved twice.
#include <array>

#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"
#include "mqtt/utf8.h"

namespace firehose::mqtt {
namespace {

constexpr unsigned kRetainBit = 0b0001;
constexpr unsigned kDupBit = 0b1000;
constexpr std::size_t kExpiryBytes = 5;  // Identifier and four bytes.
constexpr std::size_t kAliasBytes = 3;

void read_flags(WireReader& in, unsigned flags, Publish& publish) noexcept {
    publish.dup = (flags & kDupBit) != 0;
    publish.retain = (flags & kRetainBit) != 0;
    const unsigned qos = (flags >> 1U) & 3U;
    if (qos == 3U) {
        in.fail_at(0, {.detail = "QoS 3", .statement = "MQTT-3.3.1-4", .field = "QoS"});
        return;
    }
    publish.qos = static_cast<Qos>(qos);
    if (publish.dup && publish.qos == Qos::at_most_once) {
        in.fail_at(0, {.detail = "set with QoS 0", .statement = "MQTT-3.3.1-2", .field = "DUP"});
    }
}

void read_properties(WireReader& in, Publish& publish) {
    PropertyReader properties{in, PropertyScope::publish};
    while (const auto property = properties.next()) {
        if (property->id == PropertyId::payload_format_indicator) {
            publish.payload_is_utf8 = property->number == 1;
        } else if (property->id == PropertyId::message_expiry_interval) {
            publish.message_expiry_s = property->number;
        } else if (property->id == PropertyId::topic_alias) {
            publish.topic_alias = static_cast<std::uint16_t>(property->number);
        } else if (property->id == PropertyId::subscription_identifier) {
            publish.subscription_ids.push_back(property->number);
        }
    }
    publish.properties = properties.wire();
}

/// Calls `visit` for each property among PUBLISH properties that were decoded before.
template <class Visitor>
void for_each_property(ByteSpan properties, Visitor visit) {
    // A property block starts with its length, which `properties` has not; so read without it.
    WireReader in{properties};
    PropertyReader reader{in, PropertyScope::publish, properties.size()};
    while (const auto property = reader.next()) visit(*property);
    FH_ASSERT(!in.error());
}

/// Where the Message Expiry Interval stands among `properties`: its whole wire form, or nothing.
ByteSpan find_expiry(ByteSpan properties) noexcept {
    ByteSpan found;
    for_each_property(properties, [&](const Property& property) {
        if (property.id == PropertyId::message_expiry_interval) found = property.wire;
    });
    return found;
}

struct Sizes {
    std::size_t properties = 0;  // Without their length.
    std::size_t body = 0;        // Remaining Length.
    ByteSpan replaced_expiry;
};

Sizes sizes_of(const Publish& packet, Version version) noexcept {
    Sizes sizes;
    sizes.body = 2 + packet.topic.size() + packet.payload.size();
    if (packet.qos != Qos::at_most_once) sizes.body += 2;
    if (version != Version::v5) return sizes;

    sizes.properties = packet.properties.size();
    if (packet.topic_alias) sizes.properties += kAliasBytes;
    for (const std::uint32_t id : packet.subscription_ids) sizes.properties += 1 + varint_size(id);
    if (packet.message_expiry_s) {
        sizes.replaced_expiry = find_expiry(packet.properties);
        if (sizes.replaced_expiry.empty()) sizes.properties += kExpiryBytes;
    }
    sizes.body += varint_size(sizes.properties) + sizes.properties;
    return sizes;
}

void write_properties(WireWriter& writer, const Publish& packet, const Sizes& sizes) {
    writer.varint(sizes.properties);
    for (const std::uint32_t id : packet.subscription_ids) write_subscription_id(writer, id);
    write_property(writer, PropertyId::topic_alias, packet.topic_alias);
    if (!packet.message_expiry_s) {
        writer.bytes(packet.properties);
        return;
    }
    const std::size_t before =
        sizes.replaced_expiry.empty()
            ? 0
            : static_cast<std::size_t>(sizes.replaced_expiry.data() - packet.properties.data());
    writer.bytes(packet.properties.first(before));
    write_property(writer, PropertyId::message_expiry_interval, *packet.message_expiry_s);
    writer.bytes(packet.properties.subspan(before + sizes.replaced_expiry.size()));
}

[[nodiscard]] std::size_t body_size(const SharedPublish& packet, Version version) noexcept {
    const std::size_t body = 2 + packet.topic.size() + packet.payload.size();
    if (version != Version::v5) return body;
    return body + varint_size(packet.properties.size()) + packet.properties.size();
}

/// The few bytes before a long part, put together before they are appended.
class HeadWriter {
public:
    void u8(std::uint8_t value) noexcept { bytes_[size_++] = static_cast<std::byte>(value); }
    void varint(std::size_t value) noexcept {
        for (; value >= 128; value >>= 7U) u8(static_cast<std::uint8_t>(value | 0x80U));
        u8(static_cast<std::uint8_t>(value));
    }
    [[nodiscard]] ByteSpan bytes() const noexcept { return {bytes_.data(), size_}; }

private:
    std::array<std::byte, 8> bytes_;  // Type, Remaining Length, topic length.
    std::size_t size_ = 0;
};

}  // namespace

Result<Publish, ProtocolError> decode_publish(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    Publish publish;
    read_flags(in, frame.flags, publish);
    const std::size_t topic_at = in.offset();
    publish.topic = in.utf8("Topic Name");
    if (has_wildcard(publish.topic)) {
        in.fail_at(topic_at, {.reason = ReasonCode::topic_name_invalid,
                              .detail = "contains a wildcard",
                              .statement = "MQTT-3.3.2-2",
                              .field = "Topic Name"});
    }
    if (publish.qos != Qos::at_most_once) publish.packet_id = in.packet_id();
    if (version == Version::v5) read_properties(in, publish);
    if (publish.topic.empty() && !publish.topic_alias) {
        // 3.3.2.1; in 3.1.1 a name has at least one character [MQTT311-4.7.3-1].
        in.fail_at(topic_at, {.reason = ReasonCode::protocol_error,
                              .detail = "empty without a Topic Alias",
                              .statement = "MQTT-4.7.3-1",
                              .field = "Topic Name"});
    }
    publish.payload = in.rest();
    if (in.error()) return Failure{*in.error()};
    return publish;
}

void encode(const Publish& packet, Version version, ByteBuffer& out) {
    FH_ASSERT((packet.qos == Qos::at_most_once) == (packet.packet_id == 0));
    const Sizes sizes = sizes_of(packet, version);
    const unsigned flags = (packet.dup ? kDupBit : 0U) | (static_cast<unsigned>(packet.qos) << 1U) |
                           (packet.retain ? kRetainBit : 0U);
    WireWriter writer{out};
    writer.u8(first_byte(PacketType::publish, static_cast<std::uint8_t>(flags)));
    writer.varint(sizes.body);
    writer.utf8(packet.topic);
    if (packet.qos != Qos::at_most_once) writer.u16(packet.packet_id);
    if (version == Version::v5) write_properties(writer, packet, sizes);
    writer.bytes(packet.payload);
}

std::size_t encoded_size(const SharedPublish& packet, Version version) noexcept {
    const std::size_t body = body_size(packet, version);
    return 1 + varint_size(body) + body;
}

void encode(const SharedPublish& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.topic.size() <= 0xFFFF);
    HeadWriter head;
    head.u8(first_byte(PacketType::publish, packet.retain ? kRetainBit : 0));
    head.varint(body_size(packet, version));
    head.u8(static_cast<std::uint8_t>(packet.topic.size() >> 8U));
    head.u8(static_cast<std::uint8_t>(packet.topic.size() & 0xFFU));
    append(out, head.bytes());
    append(out, packet.topic);
    if (version == Version::v5) {
        HeadWriter length;
        length.varint(packet.properties.size());
        append(out, length.bytes());
        append(out, packet.properties);
    }
    append(out, packet.payload);
}

std::size_t encoded_size(const Publish& packet, Version version) noexcept {
    const std::size_t body = sizes_of(packet, version).body;
    return 1 + varint_size(body) + body;
}

ByteSpan without_alias(ByteSpan properties, ByteBuffer& scratch) {
    const auto stays = [](const Property& property) {
        return property.id != PropertyId::topic_alias &&
               property.id != PropertyId::subscription_identifier;
    };
    bool all_stay = true;
    for_each_property(properties, [&](const Property& p) { all_stay = all_stay && stays(p); });
    if (all_stay) return properties;
    scratch.clear();
    for_each_property(properties, [&](const Property& property) {
        if (stays(property)) append(scratch, property.wire);
    });
    return scratch;
}

std::vector<UserProperty> user_properties(ByteSpan properties) {
    std::vector<UserProperty> found;
    for_each_property(properties, [&](const Property& property) {
        if (property.id == PropertyId::user_property) {
            found.push_back({.name = property.text, .value = property.value});
        }
    });
    return found;
}

}  // namespace firehose::mqtt
