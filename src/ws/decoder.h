// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "ws/frame.h"
#include "ws/utf8_check.h"

/// Takes WebSocket frames apart: bytes in, events out, one at a time.
///
///     while (true) {
///         const ws::Event event = decoder.next(input, scratch);  // Shortens `input`.
///         if (event.kind == ws::Event::Kind::none) break;        // `input` is used up.
///         ...
///     }
///
/// The payload of data frames is a stream: it is handed on as it comes, in pieces of at most
/// scratch.size(), whatever the frames are; nothing of it is kept. Masked payload is unmasked into
/// `scratch` (which all connections of a thread can share), unmasked payload points into `input`.
/// Only control frames (at most 125 bytes) are kept until they are whole.
///
/// Lifetime: event.payload is valid until the next call, and while `input` and `scratch` are.
/// Threads:  none. Cost: no allocation; 192 bytes a decoder.
/// Source:   RFC 6455 section 5, 7.4, 8.1. No extensions: a set reserved bit is an error.
/// Invariant: after `closed` or `failed` everything that follows is swallowed.
namespace firehose::ws {

enum class Role : std::uint8_t {
    server,  // Reads a client's frames: masked, or it is an error.
    client,  // Reads a server's frames: not masked, or it is an error.
};

enum class TextFrames : std::uint8_t { refused, accepted };

struct DecoderOptions {
    Role role = Role::server;
    /// `refused`: MQTT is binary [MQTT-6.0.0-1]; a text frame fails with 1003.
    TextFrames text = TextFrames::refused;
    /// A longer frame fails with 1009 as soon as its header is read.
    std::uint64_t frame_bytes_max = 16ULL * 1024 * 1024 + 1024;
};

struct Event {
    enum class Kind : std::uint8_t {
        none,  // All input was used; more is needed.
        data,  // `payload`: the next bytes of the stream. May be empty at the end of a message.
        ping,  // Answer with a pong that carries `payload`.
        pong,
        closed,  // The peer's close frame: `code` (no_status if it gave none), reason `payload`.
        failed,  // Send a close frame with `code`, then close; `detail` says why.
    };
    Kind kind = Kind::none;
    ByteSpan payload = {};
    CloseCode code = CloseCode::normal;
    std::string_view detail = {};
    bool is_text = false;       // data: of a text message.
    bool ends_message = false;  // data: the last piece of a message.
};

class Decoder {
public:
    explicit Decoder(DecoderOptions options) noexcept : options_(options) {}

    /// The next event of `input`, whose used front is cut off. `scratch` must not be empty.
    [[nodiscard]] Event next(ByteSpan& input, std::span<std::byte> scratch) noexcept;

private:
    enum class State : std::uint8_t { header, payload, over };
    static constexpr std::size_t kHeaderMax = 14;
    static constexpr std::size_t kControlMax = 125;

    [[nodiscard]] bool collect_header(ByteSpan& input) noexcept;
    [[nodiscard]] Event on_header() noexcept;
    [[nodiscard]] Event on_data(ByteSpan& input, std::span<std::byte> scratch) noexcept;
    [[nodiscard]] Event on_control(ByteSpan& input) noexcept;
    [[nodiscard]] Event on_close_frame() noexcept;
    [[nodiscard]] Event fail(CloseCode code, std::string_view detail) noexcept;

    DecoderOptions options_;
    State state_ = State::header;
    Opcode opcode_ = Opcode::binary;
    bool is_final_ = false;
    bool is_masked_ = false;
    bool in_message_ = false;
    bool message_is_text_ = false;
    std::uint8_t header_size_ = 0;   // Bytes of header_ that are there.
    std::uint8_t control_size_ = 0;  // Bytes of control_ that are there.
    std::uint64_t payload_left_ = 0;
    std::uint64_t payload_done_ = 0;
    std::array<std::byte, 4> mask_{};
    std::array<std::byte, kHeaderMax> header_{};
    std::array<std::byte, kControlMax> control_{};
    Utf8Check text_check_;
};

}  // namespace firehose::ws
