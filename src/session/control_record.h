// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "log/record.h"
#include "mqtt/packets.h"
#include "session/will.h"

/// What a session may not forget, as payloads of control records: encoded, and read back.
///
/// The record's publisher is the session. Integers are little endian; texts have a length of two
/// bytes, lists a count of two bytes before them. Readers ignore what follows the fields that they
/// know, so fields may be added at the end.
/// Lifetime: what is decoded owns its texts. Threads: pure functions.
/// Errors:   decoding gives nothing for a payload that is too short or impossible.
/// Source:   docs/formats/control.md; rule **What a session may not forget**.
namespace firehose::session {

/// A connection opened the session: it is new, or its expiry changed.
struct SessionOpened {
    std::string key;  // bus::SessionStore::key_of: identity and client id.
    std::uint32_t expiry_s = 0;
    friend bool operator==(const SessionOpened&, const SessionOpened&) = default;
};

struct SessionEnded {
    friend bool operator==(const SessionEnded&, const SessionEnded&) = default;
};

struct Subscribed {
    struct Entry {
        std::string filter;
        mqtt::SubscriptionOptions options;
        std::uint32_t id = 0;
        Seq from_seq{};
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;
    friend bool operator==(const Subscribed&, const Subscribed&) = default;
};

struct Unsubscribed {
    std::vector<std::string> filters;
    friend bool operator==(const Unsubscribed&, const Unsubscribed&) = default;
};

/// Inbound QoS 2: the exchanges of these ids are over.
struct PubrelReceived {
    std::vector<std::uint16_t> ids;
    friend bool operator==(const PubrelReceived&, const PubrelReceived&) = default;
};

/// Outbound QoS 1 and 2: one record a turn and session.
struct IdsAssigned {
    struct Entry {
        std::uint16_t packet_id = 0;
        mqtt::Qos qos = mqtt::Qos::at_least_once;
        bool retain = false;
        bool is_copy = false;  // A retained copy: says nothing of the cursor.
        Seq seq{};
        std::vector<std::uint32_t> subscription_ids;
        std::string shared_filter = {};  // Of a shared subscription; empty: an ordinary delivery.
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> entries;
    std::vector<std::uint16_t> completed;  // Ids whose exchange ended since the record before.
    friend bool operator==(const IdsAssigned&, const IdsAssigned&) = default;
};

/// Outbound QoS 2: the client has these; they go on with PUBREL.
struct PubrecReceived {
    std::vector<std::uint16_t> ids;
    friend bool operator==(const PubrecReceived&, const PubrecReceived&) = default;
};

/// Also of sessions that end with their connection, for which it is the first record.
struct WillArmed {
    std::string key;  // As SessionOpened's.
    WillMessage will;
    friend bool operator==(const WillArmed&, const WillArmed&) = default;
};

/// Taken back, or published: then in the block of the will's message.
struct WillDisarmed {
    friend bool operator==(const WillDisarmed&, const WillDisarmed&) = default;
};

/// The session is a member of a shared subscription from here on (bus/share_table.h).
struct GroupJoined {
    std::string filter;  // `$share/<group>/<filter>`.
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool is_durable = false;  // The session outlives connections.
    friend bool operator==(const GroupJoined&, const GroupJoined&) = default;
};

/// It is one no more. What it had not acknowledged goes to the others: `unacknowledged`, and what
/// was given to it at or after `cursor`.
struct GroupLeft {
    std::string filter;
    Seq cursor{};
    std::vector<Seq> unacknowledged;
    friend bool operator==(const GroupLeft&, const GroupLeft&) = default;
};

/// A start: members whose sessions ended with their connection are gone.
struct Epoch {
    friend bool operator==(const Epoch&, const Epoch&) = default;
};

using Control =
    std::variant<SessionOpened, SessionEnded, Subscribed, Unsubscribed, PubrelReceived, IdsAssigned,
                 PubrecReceived, WillArmed, WillDisarmed, GroupJoined, GroupLeft, Epoch>;

[[nodiscard]] log::RecordKind kind_of(const Control& control) noexcept;
/// Appends the payload.
void encode_control(const Control& control, ByteBuffer& out);
/// Nothing when the record is of another kind or makes no sense.
[[nodiscard]] std::optional<Control> decode_control(const log::Record& record);

}  // namespace firehose::session
