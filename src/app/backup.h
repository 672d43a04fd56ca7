// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

/// A copy of a data folder that a bus can be started on, taken while one runs on the original.
///
/// The views are copied first, the log after them, so that the log reaches at least as far as
/// every row. Sealed segments never change and become hard links where the file systems allow;
/// open ones are copied. The newest is read first to find its last whole block, and copied up to
/// there, without the zeros behind it: the copy is what a crash at that moment would have left, and
/// is recovered as such. It is made under a name of its own beside its target and
/// renamed when it is whole and synced: there is never half a backup under the target's name.
/// Threads: the housekeeper's, so that meanwhile no segment is sealed or deleted by it; without a
///          bus, whoever holds the folder's lock.
/// Cost:    the open segments' bytes, those of the newest twice, and all bytes where links are not
/// possible. Source:  README, "Looking after the data"; docs/formats/folder.md, "Copies".
namespace firehose::app {

struct BackupPlan {
    std::string data;  // The folder to copy.
    std::string to;    // Must not exist, or be an empty folder; its parent exists.
    /// Writes a consistent copy of the views to the file; null: there are none.
    std::function<Result<void, std::string>(const std::string& file)> copy_views;
};

struct BackupFigures {
    std::uint64_t files = 0;
    std::uint64_t files_done = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_linked = 0;  // Of bytes_done: not copied.
};

/// `on_progress` is called at least once a file and every 8 MiB. The error is a sentence with its
/// remedy; what was begun is removed then.
[[nodiscard]] Result<BackupFigures, std::string> back_up(
    const BackupPlan& plan, const std::function<void(const BackupFigures&)>& on_progress);

}  // namespace firehose::app
