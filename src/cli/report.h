// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "config/config_error.h"
#include "config/settings.h"

/// Reading the operator's files for a command, with everything that is wrong told on standard
/// error.
///
/// Threads: the main thread.
namespace firehose::cli {

/// One line for each problem.
void print(const config::ConfigErrors& errors);

/// The settings of a file; nullopt once what is wrong with it was printed.
[[nodiscard]] std::optional<config::Settings> read_settings(const std::string& path);

/// Checks the files that settings name (passwords, rights) by reading them; false once what is
/// wrong was printed.
[[nodiscard]] bool files_are_good(const config::Settings& settings);

}  // namespace firehose::cli
