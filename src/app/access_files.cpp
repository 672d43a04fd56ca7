// SPDX-License-Identifier: Apache-2.0
#include "app/access_files.h"

#include <fstream>
#include <iterator>

namespace firehose::app {
namespace {

void add_line(std::string& problems, const std::string& problem) {
    if (!problems.empty()) problems += '\n';
    problems += problem;
}

Result<bus::Acl, std::string> read_acl(const std::string& path, config::WithoutAclFile without) {
    if (path.empty()) {
        const bool is_open = without == config::WithoutAclFile::readwrite;
        return is_open ? bus::Acl::open() : bus::Acl::none();
    }
    std::ifstream file{path, std::ios::binary};
    if (!file) return Failure{path + ": cannot be read; does it exist, and may this user read it?"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    auto acl = bus::Acl::parse(text);
    if (acl) return std::move(*acl);
    std::string problems;
    for (const bus::AclError& error : acl.error()) {
        add_line(problems, path + ":" + std::to_string(error.line) + ": " + error.problem);
    }
    return Failure{problems};
}

}  // namespace

Result<AccessFiles, std::string> AccessFiles::read(const std::vector<config::Listener>& listeners,
                                                   config::WithoutAclFile without_acl_file) {
    AccessFiles files;
    std::string problems;
    for (const config::Listener& listener : listeners) {
        if (!files.acls_.contains(listener.acl_file)) {
            auto acl = read_acl(listener.acl_file, without_acl_file);
            if (!acl) add_line(problems, acl.error());
            files.acls_[listener.acl_file] =
                std::make_unique<bus::Acl>(acl ? std::move(*acl) : bus::Acl::none());
        }
        const std::string& path = listener.password_file;
        auto& passwords = files.passwords_[path];
        if (passwords) continue;
        passwords = std::make_unique<Passwords>();
        if (!path.empty()) {
            auto file = config::PasswordFile::load(path);
            if (file) passwords->file = std::move(*file);
            if (!file) {
                for (const auto& error : file.error()) add_line(problems, to_string(error));
            }
        }
        passwords->authenticator =
            std::make_unique<PasswordAuthenticator>(path.empty() ? nullptr : &passwords->file);
    }
    if (!problems.empty()) return Failure{problems};
    return files;
}

}  // namespace firehose::app
