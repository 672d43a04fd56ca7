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
#include <cstdlib>
#include <system_error>
#include <tuple>
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

/// Nobody but root decides what a name in this folder means.
bool is_roots_alone(std::string folder) {
    char* const whole = ::realpath(folder.c_str(), nullptr);
    if (whole == nullptr) return false;
    folder = whole;
    std::free(whole);
    // In a folder above, others may have names of their own, if they cannot take root's away.
    for (mode_t allowed = 0; !folder.empty(); allowed = S_ISVTX) {
        struct stat facts {};
        if (::stat(folder.c_str(), &facts) != 0 || facts.st_uid != 0) return false;
        const bool others_write = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (others_write && (facts.st_mode & allowed) == 0) return false;
        folder.resize(folder.rfind('/'));
    }
    return true;
}

/// Never through a link, nor under a second name: a folder may be the user's, who could have put
/// there what leads to a file of root's. What cannot be given says so when the log is opened.
void give_log_file(const std::string& path, const User& user) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int make = is_roots_alone(folder) ? O_CREAT : 0;
    const net::FileDescriptor file{
        ::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | make, 0640)};
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0) return;
    if (!S_ISREG(facts.st_mode) || facts.st_nlink != 1 || facts.st_uid != 0) return;
    const bool may_write = (facts.st_mode & S_IWOTH) != 0 ||
                           (facts.st_gid == user.gid && (facts.st_mode & S_IWGRP) != 0);
    if (!may_write) std::ignore = ::fchown(file.get(), user.uid, user.gid);
}

}  // namespace

Result<void, std::string> become_user(const std::string& user, const std::string& data_folder,
                                      const std::vector<std::string>& log_files) {
    if (user.empty() || ::geteuid() != 0) return {};
    const auto found = look_up(user);
    if (!found) return Failure{found.error()};
    if (found->uid == 0) return {};
    if (::mkdir(data_folder.c_str(), S_IRWXU) == 0 &&
        ::chown(data_folder.c_str(), found->uid, found->gid) != 0) {
        return Failure{"process.user: " + data_folder + " cannot be given to " + user + ": " +
                       error_text(errno)};
    }
    for (const std::string& file : log_files) give_log_file(file, *found);
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
