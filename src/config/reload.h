// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

/// What of a new configuration a running program takes over: rows of the table say so.
///
/// Lifetime: values. Threads: any.
namespace firehose::config {

/// Puts back into `next` what only a restart takes over, as `now` has it. Returns the keys that
/// differed.
[[nodiscard]] std::vector<std::string> keep_until_restart(Settings& next, const Settings& now);

}  // namespace firehose::config
