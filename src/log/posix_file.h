// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "base/result.h"
#include "log/file.h"

/// Files of one folder through POSIX calls (O_TMPFILE, pwritev, pread, fdatasync).
///
/// Where the file system has no O_TMPFILE, a file is created and unlinked at once.
/// Threads: any. Lifetime: files do not refer to their PosixFileSystem.
namespace firehose::log {

class PosixFileSystem final : public FileSystem {
public:
    /// `folder` exists and is writable.
    explicit PosixFileSystem(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create_unlinked() override;

private:
    std::string folder_;
};

}  // namespace firehose::log
