// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "mqtt/codec.h"
#include "mqtt/wire_writer.h"

/// What the codec's tests share: exact inputs, and hexadecimal.
///
/// Threads: none. Tests only.
namespace firehose::mqtt {

/// Bytes on the heap with no slack after the last one, so that ASan sees a read too far.
class ExactBytes {
public:
    explicit ExactBytes(ByteSpan bytes)
        : data_(std::make_unique<std::byte[]>(bytes.size())), size_(bytes.size()) {
        if (size_ > 0) std::memcpy(data_.get(), bytes.data(), size_);
    }
    explicit ExactBytes(std::string_view text) : ExactBytes(as_bytes(text)) {}

    [[nodiscard]] ByteSpan span() const noexcept { return {data_.get(), size_}; }

private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t size_;
};

/// "30 03 00 01 61" as bytes; blanks are skipped.
[[nodiscard]] inline ByteBuffer from_hex(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
    ByteBuffer bytes;
    int high = -1;
    for (const char c : hex) {
        if (c == ' ') continue;
        if (high < 0) {
            high = digit(c);
        } else {
            bytes.push_back(static_cast<std::byte>(high * 16 + digit(c)));
            high = -1;
        }
    }
    return bytes;
}

/// A fixed header around `body`.
[[nodiscard]] inline ByteBuffer packet(unsigned first_byte, ByteSpan body) {
    ByteBuffer bytes{static_cast<std::byte>(first_byte)};
    WireWriter writer{bytes};
    writer.varint(body.size());
    writer.bytes(body);
    return bytes;
}
[[nodiscard]] inline ByteBuffer packet(unsigned first_byte, std::string_view body_hex) {
    return packet(first_byte, ByteSpan{from_hex(body_hex)});
}

/// The one packet that `bytes` are.
[[nodiscard]] inline Frame frame_of(ByteSpan bytes) {
    const auto frame = next_frame(bytes, 1U << 28U);
    FH_ASSERT(frame.has_value() && frame->has_value());
    FH_ASSERT((*frame)->packet.size() == bytes.size());
    return **frame;
}

/// Whether the packet of that type decodes, by the decoder of its type; its error if not.
[[nodiscard]] std::optional<ProtocolError> decoding_error(const Frame& frame, Version version);
/// The packet decoded and encoded again.
[[nodiscard]] ByteBuffer recoded(const Frame& frame, Version version);

}  // namespace firehose::mqtt
