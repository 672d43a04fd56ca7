// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"

/// CRC32C (Castagnoli), as iSCSI and ext4 use it: the checksum of records and headers.
///
///     crc32c(as_bytes("123456789")) == 0xE3069283
///
/// Threads: a pure function. Cost: one pass; SSE4.2 or PCLMUL where the machine has them (ISA-L).
/// Source:  RFC 3720 appendix B.4.
namespace firehose::log {

/// `seed` is the result for what came before: crc32c(b, crc32c(a)) == crc32c(a + b).
[[nodiscard]] std::uint32_t crc32c(ByteSpan bytes, std::uint32_t seed = 0) noexcept;

}  // namespace firehose::log
