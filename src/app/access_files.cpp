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

Result<AccessFiles::Contents, std::string> AccessFiles::read(
    const std::vector<config::Listener>& listeners, config::WithoutAclFile without_acl_file,
    const RootFiles& root_files) {
    Contents contents;
    std::set<std::string> bad;
    std::string problems;
    for (const config::Listener& listener : listeners) {
        const std::string& acl_path = listener.acl_file;
        if (root_files.keeps(acl_path)) {
            contents.kept_acls.insert(acl_path);
        } else if (!contents.acls.contains(acl_path) && !bad.contains(acl_path)) {
            auto acl = read_acl(acl_path, without_acl_file);
            if (acl) {
                contents.acls.emplace(acl_path, std::move(*acl));
            } else {
                add_line(problems, acl.error());
                bad.insert(acl_path);
            }
        }
        const std::string& path = listener.password_file;
        if (contents.passwords.contains(path)) continue;
        if (root_files.keeps(path)) {
            contents.kept_passwords.insert(path);
            continue;
        }
        config::PasswordFile& passwords = contents.passwords[path];
        if (path.empty()) continue;
        auto file = config::PasswordFile::load(path);
        if (file) {
            passwords = std::move(*file);
            continue;
        }
        for (const auto& error : file.error()) add_line(problems, to_string(error));
    }
    if (!problems.empty()) return Failure{problems};
    return contents;
}

void AccessFiles::fill_kept(Contents& contents) const {
    for (const std::string& path : contents.kept_acls) contents.acls.emplace(path, acl(path));
    for (const std::string& path : contents.kept_passwords) {
        contents.passwords.emplace(path, passwords(path));
    }
}

void AccessFiles::replace(Contents&& contents, std::uint64_t generation,
                          const std::function<void()>& on_replaced) {
    for (auto& [path, acl] : contents.acls) {
        if (const auto known = acls_.find(path); known != acls_.end()) {
            *known->second = std::move(acl);
        } else {
            acls_.emplace(path, std::make_unique<bus::Acl>(std::move(acl)));
        }
    }
    for (auto& [path, file] : contents.passwords) {
        Passwords& known = passwords_[path];
        known.file = std::move(file);
        if (!known.authenticator) {
            known.authenticator =
                path.empty() ? std::make_unique<PasswordAuthenticator>()
                             : std::make_unique<PasswordAuthenticator>(known.file, generation);
        } else if (!path.empty()) {
            known.authenticator->replace(known.file, generation, on_replaced);
        }
    }
}

config::PasswordFile AccessFiles::passwords(const std::string& path) const {
    const auto found = passwords_.find(path);
    return found == passwords_.end() ? config::PasswordFile{} : found->second.file;
}

}  // namespace firehose::app
