// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config_error.h"

/// Users and their passwords, in the file format of mosquitto_passwd: one line each,
///
///     user:$7$<iterations>$<salt, base64>$<hash, base64>     PBKDF2-HMAC-SHA512, 64 bytes
///     user:$6$<salt, base64>$<hash, base64>                  SHA-512 of password and salt
///
/// and `#` as the first character of a comment. New passwords are written as $7$. Blank and broken
/// lines are refused, each by its number: a file that was damaged must not quietly lose users or
/// gain one without a password. So are mosquitto 2.1's $argon2id$: no library of ours makes it.
///
/// Lifetime: a value. Threads: any number of readers.
/// Cost: `verify` takes as long as the hash's iterations (0.1 ms for mosquitto_passwd's 101),
/// whether or not the user exists, and compares in constant time.
namespace firehose::config {

class PasswordFile {
public:
    /// Users with more iterations than this are refused: checking one would stall its shard.
    static constexpr unsigned kIterationsMax = 100'000;

    PasswordFile() = default;

    /// `file` is only named in errors. An empty text is a file without users.
    [[nodiscard]] static Result<PasswordFile, ConfigErrors> parse(std::string_view text,
                                                                  std::string_view file);
    [[nodiscard]] static Result<PasswordFile, ConfigErrors> load(const std::string& path);

    [[nodiscard]] bool verify(std::string_view user, std::string_view password) const;

    /// Adds or replaces a user, with a fresh salt.
    /// @return why the name or password cannot be used; empty when it is done.
    [[nodiscard]] std::string set(std::string_view user, std::string_view password);
    /// @return whether there was such a user.
    [[nodiscard]] bool erase(std::string_view user);

    /// Users of `before` whose password of then is not theirs any more, or who are gone.
    [[nodiscard]] std::set<std::string> lost_since(const PasswordFile& before) const;

    [[nodiscard]] std::size_t size() const noexcept { return users_.size(); }
    /// The file's text: its comments, then users in the order of their names.
    [[nodiscard]] std::string text() const;

    /// A file of lines `user:password` in plain text, as `mosquitto_passwd -U` takes it; lines that
    /// are hashed already stay.
    [[nodiscard]] static Result<PasswordFile, ConfigErrors> upgrade(std::string_view text,
                                                                    std::string_view file);

private:
    struct Secret {
        unsigned iterations = 0;  // 0: a $6$.
        std::vector<unsigned char> salt;
        std::vector<unsigned char> hash;

        friend bool operator==(const Secret&, const Secret&) = default;
    };

    struct Line;

    [[nodiscard]] static Result<PasswordFile, ConfigErrors> parse(std::string_view text,
                                                                  std::string_view file,
                                                                  bool takes_plain);

    std::vector<std::string> comments_;
    std::map<std::string, Secret, std::less<>> users_;
};

}  // namespace firehose::config
