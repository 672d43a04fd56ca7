// SPDX-License-Identifier: Apache-2.0
#include "cli/properties.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "mqtt/properties.h"
#include "mqtt/utf8.h"
#include "mqtt/wire_writer.h"

namespace firehose::cli {
namespace {

using mqtt::PropertyId;

enum class Command : std::uint8_t { connect, publish, will, subscribe };
enum class Kind : std::uint8_t { byte, two_bytes, four_bytes, identifier, text, data, pair };

struct Row {
    Command command;
    std::string_view name;
    Kind kind;
    PropertyId id;
};

constexpr std::string_view kCommands[] = {"connect", "publish", "will", "subscribe"};
constexpr std::size_t kTextBytesMax = 65'535;

using enum Command;
constexpr Row kRows[] = {
    {connect, "session-expiry-interval", Kind::four_bytes, PropertyId::session_expiry_interval},
    {connect, "receive-maximum", Kind::two_bytes, PropertyId::receive_maximum},
    {connect, "maximum-packet-size", Kind::four_bytes, PropertyId::maximum_packet_size},
    {connect, "user-property", Kind::pair, PropertyId::user_property},
    {publish, "payload-format-indicator", Kind::byte, PropertyId::payload_format_indicator},
    {publish, "message-expiry-interval", Kind::four_bytes, PropertyId::message_expiry_interval},
    {publish, "content-type", Kind::text, PropertyId::content_type},
    {publish, "response-topic", Kind::text, PropertyId::response_topic},
    {publish, "correlation-data", Kind::data, PropertyId::correlation_data},
    {publish, "topic-alias", Kind::two_bytes, PropertyId::topic_alias},
    {publish, "user-property", Kind::pair, PropertyId::user_property},
    {will, "will-delay-interval", Kind::four_bytes, PropertyId::will_delay_interval},
    {will, "payload-format-indicator", Kind::byte, PropertyId::payload_format_indicator},
    {will, "message-expiry-interval", Kind::four_bytes, PropertyId::message_expiry_interval},
    {will, "content-type", Kind::text, PropertyId::content_type},
    {will, "response-topic", Kind::text, PropertyId::response_topic},
    {will, "correlation-data", Kind::data, PropertyId::correlation_data},
    {will, "user-property", Kind::pair, PropertyId::user_property},
    {subscribe, "subscription-identifier", Kind::identifier, PropertyId::subscription_identifier},
    {subscribe, "user-property", Kind::pair, PropertyId::user_property},
};

std::uint64_t most(Kind kind) {
    switch (kind) {
        case Kind::byte:
            return 1;  // There is a flag only.
        case Kind::two_bytes:
            return 0xFFFF;
        case Kind::identifier:
            return mqtt::kVarintMax;
        default:
            return 0xFFFF'FFFF;
    }
}

/// Of these none may be 0 (MQTT 5.0, 3.1.2.11.3, 3.1.2.11.4, 3.3.2.3.4, 3.8.2.1.2).
bool is_zero_wrong(PropertyId id) {
    return id == PropertyId::receive_maximum || id == PropertyId::maximum_packet_size ||
           id == PropertyId::topic_alias || id == PropertyId::subscription_identifier;
}

std::optional<std::uint32_t> number_of(const Row& row, std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (number > most(row.kind) || (number == 0 && is_zero_wrong(row.id))) return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

bool is_text(std::string_view text) {
    return text.size() <= kTextBytesMax && mqtt::text_fault(text) == mqtt::TextFault::none;
}

void put_number(const Row& row, std::uint32_t number, Properties& into) {
    mqtt::WireWriter out{row.command == will ? into.will : into.publish};
    switch (row.id) {
        case PropertyId::session_expiry_interval:
            into.session_expiry_s = number;
            return;
        case PropertyId::receive_maximum:
            into.receive_maximum = number;
            return;
        case PropertyId::maximum_packet_size:
            into.packet_bytes_max = number;
            return;
        case PropertyId::will_delay_interval:
            into.will_delay_s = number;
            return;
        case PropertyId::subscription_identifier:
            into.subscription_id = number;
            return;
        case PropertyId::topic_alias:
            return write_property(out, row.id, static_cast<std::uint16_t>(number));
        case PropertyId::payload_format_indicator:
            return write_property(out, row.id, static_cast<std::uint8_t>(number));
        default:
            return write_property(out, row.id, number);
    }
}

void put_pair(const Row& row, const std::string& name, const std::string& value, Properties& into) {
    if (row.command == connect) {
        into.connect_pairs.emplace_back(name, value);
    } else if (row.command == subscribe) {
        into.subscribe_pairs.emplace_back(name, value);
    } else {
        mqtt::WireWriter out{row.command == will ? into.will : into.publish};
        write_property(out, {.name = name, .value = value});
    }
}

/// Empty, or what is wrong with the values.
std::string put(const Row& row, std::span<const std::string> values, Properties& into) {
    mqtt::WireWriter out{row.command == will ? into.will : into.publish};
    switch (row.kind) {
        case Kind::pair:
            if (!is_text(values[0]) || !is_text(values[1])) return "is no text that MQTT can hold";
            put_pair(row, values[0], values[1], into);
            return "";
        case Kind::text:
            if (!is_text(values[0])) return "is no text that MQTT can hold";
            write_property(out, row.id, std::string_view{values[0]});
            return "";
        case Kind::data:
            if (values[0].size() > kTextBytesMax) return "is longer than 65535 bytes";
            out.u8(static_cast<std::uint8_t>(row.id));
            out.binary(as_bytes(values[0]));
            return "";
        default:
            break;
    }
    const auto number = number_of(row, values[0]);
    if (!number) {
        return "takes a number from " + std::to_string(is_zero_wrong(row.id) ? 1 : 0) + " to " +
               std::to_string(most(row.kind));
    }
    put_number(row, *number, into);
    return "";
}

std::string names_of(std::string_view command) {
    std::string names;
    for (const Row& row : kRows) {
        if (kCommands[static_cast<std::size_t>(row.command)] != command) continue;
        names += (names.empty() ? "" : ", ") + std::string{row.name};
    }
    return names;
}

}  // namespace

Result<Properties, std::string> parse_properties(std::span<const std::string> words) {
    Properties properties;
    std::vector<const Row*> seen;
    while (!words.empty()) {
        const std::string& command = words[0];
        const std::string name = words.size() > 1 ? words[1] : "";
        const std::string said = command + " " + name;
        if (std::ranges::find(kCommands, command) == std::end(kCommands)) {
            return Failure{command + ": there are connect, publish, will and subscribe"};
        }
        const Row* const row = std::ranges::find_if(kRows, [&](const Row& each) {
            return kCommands[static_cast<std::size_t>(each.command)] == command &&
                   each.name == name;
        });
        if (row == std::end(kRows)) return Failure{said + ": there are " + names_of(command)};
        const std::size_t values = row->kind == Kind::pair ? 2 : 1;
        if (words.size() < 2 + values) return Failure{said + ": has no value"};
        if (values == 1 && std::ranges::find(seen, row) != seen.end()) {
            return Failure{said + ": is there twice"};
        }
        seen.push_back(row);
        if (const std::string wrong = put(*row, words.subspan(2, values), properties);
            !wrong.empty()) {
            return Failure{said + ": " + wrong};
        }
        words = words.subspan(2 + values);
    }
    return properties;
}

}  // namespace firehose::cli
