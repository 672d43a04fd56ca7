// SPDX-License-Identifier: Apache-2.0
#include "app/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "net/file_descriptor.h"

namespace firehose::app {
namespace {

std::string error_text(int number) {
    return std::error_code{number, std::generic_category()}.message();
}

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
};

Result<User, std::string> look_up(const std::string& name) {
    std::vector<char> texts(16'384);
    passwd entry{};
    passwd* found = nullptr;
    const int failed = ::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found);
    if (found == nullptr) {
        return Failure{"process.user: there is no user " + name +
                       (failed != 0 ? ": " + error_text(failed) : std::string{})};
    }
    return User{.uid = entry.pw_uid, .gid = entry.pw_gid};
}

/// Of all that root may do: to open ports below 1024.
bool keep_ports_only() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> rights{};
    rights[0].effective = rights[0].permitted = 1U << CAP_NET_BIND_SERVICE;
    return ::syscall(SYS_capset, &header, rights.data()) == 0;
}

}  // namespace

Result<void, std::string> become_user(const std::string& user, const std::string& data_folder) {
    if (user.empty() || ::geteuid() != 0) return {};
    const auto found = look_up(user);
    if (!found) return Failure{found.error()};
    if (found->uid == 0) return {};
    if (::mkdir(data_folder.c_str(), S_IRWXU) == 0 &&
        ::chown(data_folder.c_str(), found->uid, found->gid) != 0) {
        return Failure{"process.user: " + data_folder + " cannot be given to " + user + ": " +
                       error_text(errno)};
    }
    const bool is_done = ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
                         ::initgroups(user.c_str(), found->gid) == 0 && ::setgid(found->gid) == 0 &&
                         ::setuid(found->uid) == 0 && keep_ports_only() &&
                         ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0;
    if (!is_done) {
        return Failure{"process.user: cannot become " + user + ": " + error_text(errno)};
    }
    return {};
}

Result<PidFile, std::string> PidFile::write(const std::string& path) {
    if (path.empty()) return PidFile{{}};
    net::FileDescriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    const std::string text = std::to_string(::getpid()) + "\n";
    if (!file ||
        ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return Failure{"process.pid_file: " + path + " cannot be written: " + error_text(errno)};
    }
    return PidFile{path};
}

PidFile::~PidFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace firehose::app
