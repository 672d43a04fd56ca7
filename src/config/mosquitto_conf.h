// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config_error.h"
#include "config/settings.h"

/// Reads a mosquitto.conf of mosquitto 2.0 or 2.1 as it is, into the same Settings as TOML.
///
/// Every problem of the file and of what it includes is reported together, each with its line; a
/// name that is not known, with the nearest one that is. What is accepted without an effect here is
/// a note. Relative paths start where the program was started, as mosquitto's do.
/// Keys of ours: `firehose_<key> <value>`, dots as they are or as underscores.
/// Threads: any. Cost: start-up only.
/// Source:  mosquitto.conf(5); mosquitto_options.cpp is the table; docs/mosquitto.md.
namespace firehose::config {

struct MosquittoConf {
    Settings settings;
    ConfigErrors notes;  // For the operator to read; nothing is wrong.
};

struct IncludedFile {
    std::string path;
    std::string text;
};
/// The files of an `include_dir`, in the order they are read; or what is wrong with it.
using ReadFolder =
    std::function<Result<std::vector<IncludedFile>, std::string>(const std::string& path)>;

/// Most files of an `include_dir`.
inline constexpr std::size_t kIncludedMax = 1'000;

/// `file` is only named in errors. `ports` are the command line's (`-p`): they count only if the
/// file has no listener.
[[nodiscard]] Result<MosquittoConf, ConfigErrors> parse_mosquitto_conf(
    std::string_view text, std::string_view file, const ReadFolder& read_folder = {},
    const std::vector<std::uint16_t>& ports = {});

[[nodiscard]] Result<MosquittoConf, ConfigErrors> load_mosquitto_conf(
    const std::string& path, const std::vector<std::uint16_t>& ports = {});

/// As mosquitto sorts an include_dir: letter by letter, a capital just before its small letter.
[[nodiscard]] bool is_included_before(std::string_view one, std::string_view other);

/// Whether this is a mosquitto.conf and not TOML: by its first line that says something, or, if
/// there is none, unless its name ends in .toml.
[[nodiscard]] bool is_mosquitto_conf(std::string_view text, std::string_view file);

}  // namespace firehose::config
