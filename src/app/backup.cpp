// SPDX-License-Identifier: Apache-2.0
#include "app/backup.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <vector>

#include "log/posix_file.h"
#include "log/segment_scan.h"
#include "net/file_descriptor.h"

namespace firehose::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPieceBytes = std::uint64_t{8} << 20;

struct CopiedFile {
    std::string name;  // Below the folder.
    std::uint64_t bytes = 0;
    bool is_newest = false;  // Segment: it is being written, and zeros follow what is.
};

Failure<std::string> failed(const std::string& what, const std::string& remedy) {
    const std::error_code error{errno, std::system_category()};
    return Failure{what + " (" + error.message() + "); " + remedy};
}

/// Makes what was written to the file or folder durable.
Result<void, std::string> sync_path(const std::string& path) {
    const net::FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file || ::fsync(file.get()) != 0) {
        return failed(path + " cannot be synced", "the disk of the backup may be failing");
    }
    return {};
}

/// Where the last block ends of a segment that is being written. All before it is written, and
/// nothing after it is copied: read while it grows, that could lack what was written before it.
std::optional<std::uint64_t> written_end(const std::string& path) {
    const auto file = log::open_read_only(path);
    if (!file) return {};
    const auto scan = log::scan_segment(**file, {});
    if (!scan) return {};
    return scan->bytes;
}

class Copy {
public:
    Copy(const BackupPlan& plan, std::string target,
         const std::function<void(const BackupFigures&)>& on_progress)
        : plan_(plan), target_(std::move(target)), on_progress_(on_progress) {}

    Result<BackupFigures, std::string> run() {
        if (::mkdir(target_.c_str(), S_IRWXU) != 0 ||
            ::mkdir((target_ + "/log").c_str(), S_IRWXU) != 0) {
            return failed(target_ + " cannot be made", "may this user write there?");
        }
        if (plan_.copy_views) {
            if (auto copied = plan_.copy_views(target_ + "/views.db"); !copied) {
                return Failure{copied.error()};
            }
            if (auto synced = sync_path(target_ + "/views.db"); !synced) {
                return Failure{synced.error()};
            }
        }
        for (const CopiedFile& file : list()) {
            if (auto copied = take(file); !copied) return Failure{copied.error()};
            ++figures_.files_done;
            on_progress_(figures_);
        }
        for (const char* folder : {"/log", ""}) {
            if (auto synced = sync_path(target_ + folder); !synced) return Failure{synced.error()};
        }
        return figures_;
    }

private:
    /// The format file, and the segments oldest first: what is appended meanwhile is at the end.
    std::vector<CopiedFile> list() {
        std::vector<CopiedFile> files;
        std::error_code error;
        for (const auto& entry : fs::directory_iterator{plan_.data + "/log", error}) {
            const std::string extension = entry.path().extension();
            if (extension != ".open" && extension != ".sealed") continue;
            files.push_back({"log/" + entry.path().filename().string(), entry.file_size(error)});
        }
        std::sort(files.begin(), files.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
        if (!files.empty() && files.back().name.ends_with(".open")) {
            files.back().is_newest = true;
            files.back().bytes =
                written_end(plan_.data + '/' + files.back().name).value_or(files.back().bytes);
        }
        if (fs::exists(plan_.data + "/format", error)) {
            files.push_back({"format", fs::file_size(plan_.data + "/format", error)});
        }
        figures_.files = files.size();
        for (const CopiedFile& file : files) figures_.bytes += file.bytes;
        return files;
    }

    Result<void, std::string> take(const CopiedFile& file) {
        const std::string from = plan_.data + '/' + file.name;
        const std::string to = target_ + '/' + file.name;
        if (file.name.ends_with(".sealed") && ::link(from.c_str(), to.c_str()) == 0) {
            figures_.bytes_done += file.bytes;
            figures_.bytes_linked += file.bytes;
            return {};
        }
        const net::FileDescriptor source{::open(from.c_str(), O_RDONLY | O_CLOEXEC)};
        // The log may give up its oldest history when its disk is full.
        if (!source && errno == ENOENT) return {};
        if (!source) return failed(from + " cannot be read", "is it this user's?");
        const net::FileDescriptor copy{
            ::open(to.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR)};
        if (!copy) return failed(to + " cannot be written", "may this user write there?");
        std::uint64_t left =
            file.is_newest ? file.bytes : std::numeric_limits<std::uint64_t>::max();
        while (left != 0) {
            const ssize_t count = ::sendfile(copy.get(), source.get(), nullptr,
                                             std::min<std::uint64_t>(left, kPieceBytes));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0)
                return failed(to + " cannot be written", "make room, or choose another disk");
            if (count == 0) break;
            left -= static_cast<std::uint64_t>(count);
            figures_.bytes_done += static_cast<std::uint64_t>(count);
            figures_.bytes = std::max(figures_.bytes, figures_.bytes_done);
            on_progress_(figures_);
        }
        return sync_path(to);
    }

    const BackupPlan& plan_;
    const std::string target_;
    const std::function<void(const BackupFigures&)>& on_progress_;
    BackupFigures figures_;
};

}  // namespace

Result<BackupFigures, std::string> back_up(
    const BackupPlan& plan, const std::function<void(const BackupFigures&)>& on_progress) {
    std::error_code error;
    const fs::path to = fs::absolute(plan.to, error).lexically_normal();
    if (fs::exists(to, error) && !(fs::is_directory(to, error) && fs::is_empty(to, error))) {
        return Failure{to.string() +
                       " exists and is not an empty folder; name one that is not there yet"};
    }
    const fs::path parent = to.has_filename() ? to.parent_path() : to.parent_path().parent_path();
    const std::string name = (to.has_filename() ? to : to.parent_path()).string();
    if (!fs::is_directory(parent, error)) {
        return Failure{parent.string() + " is not a folder; make it first"};
    }
    const std::string unfinished = name + ".unfinished";
    fs::remove_all(unfinished, error);
    auto copied = Copy{plan, unfinished, on_progress}.run();
    if (copied && ::rename(unfinished.c_str(), name.c_str()) != 0) {
        copied = failed(name + " cannot be put in place", "is it being used?");
    }
    if (!copied) {
        fs::remove_all(unfinished, error);
        return copied;
    }
    if (auto synced = sync_path(parent.string()); !synced) return Failure{synced.error()};
    return copied;
}

}  // namespace firehose::app
