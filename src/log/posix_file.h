// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/result.h"
#include "log/file.h"

/// Files of one folder through POSIX calls (O_TMPFILE, pwritev, pread, fdatasync); mode 0600.
///
/// Where the file system has no O_TMPFILE, a file is created and unlinked at once.
/// Threads: any. Lifetime: files do not refer to their PosixFileSystem.
namespace firehose::log {

class PosixFileSystem final : public FileSystem {
public:
    /// `folder` exists and is writable.
    explicit PosixFileSystem(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create_unlinked() override;
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create(
        const std::string& name) override;
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> open(
        const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>, std::error_code> list() override;
    [[nodiscard]] IoResult rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] IoResult remove(const std::string& name) override;
    [[nodiscard]] IoResult sync_folder() override;
    [[nodiscard]] Result<Space, std::error_code> space() override;

private:
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + '/' + name; }

    std::string folder_;
};

/// One file for looking at only: writes to it fail. `path` may lie anywhere.
[[nodiscard]] Result<std::unique_ptr<File>, std::error_code> open_read_only(
    const std::string& path);

}  // namespace firehose::log
