// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "mqtt/types.h"

/// The fifteen control packets as plain values, in both directions.
///
/// Lifetime:  strings, spans and raw properties are views: into the decoded packet, or into what
///            the encoder's caller owns. Only a will's `properties` own their bytes.
/// Threads:   values.
/// Properties: only what somebody acts on is a field. A PUBLISH (and a will) also carries
///            `properties`: its property bytes as they stood on the wire, without their length,
///            which a broker forwards unaltered but for alias, expiry and identifiers.
/// Source:    MQTT 5.0 chapter 3; 3.1.1 chapter 3. 3.1 and 3.1.1 packets leave the 5.0 fields
/// empty.
namespace firehose::mqtt {

struct UserProperty {
    std::string_view name;
    std::string_view value;
};

struct Will {
    std::string_view topic;
    ByteSpan payload;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::uint32_t delay_s = 0;
    std::optional<std::uint32_t> message_expiry_s;
    bool payload_is_utf8 = false;
    ByteBuffer properties;  // As a PUBLISH's: without Will Delay Interval, which may stand between.
};

struct Connect {
    Version version = Version::v311;
    bool clean_start = true;
    std::uint16_t keep_alive_s = 0;
    std::string_view client_id;
    std::optional<Will> will;
    std::optional<std::string_view> user_name;
    std::optional<ByteSpan> password;
    std::uint32_t session_expiry_s = 0;  // 0xFFFFFFFF: never.
    std::uint16_t receive_maximum = 65'535;
    std::optional<std::uint32_t> maximum_packet_size;
    std::uint16_t topic_alias_maximum = 0;
    bool request_problem_information = true;
    bool request_response_information = false;
    std::optional<std::string_view> authentication_method;
    std::vector<UserProperty> user_properties;
};

struct Connack {
    bool session_present = false;
    ReasonCode reason = ReasonCode::success;
    std::optional<std::uint32_t> session_expiry_s;
    std::optional<std::uint16_t> receive_maximum;
    std::optional<Qos> maximum_qos;
    std::optional<bool> retain_available;
    std::optional<std::uint32_t> maximum_packet_size;
    std::optional<std::string_view> assigned_client_id;
    std::optional<std::uint16_t> topic_alias_maximum;
    std::optional<std::string_view> reason_string;
    std::optional<bool> wildcard_available;
    std::optional<bool> identifiers_available;
    std::optional<bool> shared_available;
    std::optional<std::uint16_t> server_keep_alive_s;
};

struct Publish {
    bool dup = false;
    Qos qos = Qos::at_most_once;
    bool retain = false;
    std::string_view topic;       // May be empty with an alias (5.0).
    std::uint16_t packet_id = 0;  // Only with QoS > 0.
    std::optional<std::uint16_t> topic_alias;
    std::optional<std::uint32_t> message_expiry_s;
    bool payload_is_utf8 = false;  // Payload Format Indicator 1.
    std::vector<std::uint32_t> subscription_ids;
    ByteSpan properties;  // Wire bytes of all properties of the packet, in their order.
    ByteSpan payload;
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
struct Ack {
    PacketType type = PacketType::puback;
    std::uint16_t packet_id = 0;
    ReasonCode reason = ReasonCode::success;
    std::optional<std::string_view> reason_string;
};

enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

struct SubscriptionOptions {
    Qos qos = Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    RetainHandling retain_handling = RetainHandling::send;

    friend bool operator==(const SubscriptionOptions&, const SubscriptionOptions&) = default;
};

struct Subscribe {
    struct Entry {
        std::string_view filter;
        SubscriptionOptions options;
    };
    std::uint16_t packet_id = 0;
    std::vector<Entry> entries;
    std::optional<std::uint32_t> subscription_id;
    std::vector<UserProperty> user_properties;
};

struct Suback {
    std::uint16_t packet_id = 0;
    std::vector<ReasonCode> reasons;
    std::optional<std::string_view> reason_string;
};

struct Unsubscribe {
    std::uint16_t packet_id = 0;
    std::vector<std::string_view> filters;
};

struct Unsuback {
    std::uint16_t packet_id = 0;
    std::vector<ReasonCode> reasons;  // Not sent in 3.1 and 3.1.1.
};

struct Disconnect {
    ReasonCode reason = ReasonCode::success;
    std::optional<std::uint32_t> session_expiry_s;
    std::optional<std::string_view> reason_string;
};

struct Auth {
    ReasonCode reason = ReasonCode::success;
    std::optional<std::string_view> method;
};

}  // namespace firehose::mqtt
