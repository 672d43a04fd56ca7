// SPDX-License-Identifier: Apache-2.0
#include "config/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace firehose::config {
namespace {

std::error_code last_error() {
    return {errno, std::generic_category()};
}

/// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() { (void)close_now(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
    [[nodiscard]] bool close_now() noexcept {
        const int number = std::exchange(number_, -1);
        return number < 0 || ::close(number) == 0;
    }

private:
    int number_;
};

std::error_code write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return last_error();
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

/// Gives the new file to whom the old one belongs: root may edit what a service must read.
std::error_code keep_owner(const std::string& path, int file) {
    struct stat before {};
    struct stat now {};
    if (::stat(path.c_str(), &before) != 0) return {};  // There is none: it stays ours.
    if (::fstat(file, &now) != 0) return last_error();
    if (before.st_uid == now.st_uid && before.st_gid == now.st_gid) return {};
    return ::fchown(file, before.st_uid, before.st_gid) == 0 ? std::error_code{} : last_error();
}

std::error_code write_and_sync(Descriptor& file, const std::string& path, std::string_view text) {
    // mkstemp made it 0600 already; an explicit mode does not depend on its version.
    if (::fchmod(file.number(), S_IRUSR | S_IWUSR) != 0) return last_error();
    if (auto failed = keep_owner(path, file.number())) return failed;
    if (auto failed = write_all(file.number(), text)) return failed;
    if (::fsync(file.number()) != 0) return last_error();
    if (!file.close_now()) return last_error();
    return {};
}

}  // namespace

Result<std::string, std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.is_open()) return Failure{last_error().message()};
    std::string text;
    char buffer[16'384];
    while (true) {
        const ssize_t count = ::read(file.number(), buffer, sizeof(buffer));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return Failure{last_error().message()};
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > bytes_max) {
            return Failure{"is larger than " + std::to_string(bytes_max) + " bytes"};
        }
    }
}

std::error_code write_private_file(const std::string& path, std::string_view text) {
    std::string temporary = path + ".XXXXXX";
    Descriptor file{::mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file.is_open()) return last_error();
    auto failed = write_and_sync(file, path, text);
    if (!failed && ::rename(temporary.c_str(), path.c_str()) != 0) failed = last_error();
    if (failed) {
        ::unlink(temporary.c_str());
        return failed;
    }
    const auto slash = path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "." : (slash == 0 ? "/" : path.substr(0, slash));
    const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory.is_open() || ::fsync(directory.number()) != 0) return last_error();
    return {};
}

}  // namespace firehose::config
