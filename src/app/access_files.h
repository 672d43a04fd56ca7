// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/password_authenticator.h"
#include "base/result.h"
#include "bus/acl.h"
#include "config/password_file.h"
#include "config/settings.h"

/// The password and ACL files that listeners name, each read once: whoever names the same file
/// shares what it holds.
///
/// Ownership: of what was read, and of a thread for each password file. Addresses are stable.
/// Threads:   `read` and the look-ups on one thread; what they return as its own header says.
namespace firehose::app {

class AccessFiles {
public:
    /// Reads all or nothing; the error lists every problem, one a line.
    [[nodiscard]] static Result<AccessFiles, std::string> read(
        const std::vector<config::Listener>& listeners,
        config::WithoutAclFile without_acl_file = config::WithoutAclFile::read);

    /// By path; empty: what holds without a file.
    [[nodiscard]] const bus::Acl& acl(const std::string& path) const { return *acls_.at(path); }
    [[nodiscard]] bus::Authenticator& authenticator(const std::string& path) const {
        return *passwords_.at(path)->authenticator;
    }

private:
    struct Passwords {
        config::PasswordFile file;
        std::unique_ptr<PasswordAuthenticator> authenticator;
    };
    std::map<std::string, std::unique_ptr<bus::Acl>> acls_;
    std::map<std::string, std::unique_ptr<Passwords>> passwords_;
};

}  // namespace firehose::app
