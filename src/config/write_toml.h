// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/settings.h"

/// Settings as the firehose.toml that would give them: only what differs from the defaults.
///
/// Invariant: parse_toml of the text gives equal settings (tested for every row of the tables).
/// Lifetime: values. Threads: any. Cost: tools only.
namespace firehose::config {

[[nodiscard]] std::string write_toml(const Settings& settings);

}  // namespace firehose::config
