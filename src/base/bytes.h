// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Bytes, and how text becomes bytes and back without a copy.
///
/// Lifetime: spans and views point into what they were made from. Threads: none.
namespace firehose {

using ByteSpan = std::span<const std::byte>;
using ByteBuffer = std::vector<std::byte>;

[[nodiscard]] inline ByteSpan as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span{text.data(), text.size()});
}
[[nodiscard]] inline std::string_view as_text(ByteSpan bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline void append(ByteBuffer& out, ByteSpan bytes) {
    out.insert(out.end(), bytes.data(), bytes.data() + bytes.size());
}
inline void append(ByteBuffer& out, std::string_view text) {
    append(out, as_bytes(text));
}

}  // namespace firehose
