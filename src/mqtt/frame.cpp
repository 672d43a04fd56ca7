// SPDX-License-Identifier: Apache-2.0
#include "mqtt/codec.h"
#include "mqtt/wire_writer.h"

namespace firehose::mqtt {
namespace {

constexpr std::size_t kLengthBytesMax = 4;

/// Remaining Length as far as it has arrived. `size` 0: more bytes are needed.
struct Length {
    std::size_t value = 0;
    std::size_t size = 0;
    bool is_malformed = false;
};

Length remaining_length(ByteSpan input) noexcept {
    Length length;
    for (std::size_t i = 0; i < kLengthBytesMax; ++i) {
        if (i == input.size()) return {};
        const auto byte = std::to_integer<std::size_t>(input[i]);
        length.value |= (byte & 0x7FU) << (7 * i);
        if ((byte & 0x80U) != 0) continue;
        length.size = i + 1;
        // Overlong forms are refused in every version; 3.1.1 does not mention them.
        length.is_malformed = varint_size(length.value) != length.size;
        return length;
    }
    length.is_malformed = true;
    return length;
}

}  // namespace

Result<std::optional<Frame>, ProtocolError> next_frame(ByteSpan input,
                                                       std::size_t packet_bytes_max) {
    if (auto frame = whole_frame(input, packet_bytes_max)) return frame;
    if (input.empty()) return std::optional<Frame>{};
    const auto first = std::to_integer<unsigned>(input[0]);
    if (first >> 4U == 0) return Failure{ProtocolError{.detail = "packet type 0 is reserved"}};

    const Length length = remaining_length(input.subspan(1));
    if (length.is_malformed) {
        return Failure{ProtocolError{.detail = "not the shortest form, or longer than four bytes",
                                     .statement = "MQTT-1.5.5-1",
                                     .offset = 1,
                                     .field = "Remaining Length"}};
    }
    if (length.size == 0) return std::optional<Frame>{};
    const std::size_t header = 1 + length.size;
    if (header + length.value > packet_bytes_max) {
        return Failure{ProtocolError{.reason = ReasonCode::packet_too_large,
                                     .detail = "longer than the limit for one packet",
                                     .offset = 1,
                                     .field = "Remaining Length"}};
    }
    return std::optional<Frame>{};
}

std::optional<Frame> whole_frame(ByteSpan input, std::size_t packet_bytes_max) noexcept {
    if (input.size() < 2) return std::nullopt;
    const auto first = std::to_integer<unsigned>(input[0]);
    const Length length = remaining_length(input.subspan(1));
    const std::size_t size = 1 + length.size + length.value;
    if (first >> 4U == 0 || length.size == 0 || length.is_malformed || size > packet_bytes_max ||
        size > input.size()) {
        return std::nullopt;
    }
    return Frame{.type = static_cast<PacketType>(first >> 4U),
                 .flags = static_cast<std::uint8_t>(first & 0x0FU),
                 .packet = input.first(size),
                 .body = input.subspan(1 + length.size, length.value)};
}

}  // namespace firehose::mqtt
