// SPDX-License-Identifier: Apache-2.0
#include "ws/decoder.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace firehose::ws {
namespace {

constexpr std::uint8_t kFinalBit = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kOpcodeBits = 0x0F;
constexpr std::uint8_t kControlBit = 0x08;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7F;

std::uint8_t number(std::byte value) noexcept {
    return std::to_integer<std::uint8_t>(value);
}

bool is_control(Opcode opcode) noexcept {
    return (static_cast<std::uint8_t>(opcode) & kControlBit) != 0;
}

bool is_known(Opcode opcode) noexcept {
    switch (opcode) {
        case Opcode::continuation:
        case Opcode::text:
        case Opcode::binary:
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            return true;
    }
    return false;
}

/// How long a header is that begins with these two bytes; the second one decides.
std::size_t header_length(std::byte second) noexcept {
    const std::uint8_t length = number(second) & kLengthBits;
    const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    return 2 + extended + ((number(second) & kMaskBit) != 0 ? 4 : 0);
}

/// Writes `in` to `out`, unmasked; `in` begins at `offset` of its frame's payload. Eight bytes a
/// step, because every byte that clients publish over WebSocket passes here.
void unmask(ByteSpan in, const std::array<std::byte, 4>& mask, std::uint64_t offset,
            std::span<std::byte> out) noexcept {
    std::array<std::byte, 8> key_bytes{};
    for (std::size_t i = 0; i < key_bytes.size(); ++i) key_bytes[i] = mask[(offset + i) % 4];
    std::uint64_t key = 0;
    std::memcpy(&key, key_bytes.data(), sizeof key);
    std::size_t done = 0;
    for (; in.size() - done >= sizeof key; done += sizeof key) {
        std::uint64_t word = 0;
        std::memcpy(&word, in.data() + done, sizeof word);
        word ^= key;
        std::memcpy(out.data() + done, &word, sizeof word);
    }
    for (; done < in.size(); ++done) out[done] = in[done] ^ key_bytes[done % 8];
}

}  // namespace

Event Decoder::next(ByteSpan& input, std::span<std::byte> scratch) noexcept {
    FH_ASSERT(!scratch.empty());
    while (true) {
        switch (state_) {
            case State::header: {
                if (!collect_header(input)) return {};
                const Event event = on_header();
                if (event.kind != Event::Kind::none) return event;
                break;
            }
            case State::payload: {
                if (is_control(opcode_)) return on_control(input);
                const Event event = on_data(input, scratch);
                // An empty frame in the middle of a message says nothing: read on.
                const bool is_silent =
                    event.kind == Event::Kind::none && state_ == State::header && !input.empty();
                if (is_silent) break;
                return event;
            }
            case State::over:
                input = {};
                return {};
        }
    }
}

/// False while bytes of the header are missing.
bool Decoder::collect_header(ByteSpan& input) noexcept {
    while (true) {
        const std::size_t wanted = header_size_ < 2 ? 2 : header_length(header_[1]);
        if (header_size_ == wanted) return true;
        if (input.empty()) return false;
        const std::size_t count = std::min<std::size_t>(wanted - header_size_, input.size());
        std::copy_n(input.begin(), count, header_.begin() + header_size_);
        header_size_ = static_cast<std::uint8_t>(header_size_ + count);
        input = input.subspan(count);
    }
}

Event Decoder::on_header() noexcept {
    const std::uint8_t first = number(header_[0]);
    const std::uint8_t second = number(header_[1]);
    opcode_ = static_cast<Opcode>(first & kOpcodeBits);
    is_final_ = (first & kFinalBit) != 0;
    is_masked_ = (second & kMaskBit) != 0;
    if ((first & kReservedBits) != 0) {
        return fail(CloseCode::protocol_error, "a reserved bit is set, no extension was agreed");
    }
    if (!is_known(opcode_)) return fail(CloseCode::protocol_error, "unknown opcode");
    if (is_masked_ != (options_.role == Role::server)) {
        return fail(CloseCode::protocol_error, is_masked_ ? "a server's frame must not be masked"
                                                          : "a client's frame must be masked");
    }

    std::size_t position = 2;
    std::uint64_t length = second & kLengthBits;
    const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extended > 0) {
        length = 0;
        for (std::size_t i = 0; i < extended; ++i) {
            length = (length << 8) | number(header_[position++]);
        }
        const std::uint64_t smallest = extended == 2 ? 126 : 0x1'0000;
        if (length < smallest) return fail(CloseCode::protocol_error, "an overlong length");
        if ((length >> 63) != 0) {
            return fail(CloseCode::protocol_error, "a length with its top bit set");
        }
    }
    if (is_masked_)
        std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(position), 4, mask_.begin());
    header_size_ = 0;
    payload_left_ = length;
    payload_done_ = 0;
    control_size_ = 0;

    if (is_control(opcode_)) {
        if (!is_final_) return fail(CloseCode::protocol_error, "a fragmented control frame");
        if (length > kControlMax) return fail(CloseCode::protocol_error, "a long control frame");
        state_ = State::payload;
        return {};
    }
    if (in_message_ != (opcode_ == Opcode::continuation)) {
        return fail(CloseCode::protocol_error,
                    in_message_ ? "a new message inside another" : "a continuation of no message");
    }
    if (length > options_.frame_bytes_max) return fail(CloseCode::message_too_big, "a long frame");
    if (!in_message_) {
        message_is_text_ = opcode_ == Opcode::text;
        if (message_is_text_ && options_.text == TextFrames::refused) {
            return fail(CloseCode::unsupported_data, "MQTT needs binary frames [MQTT-6.0.0-1]");
        }
        text_check_.reset();
    }
    in_message_ = !is_final_;
    state_ = State::payload;
    return {};
}

Event Decoder::on_data(ByteSpan& input, std::span<std::byte> scratch) noexcept {
    const std::uint64_t room = std::min<std::uint64_t>(payload_left_, input.size());
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(room, scratch.size()));
    if (count == 0 && payload_left_ > 0) return {};
    ByteSpan piece = input.first(count);
    if (is_masked_) {
        unmask(piece, mask_, payload_done_, scratch);
        piece = scratch.first(count);
    }
    input = input.subspan(count);
    payload_left_ -= count;
    payload_done_ += count;
    const bool ends_message = payload_left_ == 0 && is_final_;
    if (payload_left_ == 0) state_ = State::header;
    if (message_is_text_) {
        if (!text_check_.on_bytes(piece) || (ends_message && !text_check_.is_complete())) {
            return fail(CloseCode::invalid_payload, "a text message that is not UTF-8");
        }
    }
    if (count == 0 && !ends_message) return {};
    return {.kind = Event::Kind::data,
            .payload = piece,
            .is_text = message_is_text_,
            .ends_message = ends_message};
}

Event Decoder::on_control(ByteSpan& input) noexcept {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, input.size()));
    for (std::size_t i = 0; i < count; ++i) {
        const std::byte mask = is_masked_ ? mask_[control_size_ % 4] : std::byte{0};
        control_[control_size_++] = input[i] ^ mask;
    }
    input = input.subspan(count);
    payload_left_ -= count;
    if (payload_left_ > 0) return {};
    state_ = State::header;
    const ByteSpan payload{control_.data(), control_size_};
    if (opcode_ == Opcode::close) return on_close_frame();
    return {.kind = opcode_ == Opcode::ping ? Event::Kind::ping : Event::Kind::pong,
            .payload = payload};
}

Event Decoder::on_close_frame() noexcept {
    const ByteSpan payload{control_.data(), control_size_};
    if (payload.size() == 1) return fail(CloseCode::protocol_error, "half a close code");
    Event event{.kind = Event::Kind::closed, .code = CloseCode::no_status};
    if (!payload.empty()) {
        const auto code = static_cast<std::uint16_t>(number(payload[0]) << 8 | number(payload[1]));
        if (!may_be_sent(code)) return fail(CloseCode::protocol_error, "a code that none may send");
        event.code = static_cast<CloseCode>(code);
        event.payload = payload.subspan(2);
        Utf8Check check;
        if (!check.on_bytes(event.payload) || !check.is_complete()) {
            return fail(CloseCode::invalid_payload, "a close reason that is not UTF-8");
        }
    }
    state_ = State::over;
    return event;
}

Event Decoder::fail(CloseCode code, std::string_view detail) noexcept {
    state_ = State::over;
    return {.kind = Event::Kind::failed, .code = code, .detail = detail};
}

}  // namespace firehose::ws
