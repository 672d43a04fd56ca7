// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "base/result.h"

/// Small files of the operator: read whole and bounded, replaced in one step.
///
/// Lifetime: values. Threads: any that may wait for a disk, so never a shard.
namespace firehose::config {

/// @return the text, or what went wrong in words: "No such file or directory", "is larger than".
[[nodiscard]] Result<std::string, std::string> read_file(const std::string& path,
                                                         std::size_t bytes_max);

/// Replaces a file, mode 0600, same owner: temporary file beside it, fsync, rename, fsync of the
/// folder.
/// On failure the old file is as it was and the temporary one is gone.
[[nodiscard]] std::error_code write_private_file(const std::string& path, std::string_view text);

}  // namespace firehose::config
