// SPDX-License-Identifier: Apache-2.0
#include "app/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/random.h"
#include "config/files.h"

namespace firehose::app {
namespace {

constexpr std::size_t kFormatBytesMax = 4'096;
constexpr std::size_t kLogIdDigits = 16;
constexpr mode_t kFolderMode = S_IRWXU;
constexpr std::chrono::milliseconds kLockPause{5};

[[nodiscard]] std::string last_error() {
    return std::error_code{errno, std::generic_category()}.message();
}

[[nodiscard]] Result<void, std::string> sync_folder(const std::string& path) {
    const net::FileDescriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder || ::fsync(folder.get()) != 0) {
        return Failure{path + ": cannot be written to disk (" + last_error() + ")"};
    }
    return {};
}

/// Who may write there could make the bus tell what nobody published.
[[nodiscard]] Result<void, std::string> check_mode(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return Failure{path + ": " + last_error()};
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
    return Failure{path + ": other users may write to it; chmod go-w " + path};
}

[[nodiscard]] Result<void, std::string> make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), kFolderMode) != 0) {
        const std::string why = last_error();
        struct stat status {};
        const bool is_folder = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
        if (!is_folder) {
            return Failure{path + ": the folder cannot be made (" + why +
                           "); choose another with --data"};
        }
    }
    return check_mode(path);
}

[[nodiscard]] Result<void, std::string> make_data_folder(const std::string& path) {
    const std::filesystem::path parent =
        std::filesystem::absolute(std::filesystem::path{path} / "..").lexically_normal();
    std::error_code ignored;  // mkdir says it better.
    std::filesystem::create_directories(parent, ignored);
    if (auto made = make_folder(path); !made) return made;
    return sync_folder(parent.string());
}

[[nodiscard]] std::string lock_path(const std::string& folder) {
    return folder + "/lock";
}

[[nodiscard]] pid_t read_pid(int lock) {
    std::array<char, 24> text{};
    const ssize_t bytes = ::pread(lock, text.data(), text.size(), 0);
    pid_t pid = 0;
    if (bytes > 0) std::from_chars(text.data(), text.data() + bytes, pid);
    return pid;
}

[[nodiscard]] Result<net::FileDescriptor, std::string> take_lock(
    const std::string& folder, std::chrono::milliseconds patience) {
    const std::string path = lock_path(folder);
    net::FileDescriptor lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (!lock) return Failure{path + ": cannot be opened (" + last_error() + ")"};
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) {
            return Failure{path + ": cannot be locked (" + last_error() + ")"};
        }
        if (patience <= std::chrono::milliseconds{0}) {
            const pid_t pid = read_pid(lock.get());
            const std::string who = pid == 0 ? "another process" : "process " + std::to_string(pid);
            return Failure{folder + ": " + who +
                           " has this data folder in use; stop it first, or choose another "
                           "folder with --data"};
        }
        std::this_thread::sleep_for(kLockPause);
        patience -= kLockPause;
    }
    const std::string pid = std::to_string(::getpid()) + '\n';
    const bool is_written =
        ::ftruncate(lock.get(), 0) == 0 &&
        ::pwrite(lock.get(), pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
    // On a full disk the bus starts all the same; only its number is not told.
    static_cast<void>(is_written);
    return lock;
}

[[nodiscard]] std::string format_path(const std::string& folder) {
    return folder + "/format";
}

[[nodiscard]] std::string format_text(const DataFormat& format) {
    std::array<char, kLogIdDigits + 1> id{};
    std::snprintf(id.data(), id.size(), "%016llx", static_cast<unsigned long long>(format.log_id));
    return "firehose-data " + std::to_string(format.version) + "\nlog " + id.data() + '\n';
}

/// The rest of the first line of `text`, if it is `word`, a space and something; `text` moves on.
[[nodiscard]] std::optional<std::string_view> take_line(std::string_view& text,
                                                        std::string_view word) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!line.starts_with(word)) return {};
    line.remove_prefix(word.size());
    return line;
}

[[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view text, int base) {
    std::uint64_t number = 0;
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), number, base);
    const bool is_number = failed == std::errc{} && end == text.data() + text.size();
    return is_number && number != 0 ? std::optional{number} : std::nullopt;
}

[[nodiscard]] Result<DataFormat, std::string> parse_format(const std::string& path,
                                                           std::string_view text) {
    constexpr const char* kRemedy = "; take the file from a backup of this folder";
    const auto version_text = take_line(text, "firehose-data ");
    const auto version = version_text ? number_of(*version_text, 10) : std::nullopt;
    if (!version) {
        return Failure{path + ":1: is not `firehose-data` and the number of a format" + kRemedy};
    }
    if (*version > kDataVersion) {
        return Failure{path + ":1: the folder has format " + std::to_string(*version) +
                       ", and this program knows formats up to " + std::to_string(kDataVersion) +
                       "; use the version of firehose that wrote it, or a later one"};
    }
    const auto id_text = take_line(text, "log ");
    const auto id =
        id_text && id_text->size() == kLogIdDigits ? number_of(*id_text, 16) : std::nullopt;
    if (!id) {
        return Failure{path + ":2: is not `log` and 16 hexadecimal digits, not all 0" + kRemedy};
    }
    if (!text.empty()) return Failure{path + ":3: there must be no further line" + kRemedy};
    return DataFormat{.version = *version, .log_id = *id};
}

[[nodiscard]] bool has_segments(const std::string& log_folder) {
    std::error_code failed;
    for (std::filesystem::directory_iterator entry{log_folder, failed}, end;
         !failed && entry != end; entry.increment(failed)) {
        const auto ending = entry->path().extension();
        if (ending == ".open" || ending == ".sealed") return true;
    }
    return false;
}

[[nodiscard]] std::uint64_t new_log_id() noexcept {
    std::uint64_t id = 0;
    while (id == 0) id = random_seed();
    return id;
}

}  // namespace

Result<DataFolder, std::string> DataFolder::open(const std::string& path,
                                                 std::chrono::milliseconds patience) {
    if (const auto made = make_data_folder(path); !made) return Failure{made.error()};
    auto lock = take_lock(path, patience);
    if (!lock) return Failure{lock.error()};
    DataFolder folder{path, *std::move(lock)};
    // The format before anything else: a folder of a later one is left as it is.
    const auto format = read_format(path);
    if (!format) return Failure{format.error()};
    for (const std::string& part : {folder.log_path(), folder.damaged_path()}) {
        if (const auto made = make_folder(part); !made) return Failure{made.error()};
    }
    folder.is_new_ = !format->has_value();
    if (!folder.is_new_) {
        if (const auto checked = check_mode(format_path(path)); !checked) {
            return Failure{checked.error()};
        }
        folder.log_id_ = (*format)->log_id;
        if (const auto synced = sync_folder(path); !synced) return Failure{synced.error()};
        return folder;
    }
    if (has_segments(folder.log_path())) {
        return Failure{format_path(path) + ": is missing, and log/ has segments; write it again: " +
                       "the lines `firehose-data 1` and `log ID`, where `firehose inspect " + path +
                       "` says what ID is"};
    }
    folder.log_id_ = new_log_id();
    const DataFormat fresh{.version = kDataVersion, .log_id = folder.log_id_};
    if (const auto failed = config::write_private_file(format_path(path), format_text(fresh))) {
        return Failure{format_path(path) + ": cannot be written (" + failed.message() + ")"};
    }
    return folder;
}

Result<std::optional<DataFormat>, std::string> read_format(const std::string& folder) {
    const std::string path = format_path(folder);
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::optional<DataFormat>{};
    const auto text = config::read_file(path, kFormatBytesMax);
    if (!text) return Failure{path + ": " + text.error()};
    const auto format = parse_format(path, *text);
    if (!format) return Failure{format.error()};
    return std::optional{*format};
}

std::optional<pid_t> data_folder_user(const std::string& folder) {
    const net::FileDescriptor lock{::open(lock_path(folder).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!lock) return {};
    // Held for a moment: the patience of a bus that starts just now is longer.
    if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
    return read_pid(lock.get());
}

}  // namespace firehose::app
