// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

/// Integers as the log's formats hold them: little endian, unaligned.
///
/// Threads: pure functions. Cost: compilers make one move of each.
/// Invariant: the caller has made sure that the bytes are there.
namespace firehose::log {

template <std::unsigned_integral Number>
void put(std::byte* out, Number value) noexcept {
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        out[i] = static_cast<std::byte>(value >> (8 * i));
    }
}

template <std::unsigned_integral Number>
void put(ByteBuffer& out, Number value) {
    out.resize(out.size() + sizeof(Number));
    put(out.data() + out.size() - sizeof(Number), value);
}

template <std::unsigned_integral Number>
[[nodiscard]] Number get(const std::byte* in) noexcept {
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        value = static_cast<Number>(
            value | static_cast<Number>(Number{std::to_integer<std::uint8_t>(in[i])} << (8 * i)));
    }
    return value;
}

}  // namespace firehose::log
