// SPDX-License-Identifier: Apache-2.0
#include "mqtt/wire_reader.h"

#include "base/assert.h"
#include "mqtt/utf8.h"

namespace firehose::mqtt {

WireReader::WireReader(ByteSpan packet, std::size_t start) noexcept
    : packet_(packet), next_(start) {
    FH_ASSERT(start <= packet.size());
}

std::uint8_t WireReader::u8(std::string_view field) noexcept {
    if (!has(1, field)) return 0;
    return std::to_integer<std::uint8_t>(packet_[next_++]);
}

std::uint16_t WireReader::u16(std::string_view field) noexcept {
    if (!has(2, field)) return 0;
    const unsigned high = std::to_integer<unsigned>(packet_[next_]);
    const unsigned low = std::to_integer<unsigned>(packet_[next_ + 1]);
    next_ += 2;
    return static_cast<std::uint16_t>((high << 8U) | low);
}

std::uint32_t WireReader::u32(std::string_view field) noexcept {
    if (!has(4, field)) return 0;
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        value = (value << 8U) | std::to_integer<std::uint32_t>(packet_[next_++]);
    }
    return value;
}

std::uint16_t WireReader::packet_id() noexcept {
    const std::size_t at = next_;
    const std::uint16_t id = u16("Packet Identifier");
    if (id == 0) {
        fail_at(at, {.detail = "zero", .statement = "MQTT-2.2.1-3", .field = "Packet Identifier"});
    }
    return id;
}

std::uint32_t WireReader::varint(std::string_view field) noexcept {
    const std::size_t at = next_;
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift <= 21; shift += 7) {
        if (!has(1, field)) return 0;
        const auto byte = std::to_integer<std::uint32_t>(packet_[next_++]);
        value |= (byte & 0x7FU) << shift;
        if ((byte & 0x80U) != 0) continue;
        if (byte == 0 && shift > 0) break;  // Overlong: a last byte of zero adds nothing.
        return value;
    }
    fail_at(at, {.detail = "not the shortest form, or longer than four bytes",
                 .statement = "MQTT-1.5.5-1",
                 .field = field});
    return 0;
}

std::string_view WireReader::utf8(std::string_view field) noexcept {
    const std::size_t at = next_;
    const std::string_view text = as_text(binary(field));
    switch (text_fault(text)) {
        case TextFault::none:
            return text;
        case TextFault::ill_formed:
            fail_at(at,
                    {.detail = "ill-formed UTF-8", .statement = "MQTT-1.5.4-1", .field = field});
            return {};
        case TextFault::null_character:
            fail_at(at, {.detail = "contains U+0000", .statement = "MQTT-1.5.4-2", .field = field});
            return {};
    }
    return {};
}

ByteSpan WireReader::binary(std::string_view field) noexcept {
    const std::size_t length = u16(field);
    if (!has(length, field)) return {};
    const ByteSpan bytes = packet_.subspan(next_, length);
    next_ += length;
    return bytes;
}

ByteSpan WireReader::rest() noexcept {
    const ByteSpan bytes = packet_.subspan(next_);
    next_ = packet_.size();
    return bytes;
}

ByteSpan WireReader::between(std::size_t begin, std::size_t end) const noexcept {
    FH_ASSERT(begin <= end && end <= next_);
    return packet_.subspan(begin, end - begin);
}

void WireReader::fail_at(std::size_t offset, ProtocolError cause) noexcept {
    if (error_) return;
    cause.offset = offset;
    error_ = cause;
    next_ = packet_.size();
}

void WireReader::expect_end() noexcept {
    if (remaining() > 0) fail({.detail = "bytes after the last field"});
}

bool WireReader::has(std::size_t count, std::string_view field) noexcept {
    if (count <= remaining()) return !error_;
    fail({.detail = "the packet ends inside the field", .field = field});
    return false;
}

}  // namespace firehose::mqtt
