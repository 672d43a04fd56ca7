// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/types.h"

/// Appends MQTT's wire types to a buffer.
///
///     WireWriter out{buffer};
///     const auto packet = out.begin_packet(PacketType::puback, 0);
///     out.u16(packet_id);
///     out.end_length(packet);
///
/// Lengths that come before what they count are opened with `begin_*` and closed with
/// `end_length`, which moves what was written since by 1 to 4 bytes. PUBLISH computes its sizes
/// beforehand instead.
/// Ownership: the buffer is the caller's. Threads: none.
/// Invariant: strings and binary data of more than 65'535 bytes are our bug (asserted).
/// Source:    MQTT 5.0 section 1.5.
namespace firehose::mqtt {

/// The largest value of a Variable Byte Integer, hence of a packet without its fixed header.
inline constexpr std::size_t kVarintMax = 268'435'455;

/// How many bytes a Variable Byte Integer takes. value <= kVarintMax.
[[nodiscard]] constexpr std::size_t varint_size(std::size_t value) noexcept {
    return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

class WireWriter {
public:
    /// Where a length will be inserted: the buffer's size at that moment.
    enum class Mark : std::size_t {};

    explicit WireWriter(ByteBuffer& out) noexcept : out_(out) {}

    void u8(std::uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
    void u16(std::uint16_t value);
    void u32(std::uint32_t value);
    void varint(std::size_t value);
    void utf8(std::string_view text) { binary(as_bytes(text)); }
    void binary(ByteSpan bytes);
    void bytes(ByteSpan bytes) { append(out_, bytes); }

    /// First byte of a packet; its Remaining Length follows with `end_length`.
    [[nodiscard]] Mark begin_packet(PacketType type, std::uint8_t flags);
    [[nodiscard]] Mark begin_length() const noexcept { return static_cast<Mark>(out_.size()); }
    void end_length(Mark mark);

private:
    ByteBuffer& out_;
};

/// First byte of a fixed header.
[[nodiscard]] constexpr std::uint8_t first_byte(PacketType type, std::uint8_t flags) noexcept {
    return static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4U) | flags);
}

}  // namespace firehose::mqtt
