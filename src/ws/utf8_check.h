// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"

/// Says whether a stream of bytes is UTF-8, however it is cut into pieces.
///
/// Threads: none. Cost: one step a byte. Source: RFC 3629 section 4 (no overlong forms, no
/// surrogates, nothing above U+10FFFF).
namespace firehose::ws {

class Utf8Check {
public:
    /// False once any byte so far cannot be UTF-8; stays false.
    [[nodiscard]] bool on_bytes(ByteSpan bytes) noexcept;
    /// No character is cut in the middle.
    [[nodiscard]] bool is_complete() const noexcept { return is_valid_ && missing_ == 0; }
    void reset() noexcept { *this = {}; }

private:
    bool is_valid_ = true;
    std::uint8_t missing_ = 0;      // Continuation bytes that must follow.
    std::uint8_t next_min_ = 0x80;  // The range of the next one.
    std::uint8_t next_max_ = 0xBF;
};

}  // namespace firehose::ws
