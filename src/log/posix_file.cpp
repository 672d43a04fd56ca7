// SPDX-License-Identifier: Apache-2.0
#include "log/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace firehose::log {
namespace {

[[nodiscard]] Failure<std::error_code> last_error() noexcept {
    return {std::error_code{errno, std::system_category()}};
}

class PosixFile final : public File {
public:
    explicit PosixFile(int descriptor) noexcept : descriptor_(descriptor) {}
    ~PosixFile() override { ::close(descriptor_); }
    PosixFile(const PosixFile&) = delete;
    PosixFile& operator=(const PosixFile&) = delete;

    Result<std::size_t, std::error_code> write(std::uint64_t offset,
                                               std::span<const ByteSpan> parts) override {
        constexpr std::size_t kPartsMax = 256;  // Below IOV_MAX; the rest is another write.
        std::array<iovec, kPartsMax> vectors;
        const std::size_t count = std::min(parts.size(), kPartsMax);
        for (std::size_t i = 0; i < count; ++i) {
            // The system's structure lacks a const; pwritev writes nothing into it.
            vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
        }
        while (true) {
            const ssize_t done = ::pwritev(descriptor_, vectors.data(), static_cast<int>(count),
                                           static_cast<off_t>(offset));
            if (done >= 0) return static_cast<std::size_t>(done);
            if (errno != EINTR) return last_error();
        }
    }

    Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                              std::span<std::byte> out) override {
        while (true) {
            const ssize_t done =
                ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
            if (done >= 0) return static_cast<std::size_t>(done);
            if (errno != EINTR) return last_error();
        }
    }

    Result<std::uint64_t, std::error_code> size() override {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0) return last_error();
        return static_cast<std::uint64_t>(status.st_size);
    }

    IoResult preallocate(std::uint64_t bytes) override {
        const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes));
        if (error != 0) return Failure{std::error_code{error, std::system_category()}};
        return {};
    }

    IoResult sync() override {
        // Never repeated, not even after EINTR (rule **A failed fsync**).
        if (::fdatasync(descriptor_) != 0) return last_error();
        return {};
    }

    IoResult truncate(std::uint64_t bytes) override {
        if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return last_error();
        return {};
    }

private:
    int descriptor_;
};

}  // namespace

Result<std::unique_ptr<File>, std::error_code> PosixFileSystem::create_unlinked() {
    int descriptor = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const bool is_unknown = descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR);
    if (is_unknown) {
        std::string name = folder_ + "/segment-XXXXXX";
        descriptor = ::mkostemp(name.data(), O_CLOEXEC);
        if (descriptor >= 0 && ::unlink(name.c_str()) != 0) {
            const auto error = last_error();
            ::close(descriptor);
            return error;
        }
    }
    if (descriptor < 0) return last_error();
    return std::unique_ptr<File>{std::make_unique<PosixFile>(descriptor)};
}

Result<std::unique_ptr<File>, std::error_code> PosixFileSystem::create(const std::string& name) {
    const int descriptor =
        ::open(path(name).c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return last_error();
    return std::unique_ptr<File>{std::make_unique<PosixFile>(descriptor)};
}

Result<std::unique_ptr<File>, std::error_code> PosixFileSystem::open(const std::string& name) {
    const int descriptor = ::open(path(name).c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return last_error();
    return std::unique_ptr<File>{std::make_unique<PosixFile>(descriptor)};
}

Result<std::vector<std::string>, std::error_code> PosixFileSystem::list() {
    std::vector<std::string> names;
    std::error_code failed;
    for (std::filesystem::directory_iterator entry{folder_, failed}, end; entry != end && !failed;
         entry.increment(failed)) {
        if (entry->is_regular_file(failed)) names.push_back(entry->path().filename().string());
    }
    if (failed) return Failure{failed};
    return names;
}

IoResult PosixFileSystem::rename(const std::string& from, const std::string& to) {
    if (::rename(path(from).c_str(), path(to).c_str()) != 0) return last_error();
    return {};
}

IoResult PosixFileSystem::remove(const std::string& name) {
    if (::unlink(path(name).c_str()) != 0) return last_error();
    return {};
}

IoResult PosixFileSystem::sync_folder() {
    const int descriptor = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return last_error();
    const bool is_synced = ::fsync(descriptor) == 0;
    const auto error = last_error();
    ::close(descriptor);
    if (!is_synced) return error;
    return {};
}

Result<FileSystem::Space, std::error_code> PosixFileSystem::space() {
    struct statvfs status {};
    if (::statvfs(folder_.c_str(), &status) != 0) return last_error();
    return Space{.free = std::uint64_t{status.f_bavail} * status.f_frsize,
                 .total = std::uint64_t{status.f_blocks} * status.f_frsize};
}

Result<std::unique_ptr<File>, std::error_code> open_read_only(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return last_error();
    return std::unique_ptr<File>{std::make_unique<PosixFile>(descriptor)};
}

}  // namespace firehose::log
