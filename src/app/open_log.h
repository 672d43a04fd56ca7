// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "app/data_folder.h"
#include "base/result.h"
#include "config/settings.h"
#include "log/kept_segment.h"
#include "log/posix_file.h"
#include "log/segment_log.h"
#include "store/sqlite_view_store.h"

/// What a start finds in the data folder, and takes hold of.
///
/// Threads: the caller's, before any other is started. Cost: see log/recovery.h.
/// Source:  docs/formats/folder.md; rules **Recovery**, **One process a folder**.
namespace firehose::app {

struct OpenedLog {
    DataFolder folder;
    std::unique_ptr<log::PosixFileSystem> files;
    log::SegmentLogOptions options;
    log::KeptLog kept;
    std::unique_ptr<store::SqliteViewStore> views;  // Null with log.mode = memory.
};

/// The error is a sentence with its remedy.
[[nodiscard]] Result<OpenedLog, std::string> open_log(const config::Settings& settings);

}  // namespace firehose::app
