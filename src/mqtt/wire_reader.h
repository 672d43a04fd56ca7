// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/protocol_error.h"

/// Reads MQTT's wire types from one complete control packet.
///
/// The first failure sticks: it is kept, the cursor jumps to the end, and every later read returns
/// a zero value without touching memory. Decoders therefore read straight down the packet, as the
/// specification lays it out, and ask `error()` once at the end:
///
///     WireReader in{frame};
///     publish.topic = in.utf8("Topic Name");
///     if (qos != Qos::at_most_once) publish.packet_id = in.packet_id();
///     publish.payload = in.rest();
///     if (in.error()) return Failure{*in.error()};
///
/// Lifetime:  returned views point into the packet, which must outlive them.
/// Threads:   none; a reader lives on one stack frame.
/// Cost:      no allocation; O(1) per read except `utf8`, which scans its bytes once.
/// Source:    MQTT 5.0 section 1.5; 3.1.1 section 1.5 is the same but for 1.5.5 to 1.5.7.
namespace firehose::mqtt {

class WireReader {
public:
    /// Reads `packet` from byte `start` on (where the fixed header ends); offsets in errors count
    /// from the packet's first byte. start <= packet.size().
    explicit WireReader(ByteSpan packet, std::size_t start = 0) noexcept;

    /// Fixed-size big-endian integers. `field` names the field for the error message.
    [[nodiscard]] std::uint8_t u8(std::string_view field) noexcept;
    [[nodiscard]] std::uint16_t u16(std::string_view field) noexcept;
    [[nodiscard]] std::uint32_t u32(std::string_view field) noexcept;

    /// A Packet Identifier; zero is malformed. [MQTT-2.2.1-3]
    [[nodiscard]] std::uint16_t packet_id() noexcept;

    /// A Variable Byte Integer, 0 to 268'435'455, in 1 to 4 bytes.
    /// Fails on a fifth byte and on an overlong form such as 0x80 0x00. [MQTT-1.5.5-1]
    [[nodiscard]] std::uint32_t varint(std::string_view field) noexcept;

    /// A length-prefixed UTF-8 string, at most 65'535 bytes.
    /// Fails on ill-formed UTF-8 [MQTT-1.5.4-1] and on U+0000 [MQTT-1.5.4-2].
    [[nodiscard]] std::string_view utf8(std::string_view field) noexcept;

    /// Length-prefixed bytes, at most 65'535.
    [[nodiscard]] ByteSpan binary(std::string_view field) noexcept;

    /// Everything not read yet; empty after a failure.
    [[nodiscard]] ByteSpan rest() noexcept;

    [[nodiscard]] std::size_t offset() const noexcept { return next_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return packet_.size() - next_; }
    /// What lies between two offsets that were read already.
    [[nodiscard]] ByteSpan between(std::size_t begin, std::size_t end) const noexcept;

    /// Fails with `cause` (its offset is set here) unless something failed before.
    void fail(ProtocolError cause) noexcept { fail_at(next_, cause); }
    void fail_at(std::size_t offset, ProtocolError cause) noexcept;
    /// Fails if a byte is left over.
    void expect_end() noexcept;

    /// The first failure, if any read failed.
    [[nodiscard]] const std::optional<ProtocolError>& error() const noexcept { return error_; }

private:
    [[nodiscard]] bool has(std::size_t count, std::string_view field) noexcept;

    ByteSpan packet_;
    std::size_t next_;  // Invariant: next_ <= packet_.size().
    std::optional<ProtocolError> error_;
};

}  // namespace firehose::mqtt
