// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

/// As whom the process runs, and the file that says which it is.
///
/// Threads: the first one, before there is another: rights belong to threads.
/// Source:  mosquitto.conf(5), `user` and `pid_file`; capabilities(7).
namespace firehose::app {

/// Started as root: becomes `user`, with that user's groups, and keeps of root's rights only the
/// one to open ports below 1024. Started as anybody else, or `user` empty: nothing happens.
/// The data folder is made first, where it is missing, and belongs to `user`. So do log files that
/// are root's, or are missing where only root can make them: they were written by a broker that
/// opened them as root, and are opened again at each reload.
[[nodiscard]] Result<void, std::string> become_user(const std::string& user,
                                                    const std::string& data_folder,
                                                    const std::vector<std::string>& log_files);

/// Writes the process id into a file, and removes it at the end.
class PidFile {
public:
    /// `path` empty: there is no file.
    [[nodiscard]] static Result<PidFile, std::string> write(const std::string& path);
    PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    PidFile& operator=(PidFile&&) = delete;
    ~PidFile();

private:
    explicit PidFile(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace firehose::app
