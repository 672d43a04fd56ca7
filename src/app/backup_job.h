// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/admin_door.h"
#include "app/housekeeper.h"
#include "store/sqlite_view_store.h"

/// The operator's order to copy the data folder, on the housekeeper's thread.
///
/// Answers line by line (NDJSON) with files, files_done, bytes, bytes_done, bytes_linked; the last
/// has `complete` or `error`.
/// Threads: the loop's; the work is the housekeeper's. Source: backup.h.
namespace firehose::app {

struct BackupOrder {
    Housekeeper& housekeeper;
    store::SqliteViewStore* views = nullptr;  // Null: nothing is kept, which is refused.
    std::string data;
    std::string to;
};

void start_backup(const BackupOrder& order, const AdminReply& reply);

}  // namespace firehose::app
