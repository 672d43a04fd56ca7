// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/password_authenticator.h"
#include "app/root_files.h"
#include "base/result.h"
#include "bus/acl.h"
#include "config/password_file.h"
#include "config/settings.h"

/// The password and ACL files that listeners name, each read once: whoever names the same file
/// shares what it holds.
///
/// Ownership: of what was read, and of a thread for each password file. Addresses are stable, also
///            when a reload replaces what is there; what no listener names any more stays as it
///            was, for the clients that came in by it.
/// Threads:   `read` on any; the rest on the shard's. What they return as its own header says.
namespace firehose::app {

class AccessFiles {
public:
    /// What was read, by path; empty: what holds without a file.
    struct Contents {
        std::map<std::string, bus::Acl> acls;
        std::map<std::string, config::PasswordFile> passwords;
        std::set<std::string> kept_acls;  // Not read: what is held of them stays.
        std::set<std::string> kept_passwords;
    };
    /// Reads all or nothing; the error lists every problem, one a line.
    [[nodiscard]] static Result<Contents, std::string> read(
        const std::vector<config::Listener>& listeners,
        config::WithoutAclFile without_acl_file = config::WithoutAclFile::read,
        const RootFiles& root_files = {});
    /// Puts what is held where `contents` was to keep it.
    void fill_kept(Contents& contents) const;

    /// Takes it over. Passwords count by it once the checks before are done: `on_replaced` then
    /// runs, on another thread, for each file that was there before; replies have `generation`.
    void replace(Contents&& contents, std::uint64_t generation,
                 const std::function<void()>& on_replaced);

    [[nodiscard]] const bus::Acl& acl(const std::string& path) const { return *acls_.at(path); }
    [[nodiscard]] bus::Authenticator& authenticator(const std::string& path) const {
        return *passwords_.at(path).authenticator;
    }
    /// Empty where there is no such file.
    [[nodiscard]] config::PasswordFile passwords(const std::string& path) const;

private:
    struct Passwords {
        config::PasswordFile file;
        std::unique_ptr<PasswordAuthenticator> authenticator;
    };
    std::map<std::string, std::unique_ptr<bus::Acl>> acls_;
    std::map<std::string, Passwords> passwords_;
};

}  // namespace firehose::app
