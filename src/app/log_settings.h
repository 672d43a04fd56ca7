// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/settings.h"
#include "log/file.h"
#include "log/segment_log.h"

/// What the configuration means for the log on this file system.
///
/// Threads: a pure function. Source: docs/configuration.md, `log`, `history`, `session`.
namespace firehose::app {

/// `space` is what the log's file system has. Where the configuration leaves sizes to it: at most
/// 10 GB (memory: 1 GB) and 30 % of it; segments of at most a quarter of that.
[[nodiscard]] log::SegmentLogOptions log_options(const config::Settings& settings,
                                                 const log::FileSystem::Space& space);

}  // namespace firehose::app
