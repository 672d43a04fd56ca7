// SPDX-License-Identifier: Apache-2.0
#include "mqtt/properties.h"

#include <array>

#include "mqtt/utf8.h"

namespace firehose::mqtt {
namespace {

enum class WireType : std::uint8_t {
    none,
    byte,
    two_bytes,
    four_bytes,
    varint,
    text,
    binary,
    pair
};

/// Values that the standard forbids although the type could hold them.
enum class Values : std::uint8_t { any, not_zero, at_most_one, no_wildcard };

struct Rule {
    PropertyId id;
    WireType type = WireType::none;
    unsigned scopes = 0;
    std::string_view name;
    Values values = Values::any;
    std::string_view statement = {};  // That forbids the value.
    ReasonCode reason = ReasonCode::protocol_error;
};

constexpr unsigned kConnect = static_cast<unsigned>(PropertyScope::connect);
constexpr unsigned kConnack = static_cast<unsigned>(PropertyScope::connack);
constexpr unsigned kPublish = static_cast<unsigned>(PropertyScope::publish);
constexpr unsigned kWill = static_cast<unsigned>(PropertyScope::will);
constexpr unsigned kAck = static_cast<unsigned>(PropertyScope::ack);
constexpr unsigned kSubscribe = static_cast<unsigned>(PropertyScope::subscribe);
constexpr unsigned kUnsubscribe = static_cast<unsigned>(PropertyScope::unsubscribe);
constexpr unsigned kDisconnect = static_cast<unsigned>(PropertyScope::disconnect);
constexpr unsigned kAuth = static_cast<unsigned>(PropertyScope::auth);
constexpr unsigned kEvery =
    kConnect | kConnack | kPublish | kWill | kAck | kSubscribe | kUnsubscribe | kDisconnect | kAuth;

using enum PropertyId;

// Table 2-4, in its order. What may repeat is decided in `may_repeat`.
constexpr Rule kRules[] = {
    {payload_format_indicator, WireType::byte, kPublish | kWill, "Payload Format Indicator",
     Values::at_most_one},
    {message_expiry_interval, WireType::four_bytes, kPublish | kWill, "Message Expiry Interval"},
    {content_type, WireType::text, kPublish | kWill, "Content Type"},
    {response_topic, WireType::text, kPublish | kWill, "Response Topic", Values::no_wildcard,
     "MQTT-3.3.2-14"},
    {correlation_data, WireType::binary, kPublish | kWill, "Correlation Data"},
    {subscription_identifier, WireType::varint, kPublish | kSubscribe, "Subscription Identifier",
     Values::not_zero},
    {session_expiry_interval, WireType::four_bytes, kConnect | kConnack | kDisconnect,
     "Session Expiry Interval"},
    {assigned_client_identifier, WireType::text, kConnack, "Assigned Client Identifier"},
    {server_keep_alive, WireType::two_bytes, kConnack, "Server Keep Alive"},
    {authentication_method, WireType::text, kConnect | kConnack | kAuth, "Authentication Method"},
    {authentication_data, WireType::binary, kConnect | kConnack | kAuth, "Authentication Data"},
    {request_problem_information, WireType::byte, kConnect, "Request Problem Information",
     Values::at_most_one},
    {will_delay_interval, WireType::four_bytes, kWill, "Will Delay Interval"},
    {request_response_information, WireType::byte, kConnect, "Request Response Information",
     Values::at_most_one},
    {response_information, WireType::text, kConnack, "Response Information"},
    {server_reference, WireType::text, kConnack | kDisconnect, "Server Reference"},
    {reason_string, WireType::text, kConnack | kAck | kDisconnect | kAuth, "Reason String"},
    {receive_maximum, WireType::two_bytes, kConnect | kConnack, "Receive Maximum",
     Values::not_zero},
    {topic_alias_maximum, WireType::two_bytes, kConnect | kConnack, "Topic Alias Maximum"},
    {topic_alias, WireType::two_bytes, kPublish, "Topic Alias", Values::not_zero, "MQTT-3.3.2-8",
     ReasonCode::topic_alias_invalid},
    {maximum_qos, WireType::byte, kConnack, "Maximum QoS", Values::at_most_one},
    {retain_available, WireType::byte, kConnack, "Retain Available", Values::at_most_one},
    {user_property, WireType::pair, kEvery, "User Property"},
    {maximum_packet_size, WireType::four_bytes, kConnect | kConnack, "Maximum Packet Size",
     Values::not_zero},
    {wildcard_subscription_available, WireType::byte, kConnack, "Wildcard Subscription Available",
     Values::at_most_one},
    {subscription_identifier_available, WireType::byte, kConnack,
     "Subscription Identifiers Available", Values::at_most_one},
    {shared_subscription_available, WireType::byte, kConnack, "Shared Subscription Available",
     Values::at_most_one},
};

constexpr std::size_t kIdentifiers = 43;

constexpr std::array<Rule, kIdentifiers> rules_by_id() {
    std::array<Rule, kIdentifiers> rules{};
    for (const Rule& rule : kRules) rules[static_cast<std::size_t>(rule.id)] = rule;
    return rules;
}
constexpr std::array<Rule, kIdentifiers> kRuleOf = rules_by_id();

/// User properties repeat everywhere; a PUBLISH carries one identifier for each subscription that
/// matched (3.3.2.3.8).
constexpr bool may_repeat(PropertyId id, PropertyScope scope) noexcept {
    return id == user_property ||
           (id == subscription_identifier && scope == PropertyScope::publish);
}

void read_value(WireReader& in, const Rule& rule, Property& property) noexcept {
    switch (rule.type) {
        case WireType::none:
            return;
        case WireType::byte:
            property.number = in.u8(rule.name);
            return;
        case WireType::two_bytes:
            property.number = in.u16(rule.name);
            return;
        case WireType::four_bytes:
            property.number = in.u32(rule.name);
            return;
        case WireType::varint:
            property.number = in.varint(rule.name);
            return;
        case WireType::text:
            property.text = in.utf8(rule.name);
            return;
        case WireType::binary:
            property.data = in.binary(rule.name);
            return;
        case WireType::pair:
            property.text = in.utf8(rule.name);
            property.value = in.utf8(rule.name);
            return;
    }
}

/// What is wrong with the value, or nothing.
std::string_view value_fault(const Rule& rule, const Property& property) noexcept {
    switch (rule.values) {
        case Values::any:
            return {};
        case Values::not_zero:
            return property.number == 0 ? "zero" : std::string_view{};
        case Values::at_most_one:
            return property.number > 1 ? "neither 0 nor 1" : std::string_view{};
        case Values::no_wildcard:
            return has_wildcard(property.text) ? "contains a wildcard" : std::string_view{};
    }
    return {};
}

}  // namespace

PropertyReader::PropertyReader(WireReader& in, PropertyScope scope) noexcept
    : in_(in), scope_(scope) {
    const std::size_t length_at = in.offset();
    const std::size_t length = in.varint("Property Length");
    if (length > in.remaining()) {
        in.fail_at(length_at, {.detail = "beyond the end of the packet",
                               .statement = "MQTT-2.2.2-1",
                               .field = "Property Length"});
    }
    begin_ = in.offset();
    end_ = begin_ + (in.error() ? 0 : length);
}

PropertyReader::PropertyReader(WireReader& in, PropertyScope scope, std::size_t length) noexcept
    : in_(in), scope_(scope), begin_(in.offset()), end_(in.offset() + length) {}

std::optional<Property> PropertyReader::next() noexcept {
    if (in_.error() || in_.offset() >= end_) return std::nullopt;
    const std::size_t at = in_.offset();
    const std::uint32_t id = in_.varint("Property Identifier");
    if (in_.error()) return std::nullopt;
    if (id >= kIdentifiers || kRuleOf[id].type == WireType::none) {
        in_.fail_at(at, {.detail = "unknown", .field = "Property Identifier"});
        return std::nullopt;
    }
    const Rule& rule = kRuleOf[id];
    if ((rule.scopes & static_cast<unsigned>(scope_)) == 0) {
        // 2.2.2.2: an identifier that is not valid for its packet type is malformed.
        in_.fail_at(at, {.detail = "not allowed in this packet", .field = rule.name});
        return std::nullopt;
    }
    const std::uint64_t bit = std::uint64_t{1} << id;
    if ((seen_ & bit) != 0 && !may_repeat(rule.id, scope_)) {
        in_.fail_at(
            at,
            {.reason = ReasonCode::protocol_error, .detail = "given twice", .field = rule.name});
        return std::nullopt;
    }
    seen_ |= bit;

    Property property{.id = rule.id};
    read_value(in_, rule, property);
    if (in_.error()) return std::nullopt;
    if (in_.offset() > end_) {
        in_.fail_at(at, {.detail = "beyond the Property Length", .field = rule.name});
        return std::nullopt;
    }
    if (const auto fault = value_fault(rule, property); !fault.empty()) {
        in_.fail_at(at, {.reason = rule.reason,
                         .detail = fault,
                         .statement = rule.statement,
                         .field = rule.name});
        return std::nullopt;
    }
    property.wire = in_.between(at, in_.offset());
    return property;
}

ByteSpan PropertyReader::wire() const noexcept {
    return in_.error() ? ByteSpan{} : in_.between(begin_, in_.offset());
}

void skip_properties(WireReader& in, PropertyScope scope) noexcept {
    PropertyReader properties{in, scope};
    while (properties.next()) {
    }
}

void write_property(WireWriter& out, PropertyId id, std::uint8_t value) {
    out.u8(static_cast<std::uint8_t>(id));
    out.u8(value);
}

void write_property(WireWriter& out, PropertyId id, std::uint16_t value) {
    out.u8(static_cast<std::uint8_t>(id));
    out.u16(value);
}

void write_property(WireWriter& out, PropertyId id, std::uint32_t value) {
    out.u8(static_cast<std::uint8_t>(id));
    out.u32(value);
}

void write_property(WireWriter& out, PropertyId id, std::string_view text) {
    out.u8(static_cast<std::uint8_t>(id));
    out.utf8(text);
}

void write_property(WireWriter& out, const UserProperty& property) {
    out.u8(static_cast<std::uint8_t>(user_property));
    out.utf8(property.name);
    out.utf8(property.value);
}

void write_subscription_id(WireWriter& out, std::uint32_t id) {
    out.u8(static_cast<std::uint8_t>(subscription_identifier));
    out.varint(id);
}

}  // namespace firehose::mqtt
