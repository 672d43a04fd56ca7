// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "config/config_error.h"
#include "config/load_config.h"
#include "config/settings.h"

/// Reading the operator's files for a command, with everything that is wrong told on standard
/// error.
///
/// Threads: the main thread.
namespace firehose::cli {

/// One line for each problem.
void print(const config::ConfigErrors& errors);

/// What a file says, TOML or a mosquitto.conf; nullopt once what is wrong with it was printed.
/// Notes are printed too.
[[nodiscard]] std::optional<config::LoadedConfig> read_config(const config::ConfigSource& source);

/// "toml" or "mosquitto"; nullopt: neither.
[[nodiscard]] std::optional<config::ConfigFormat> config_format(std::string_view word);

/// Checks the files that settings name (passwords, rights) by reading them; false once what is
/// wrong was printed.
[[nodiscard]] bool files_are_good(const config::Settings& settings);

}  // namespace firehose::cli
