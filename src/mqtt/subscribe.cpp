// SPDX-License-Identifier: Apache-2.0
// SUBSCRIBE (MQTT 5.0 section 3.8; 3.1.1 section 3.8).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"

namespace firehose::mqtt {
namespace {

constexpr unsigned kNoLocal = 0b0000'0100;
constexpr unsigned kRetainAsPublished = 0b0000'1000;
constexpr unsigned kReserved5 = 0b1100'0000;
constexpr unsigned kReserved311 = 0b1111'1100;

void read_properties(WireReader& in, Subscribe& subscribe) {
    PropertyReader properties{in, PropertyScope::subscribe};
    while (const auto property = properties.next()) {
        if (property->id == PropertyId::subscription_identifier) {
            subscribe.subscription_id = property->number;
        } else if (property->id == PropertyId::user_property) {
            subscribe.user_properties.push_back({.name = property->text, .value = property->value});
        }
    }
}

SubscriptionOptions read_options(WireReader& in, Version version) noexcept {
    constexpr std::string_view kField = "Subscription Options";
    const std::size_t at = in.offset();
    const unsigned bits = in.u8(kField);
    SubscriptionOptions options;
    if ((bits & 3U) == 3U) {
        in.fail_at(at, {.reason = ReasonCode::protocol_error, .detail = "QoS 3", .field = kField});
    } else {
        options.qos = static_cast<Qos>(bits & 3U);
    }
    const unsigned reserved = version == Version::v5     ? kReserved5
                              : version == Version::v311 ? kReserved311
                                                         : 0U;  // 3.1: "unused".
    if ((bits & reserved) != 0) {
        in.fail_at(at, {.detail = "reserved bits set",
                        .statement = version == Version::v5 ? "MQTT-3.8.3-5" : "MQTT311-3.8.3-4",
                        .field = kField});
    }
    if (version != Version::v5) return options;
    options.no_local = (bits & kNoLocal) != 0;
    options.retain_as_published = (bits & kRetainAsPublished) != 0;
    const unsigned retain_handling = (bits >> 4U) & 3U;
    if (retain_handling == 3U) {
        in.fail_at(
            at,
            {.reason = ReasonCode::protocol_error, .detail = "Retain Handling 3", .field = kField});
    } else {
        options.retain_handling = static_cast<RetainHandling>(retain_handling);
    }
    return options;
}

std::uint8_t options_byte(const SubscriptionOptions& options, Version version) noexcept {
    auto bits = static_cast<unsigned>(options.qos);
    if (version == Version::v5) {
        bits |= (options.no_local ? kNoLocal : 0U) |
                (options.retain_as_published ? kRetainAsPublished : 0U) |
                (static_cast<unsigned>(options.retain_handling) << 4U);
    }
    return static_cast<std::uint8_t>(bits);
}

}  // namespace

Result<Subscribe, ProtocolError> decode_subscribe(const Frame& frame, Version version) {
    WireReader in = read_body(frame);
    expect_acked_flags(in, frame, version);  // [MQTT-3.8.1-1]
    Subscribe subscribe;
    subscribe.packet_id = in.packet_id();
    if (version == Version::v5) read_properties(in, subscribe);
    while (in.remaining() > 0) {
        Subscribe::Entry entry;
        entry.filter = in.utf8("Topic Filter");
        entry.options = read_options(in, version);
        subscribe.entries.push_back(entry);
    }
    if (subscribe.entries.empty()) {
        in.fail({.reason = ReasonCode::protocol_error,
                 .detail = "no Topic Filter",
                 .statement = "MQTT-3.8.3-2"});
    }
    if (in.error()) return Failure{*in.error()};
    return subscribe;
}

void encode(const Subscribe& packet, Version version, ByteBuffer& out) {
    FH_ASSERT(packet.packet_id != 0 && !packet.entries.empty());
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::subscribe, 2);
    writer.u16(packet.packet_id);
    if (version == Version::v5) {
        const auto properties = writer.begin_length();
        if (packet.subscription_id) write_subscription_id(writer, *packet.subscription_id);
        for (const UserProperty& property : packet.user_properties) {
            write_property(writer, property);
        }
        writer.end_length(properties);
    }
    for (const Subscribe::Entry& entry : packet.entries) {
        writer.utf8(entry.filter);
        writer.u8(options_byte(entry.options, version));
    }
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
