// SPDX-License-Identifier: Apache-2.0
#include "log/crc32c.h"

#include <isa-l/crc.h>

#include "base/assert.h"

namespace firehose::log {

std::uint32_t crc32c(ByteSpan bytes, std::uint32_t seed) noexcept {
    FH_ASSERT(bytes.size() <= 0x7FFF'FFFF);  // The library counts in int.
    if (bytes.empty()) return seed;
    // The library's signature lacks a const; it writes nothing.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~seed);
}

}  // namespace firehose::log
