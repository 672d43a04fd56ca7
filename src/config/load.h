// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config_error.h"
#include "config/settings.h"

/// Reads a configuration file in TOML into Settings, or says everything that is wrong with it.
///
/// All problems of a file are reported together: unknown keys (with the nearest known one), wrong
/// types, values out of range, keys that contradict each other. Only a TOML syntax error stops at
/// the first, because nothing after it can be trusted.
/// Values: sizes and durations are texts with a unit ("64 KiB", "500 ms") or plain numbers in
/// bytes and seconds.
/// Threads: any. Cost: start-up only. Source: TOML 1.0; the table in options.cpp.
namespace firehose::config {

/// A file beyond this is refused unread.
inline constexpr std::size_t kFileBytesMax = 1024 * 1024;

/// `file` is only named in errors.
[[nodiscard]] Result<Settings, ConfigErrors> parse_toml(std::string_view text,
                                                        std::string_view file);

/// The same, where `base` takes the place of the defaults.
[[nodiscard]] Result<Settings, ConfigErrors> parse_toml_over(Settings base, std::string_view text,
                                                             std::string_view file);

[[nodiscard]] Result<Settings, ConfigErrors> load_file(const std::string& path);

}  // namespace firehose::config
