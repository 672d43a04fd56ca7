// SPDX-License-Identifier: Apache-2.0
#include "mqtt/wire_writer.h"

#include <array>

#include "base/assert.h"

namespace firehose::mqtt {
namespace {

struct EncodedVarint {
    std::array<std::byte, 4> bytes{};
    std::size_t size = 0;
};

EncodedVarint encode_varint(std::size_t value) noexcept {
    FH_ASSERT(value <= kVarintMax);
    EncodedVarint encoded;
    do {
        const std::size_t more = value >= 128 ? 0x80 : 0;
        encoded.bytes[encoded.size++] = static_cast<std::byte>((value & 0x7FU) | more);
        value >>= 7U;
    } while (value > 0);
    return encoded;
}

}  // namespace

void WireWriter::u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8U));
    u8(static_cast<std::uint8_t>(value & 0xFFU));
}

void WireWriter::u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16U));
    u16(static_cast<std::uint16_t>(value & 0xFFFFU));
}

void WireWriter::varint(std::size_t value) {
    const EncodedVarint encoded = encode_varint(value);
    bytes(ByteSpan{encoded.bytes}.first(encoded.size));
}

void WireWriter::binary(ByteSpan bytes) {
    FH_ASSERT(bytes.size() <= 0xFFFF);
    u16(static_cast<std::uint16_t>(bytes.size()));
    append(out_, bytes);
}

WireWriter::Mark WireWriter::begin_packet(PacketType type, std::uint8_t flags) {
    u8(first_byte(type, flags));
    return begin_length();
}

void WireWriter::end_length(Mark mark) {
    const auto at = static_cast<std::size_t>(mark);
    const EncodedVarint encoded = encode_varint(out_.size() - at);
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(at), encoded.bytes.begin(),
                encoded.bytes.begin() + static_cast<std::ptrdiff_t>(encoded.size));
}

}  // namespace firehose::mqtt
