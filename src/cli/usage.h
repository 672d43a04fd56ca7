// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

/// What is said when a command line cannot be understood: what is wrong, and what to type instead.
///
/// Threads: the main thread.
namespace firehose::cli {

/// Prints help if that was asked for (exit 0), else the mistake and its remedy (exit 2).
[[nodiscard]] int explain(const CLI::App& program, const CLI::ParseError& error);

}  // namespace firehose::cli
