// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

/// One record of the log: an application message, or a control record that no reader is given.
///
/// A record's bytes are made once, by `encode_record`, and are the same in memory, in a segment
/// and on a mirror's wire (invariant 1). `seq` and `time` are the block's, not the record's.
/// Lifetime: strings and spans of a Record are views: into the caller's data when encoding, into
///           the block's bytes when read. A reader of a view keeps its BlockRef.
/// Threads:  values; encoded records are immutable.
/// Source:   docs/formats/segment.md, rule **The record**.
namespace firehose::log {

enum class RecordKind : std::uint8_t {
    message = 1,
    // Control kinds start at 16; readers pass over what they do not know.
    gap = 16,
    // What a session may not forget; payloads in session/control_record.h. The record's publisher
    // is the session; it has no topic.
    session_opened = 17,
    session_ended = 18,
    subscribed = 19,
    unsubscribed = 20,
    pubrel_received = 21,
    ids_assigned = 22,
    pubrec_received = 23,
    will_armed = 24,
    will_disarmed = 25,
    group_joined = 26,
    group_left = 27,
    keep = 28,   // A retained record, copied forward from a segment that goes.
    erase = 29,  // The operator takes records back.
    epoch = 30,  // A start, as far as shared subscriptions care.
};

inline constexpr std::size_t kTopicBytesMax = 65'535;
inline constexpr std::size_t kPropertiesBytesMax = 65'536;
inline constexpr std::size_t kPayloadBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kOriginIdBytesMax = 64;
inline constexpr std::size_t kAuthorBytesMax = 131'200;  // Two MQTT strings.
inline constexpr std::size_t kRecordHeaderBytes = 8;     // Length and CRC32C.
/// No record is larger; fields of later versions included.
inline constexpr std::size_t kRecordBytesMax = kPayloadBytesMax + (std::size_t{1} << 20);

struct Record {
    RecordKind kind = RecordKind::message;
    std::uint8_t qos = 0;  // As published: 0, 1 or 2.
    bool retain = false;
    bool is_erased = false;        // Taken back: payload and properties are gone.
    bool payload_is_utf8 = false;  // Checked, not claimed: doors may print the payload as text.
    std::string_view topic;        // At most 65,535 bytes.
    ByteSpan properties;           // MQTT 5 PUBLISH properties, no alias; at most 64 KiB.
    ByteSpan payload;
    PublisherId publisher{};
    std::optional<WallTime> expires;      // Absolute.
    std::string_view origin_id;           // At most 64 bytes; empty: none.
    std::optional<WallTime> origin_time;  // The event's own time.
    std::uint16_t inbound_packet_id = 0;  // Of a QoS 2 publish; 0: none.
    std::string_view author;  // Of a retained message: the key of its publisher; empty: the bus.
};

/// Appends the record's bytes, CRC32C included. Sizes beyond the format's limits are our bug.
void encode_record(const Record& record, ByteBuffer& out);

enum class RecordDamage : std::uint8_t {
    cut,       // Fewer bytes than the record says.
    checksum,  // CRC32C does not match.
    field,     // The checksum holds but a field is impossible: written by a bug.
};

/// Reads the record at the start of `bytes`; `size` receives how many bytes it takes.
/// Unknown optional fields are skipped. Never reads past `bytes`.
[[nodiscard]] Result<Record, RecordDamage> decode_record(ByteSpan bytes, std::size_t& size);

/// The same without the checksum: for bytes that were checked once, when they were read.
[[nodiscard]] Result<Record, RecordDamage> decode_checked_record(ByteSpan bytes, std::size_t& size);

/// The record at the start of `bytes`, which was encoded here, or checked before: anything else is
/// our bug (asserted).
[[nodiscard]] Record intact_record(ByteSpan bytes);

/// Overwrites the payload and properties of the record that fills `bytes` with zeros: it keeps its
/// size, and is marked as erased. `bytes` were checked once.
void erase_record(std::span<std::byte> bytes);

/// Whether the record's checksum holds; `size` receives its size if it lies within `bytes` (0 if
/// not, whatever the checksum).
[[nodiscard]] bool is_record_intact(ByteSpan bytes, std::size_t& size) noexcept;

}  // namespace firehose::log
