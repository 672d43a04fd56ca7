// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

#include "base/bytes.h"
#include "base/result.h"
#include "log/file.h"

/// Whole writes and reads over a File, which may take or give a part.
///
/// Threads: the caller's.
namespace firehose::log {

/// All of `parts`, one after the other, at `offset`; they are used up. After an error a part may be
/// written.
[[nodiscard]] IoResult write_all(File& file, std::uint64_t offset, std::span<ByteSpan> parts);
[[nodiscard]] IoResult write_all(File& file, std::uint64_t offset, ByteSpan bytes);

/// `count` bytes at `offset`; fewer only where the file ends before.
[[nodiscard]] Result<ByteBuffer, std::error_code> read_all(File& file, std::uint64_t offset,
                                                           std::size_t count);

}  // namespace firehose::log
