// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "ws/frame.h"

/// Writes WebSocket frames, a server's (not masked, so many readers share them) and a client's.
///
/// Threads: none. Cost: no allocation but that of `out`. Source: RFC 6455 section 5.
namespace firehose::ws {

/// The header of one unmasked, final frame; 2 to 10 bytes.
class FrameHeader {
public:
    FrameHeader(Opcode opcode, std::uint64_t payload_size) noexcept;
    [[nodiscard]] ByteSpan span() const noexcept { return {bytes_.data(), size_}; }

private:
    std::array<std::byte, 10> bytes_{};
    std::size_t size_ = 0;
};

inline void append_frame_header(ByteBuffer& out, Opcode opcode, std::uint64_t payload_size) {
    append(out, FrameHeader{opcode, payload_size}.span());
}

/// A close frame. `reason` is cut to 123 bytes, at a character's start.
void append_close(ByteBuffer& out, CloseCode code, std::string_view reason);
/// A ping without payload.
void append_ping(ByteBuffer& out);
/// A pong that answers a ping with `payload` (at most 125 bytes, asserted).
void append_pong(ByteBuffer& out, ByteSpan payload);

/// A whole client's frame, masked with `mask`, which the caller draws at random for each.
void append_masked_frame(ByteBuffer& out, Opcode opcode, ByteSpan payload, std::uint32_t mask);

}  // namespace firehose::ws
