// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/options.h"

/// What the table of options says, as text: for errors, `--help-config`, docs and the sample file.
///
/// Lifetime: values. Threads: any. Cost: start-up and tools only.
/// Invariant: docs/configuration.md and deploy/firehose.toml are what this release's table says
/// (a test compares them).
namespace firehose::config {

/// "size", "duration", "one of".
[[nodiscard]] std::string type_text(const Option& row);
/// What a file may write: "1 KiB to 16 MiB", "memory", "true or false".
[[nodiscard]] std::string allowed_text(const Option& row);
/// The default in TOML: "\"64 KiB\"", "[]"; empty if the key must be set.
[[nodiscard]] std::string default_text(const Option& row);

/// `firehose serve --help-config`.
[[nodiscard]] std::string help_config();
/// docs/configuration.md.
[[nodiscard]] std::string configuration_md();
/// deploy/firehose.toml: every key, commented out, at its default.
[[nodiscard]] std::string sample_toml();

}  // namespace firehose::config
