// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/packets.h"
#include "mqtt/wire_reader.h"
#include "mqtt/wire_writer.h"

/// MQTT 5.0 properties: one table says of each its type, its packets, and whether it may repeat.
///
///     PropertyReader properties{in, PropertyScope::connect};
///     while (const auto property = properties.next()) {
///         if (property->id == PropertyId::receive_maximum) ...
///     }
///
/// Lifetime:  what a Property shows points into the packet.
/// Threads:   none. Cost: no allocation; O(1) per property beyond its text.
/// Invariant: a Property that `next` returns is allowed in its packet, not there twice unless the
///            standard says so, and within the values that the standard allows it.
/// Source:    MQTT 5.0 section 2.2.2, table 2-4, and the property sections of chapter 3.
namespace firehose::mqtt {

enum class PropertyId : std::uint8_t {
    payload_format_indicator = 1,
    message_expiry_interval = 2,
    content_type = 3,
    response_topic = 8,
    correlation_data = 9,
    subscription_identifier = 11,
    session_expiry_interval = 17,
    assigned_client_identifier = 18,
    server_keep_alive = 19,
    authentication_method = 21,
    authentication_data = 22,
    request_problem_information = 23,
    will_delay_interval = 24,
    request_response_information = 25,
    response_information = 26,
    server_reference = 28,
    reason_string = 31,
    receive_maximum = 33,
    topic_alias_maximum = 34,
    topic_alias = 35,
    maximum_qos = 36,
    retain_available = 37,
    user_property = 38,
    maximum_packet_size = 39,
    wildcard_subscription_available = 40,
    subscription_identifier_available = 41,
    shared_subscription_available = 42,
};

/// Whose properties: a bit each, so that a rule can name several.
enum class PropertyScope : std::uint16_t {
    connect = 1U << 0U,
    connack = 1U << 1U,
    publish = 1U << 2U,
    will = 1U << 3U,
    ack = 1U << 4U,  // PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK allow the same.
    subscribe = 1U << 5U,
    unsubscribe = 1U << 6U,
    disconnect = 1U << 7U,
    auth = 1U << 8U,
};

struct Property {
    PropertyId id = PropertyId::user_property;
    std::uint32_t number = 0;  // Of every integer type.
    std::string_view text;     // A string's; a user property's name.
    std::string_view value;    // A user property's value.
    ByteSpan data;             // Binary data.
    ByteSpan wire;             // The whole property, its identifier included.
};

class PropertyReader {
public:
    /// Reads the Property Length at the cursor of `in`, which must outlive the reader.
    PropertyReader(WireReader& in, PropertyScope scope) noexcept;
    /// Reads a block of `length` bytes at the cursor, whose length was read before.
    /// length <= in.remaining().
    PropertyReader(WireReader& in, PropertyScope scope, std::size_t length) noexcept;

    /// The next property; nothing at the end of the block and after a failure of `in`.
    [[nodiscard]] std::optional<Property> next() noexcept;

    /// All property bytes read so far; after the end, the whole block without its length.
    [[nodiscard]] ByteSpan wire() const noexcept;

private:
    WireReader& in_;
    PropertyScope scope_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t seen_ = 0;  // A bit for each identifier.
};

/// Reads a whole block whose values nobody needs, for its checks.
void skip_properties(WireReader& in, PropertyScope scope) noexcept;

void write_property(WireWriter& out, PropertyId id, std::uint8_t value);
void write_property(WireWriter& out, PropertyId id, std::uint16_t value);
void write_property(WireWriter& out, PropertyId id, std::uint32_t value);
void write_property(WireWriter& out, PropertyId id, std::string_view text);
void write_property(WireWriter& out, const UserProperty& property);
void write_subscription_id(WireWriter& out, std::uint32_t id);

/// Writes the property if it has a value.
template <class T>
void write_property(WireWriter& out, PropertyId id, const std::optional<T>& value) {
    if (value) write_property(out, id, *value);
}

}  // namespace firehose::mqtt
