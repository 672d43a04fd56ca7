// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "mqtt/types.h"

/// What a client::Client reports to whoever drives it.
///
/// Threads: values that own what they show. They compare and print, so that tests are dialogues.
namespace firehose::client {

/// Names a publish or a subscribe until its answer. Grows, never used twice by a client.
enum class Token : std::uint64_t {};

/// CONNACK: accepted. Without a session on the server, subscriptions have to be made (again).
struct Connected {
    bool session_present = false;

    friend bool operator==(const Connected&, const Connected&) = default;
};

/// CONNACK: refused. Close the connection.
struct Refused {
    mqtt::ReasonCode reason = mqtt::ReasonCode::unspecified_error;
    std::string text;  // The server's Reason String, may be empty.

    friend bool operator==(const Refused&, const Refused&) = default;
};

/// A PUBLISH arrived; at QoS 2 once. It is acknowledged in the same step.
struct Message {
    std::string topic;
    ByteBuffer payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    bool dup = false;
    std::vector<std::pair<std::string, std::string>> user_properties;
    // 5.0.
    std::optional<std::string> content_type = {};
    std::optional<std::string> response_topic = {};
    std::optional<ByteBuffer> correlation_data = {};
    std::optional<std::uint32_t> message_expiry_s = {};
    std::vector<std::uint32_t> subscription_ids = {};

    friend bool operator==(const Message&, const Message&) = default;
};

/// A publish is done: QoS 0 written, QoS 1 PUBACK, QoS 2 PUBCOMP (or PUBREC that refuses).
struct Published {
    Token token{};
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;

    friend bool operator==(const Published&, const Published&) = default;
};

/// SUBACK: a reason for each filter, in order; above 0x7F it was refused.
struct Subscribed {
    Token token{};
    std::vector<mqtt::ReasonCode> reasons;
    std::string text;  // The server's Reason String, may be empty.

    friend bool operator==(const Subscribed&, const Subscribed&) = default;
};

/// UNSUBACK. Without reasons before 5.0.
struct Unsubscribed {
    Token token{};
    std::vector<mqtt::ReasonCode> reasons;

    friend bool operator==(const Unsubscribed&, const Unsubscribed&) = default;
};

/// The connection is over: write what `output` holds, close it, and call on_closed.
struct HangUp {
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    std::string text;  // For people: the server's words, or what it did wrong.

    friend bool operator==(const HangUp&, const HangUp&) = default;
};

using Event =
    std::variant<Connected, Refused, Message, Published, Subscribed, Unsubscribed, HangUp>;

std::ostream& operator<<(std::ostream& out, const Event& event);

}  // namespace firehose::client
