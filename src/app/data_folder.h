// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/file_descriptor.h"

/// The folder in which a bus keeps everything: who may use it, which format it has, what is where.
///
///     auto folder = DataFolder::open(settings.data);
///     if (!folder) refuse_to_start(folder.error());
///     PosixFileSystem log_files{folder->log_path()};
///
/// One process at a time: `lock` is held by flock for as long as the DataFolder lives, so that a
/// file left by a process that died is no obstacle. A folder without `format` (new, empty, or of
/// a bus that kept nothing) becomes one of this format; one of a later format is left alone.
/// Ownership: holds the lock; the last thing of a bus to be destroyed.
/// Threads:   values; made on the main thread.
/// Source:    docs/formats/folder.md.
/// Invariant: once open() returned, the names it made are durable, and nobody else may write there.
namespace firehose::app {

/// What the file `format` says.
struct DataFormat {
    std::uint64_t version = 0;
    std::uint64_t log_id = 0;  // Every segment has it in its header; never 0.

    friend bool operator==(const DataFormat&, const DataFormat&) = default;
};

inline constexpr std::uint64_t kDataVersion = 1;

class DataFolder {
public:
    /// @param path      made if absent, as are its parents.
    /// @param patience  how long a process that holds the lock may take to go: a supervisor starts
    ///                  the next one while the last one dies.
    /// @return the folder, or a sentence with its remedy.
    [[nodiscard]] static Result<DataFolder, std::string> open(
        const std::string& path,
        std::chrono::milliseconds patience = std::chrono::milliseconds{500});

    [[nodiscard]] std::uint64_t log_id() const noexcept { return log_id_; }
    /// It had no `format` before.
    [[nodiscard]] bool is_new() const noexcept { return is_new_; }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Segments and nothing else.
    [[nodiscard]] std::string log_path() const { return path_ + "/log"; }
    /// Bytes that a start kept aside.
    [[nodiscard]] std::string damaged_path() const { return path_ + "/damaged"; }
    [[nodiscard]] std::string views_path() const { return path_ + "/views.db"; }
    [[nodiscard]] std::string admin_socket_path() const { return path_ + "/admin.sock"; }

private:
    DataFolder(std::string path, net::FileDescriptor lock) noexcept
        : path_(std::move(path)), lock_(std::move(lock)) {}

    std::string path_;
    net::FileDescriptor lock_;
    std::uint64_t log_id_ = 0;
    bool is_new_ = false;
};

/// Reads `format` without the lock, for tools. Nothing: there is no such file. The error is a
/// sentence: damaged, or of a later version.
[[nodiscard]] Result<std::optional<DataFormat>, std::string> read_format(const std::string& folder);

/// Who holds the folder's lock; nothing: nobody. 0: somebody whose number is not in the file.
[[nodiscard]] std::optional<pid_t> data_folder_user(const std::string& folder);

}  // namespace firehose::app
