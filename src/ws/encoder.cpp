// SPDX-License-Identifier: Apache-2.0
#include "ws/encoder.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::ws {
namespace {

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::size_t kControlMax = 125;

}  // namespace

FrameHeader::FrameHeader(Opcode opcode, std::uint64_t payload_size) noexcept {
    const auto put = [this](std::uint64_t value) {
        bytes_[size_++] = static_cast<std::byte>(value & 0xFF);
    };
    put(kFinal | static_cast<std::uint8_t>(opcode));
    // The shortest of the three length forms (section 5.2).
    if (payload_size <= 125) {
        put(payload_size);
        return;
    }
    const bool is_short = payload_size <= 0xFFFF;
    put(is_short ? 126 : 127);
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) put(payload_size >> shift);
}

void append_close(ByteBuffer& out, CloseCode code, std::string_view reason) {
    std::size_t size = std::min(reason.size(), kControlMax - 2);
    if (size < reason.size()) {
        while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0) == 0x80) --size;
    }
    if (code == CloseCode::no_status) {
        append_frame_header(out, Opcode::close, 0);
        return;
    }
    append_frame_header(out, Opcode::close, 2 + size);
    const auto number = static_cast<std::uint16_t>(code);
    out.push_back(static_cast<std::byte>(number >> 8));
    out.push_back(static_cast<std::byte>(number & 0xFF));
    append(out, reason.substr(0, size));
}

void append_ping(ByteBuffer& out) {
    append_frame_header(out, Opcode::ping, 0);
}

void append_pong(ByteBuffer& out, ByteSpan payload) {
    FH_ASSERT(payload.size() <= kControlMax);
    append_frame_header(out, Opcode::pong, payload.size());
    append(out, payload);
}

void append_masked_frame(ByteBuffer& out, Opcode opcode, ByteSpan payload, std::uint32_t mask) {
    const std::size_t start = out.size();
    append_frame_header(out, opcode, payload.size());
    out[start + 1] |= std::byte{kMasked};
    std::array<std::byte, 4> key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = static_cast<std::byte>((mask >> (24 - 8 * i)) & 0xFF);
    }
    append(out, key);
    for (std::size_t i = 0; i < payload.size(); ++i) out.push_back(payload[i] ^ key[i % 4]);
}

}  // namespace firehose::ws
