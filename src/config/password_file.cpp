// SPDX-License-Identifier: Apache-2.0
#include "config/password_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/assert.h"
#include "config/files.h"

namespace firehose::config {
namespace {

using Bytes = std::vector<unsigned char>;
using Hash = std::array<unsigned char, 64>;  // One SHA-512 block of PBKDF2.

constexpr std::size_t kSaltBytes = 12;
constexpr std::size_t kSaltBytesMax = 64;
constexpr std::size_t kUserBytesMax = 1'024;
constexpr std::size_t kPasswordBytesMax = 65'535;  // What an MQTT CONNECT can carry.
constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;
// mosquitto_passwd's own number. A password check runs where clients are served, so it must stay
// short; what protects a hash is the file's mode and a long password.
constexpr unsigned kIterations = 101;
constexpr std::string_view kFormat = "user:$7$<iterations>$<salt>$<hash>";

Hash pbkdf2(std::string_view password, const Bytes& salt, unsigned iterations) {
    Hash hash;
    const int done =
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                          static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha512(),
                          static_cast<int>(hash.size()), hash.data());
    FH_ASSERT(done == 1);  // Fails only without memory or without SHA-512.
    return hash;
}

Hash sha512(std::string_view password, const Bytes& salt) {
    Bytes text(password.begin(), password.end());
    text.insert(text.end(), salt.begin(), salt.end());
    Hash hash;
    const int done =
        EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha512(), nullptr);
    FH_ASSERT(done == 1);
    OPENSSL_cleanse(text.data(), text.size());
    return hash;
}

std::string base64(const Bytes& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it by a zero.
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// Strict: only what `base64` writes for the same bytes.
std::optional<Bytes> from_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0) return std::nullopt;
    Bytes bytes(text.size() / 4 * 3);
    const int length =
        EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size()));
    if (length < 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
    bytes.resize(static_cast<std::size_t>(length) - padding);
    if (base64(bytes) != text) return std::nullopt;
    return bytes;
}

std::string_view cut(std::string_view& text, char end) {
    const auto place = text.find(end);
    const std::string_view part = text.substr(0, place);
    text.remove_prefix(place == std::string_view::npos ? text.size() : place + 1);
    return part;
}

/// What is wrong with a name, in words that follow "the user name"; empty if nothing is.
std::string user_problem(std::string_view user) {
    if (user.empty()) return "is empty";
    if (user.size() > kUserBytesMax) return "is too long";
    if (user.find(':') != std::string_view::npos) return "contains a colon";
    const bool has_control = std::ranges::any_of(
        user, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; });
    return has_control ? "contains a control character" : "";
}

}  // namespace

/// Takes one line apart. Messages never repeat the hash.
struct PasswordFile::Line {
    std::string user;
    Secret secret;
    std::string problem;
    std::string allowed{kFormat};

    Line(std::string_view text, bool takes_plain) {
        if (text.find_first_not_of(" \t\r") == std::string_view::npos) {
            problem = "is blank";
            return;
        }
        if (text.find(':') == std::string_view::npos) {
            problem = "has no colon after a user name";
            return;
        }
        user = cut(text, ':');
        if (auto wrong = user_problem(user); !wrong.empty()) {
            problem = "the user name " + wrong;
            return;
        }
        if (takes_plain && !text.starts_with("$")) {
            plain = trimmed_end(text);
            if (plain.empty()) problem = "the user has no password";
            return;
        }
        read_secret(text);
    }

    std::string_view plain;  // A password in plain text.

private:
    static std::string_view trimmed_end(std::string_view text) {
        while (text.ends_with('\r')) text.remove_suffix(1);
        return text;
    }
    void read_secret(std::string_view text) {
        if (!text.starts_with('$')) {
            problem = text.empty() ? "the user has no password" : "the password is not hashed";
            allowed += ", as `firehose passwd` writes it";
            return;
        }
        text.remove_prefix(1);
        const std::string_view kind = cut(text, '$');
        if (kind == "argon2id") {
            problem = "the hash is argon2id, which this program cannot check";
            allowed += ": set this user's password again, with `firehose passwd`";
            return;
        }
        if (kind != "7" && kind != "6") {
            problem = "the hash is of another kind than $7$ and $6$";
            allowed += ", as `firehose passwd` and mosquitto_passwd 2.0 write it";
            return;
        }
        if (kind == "6") return read_rest(text);
        const std::string_view iterations = cut(text, '$');
        const auto [end, failed] = std::from_chars(
            iterations.data(), iterations.data() + iterations.size(), secret.iterations);
        if (failed != std::errc{} || end != iterations.data() + iterations.size() ||
            secret.iterations == 0 || secret.iterations > kIterationsMax) {
            problem = "the iterations are no number from 1 to " + std::to_string(kIterationsMax);
            return;
        }
        read_rest(text);
    }

    /// Salt and hash.
    void read_rest(std::string_view text) {
        const auto salt = from_base64(cut(text, '$'));
        const auto hash = from_base64(text);
        if (!salt || salt->size() > kSaltBytesMax) {
            problem = "the salt is not base64 of 1 to 64 bytes";
        } else if (!hash || hash->size() != Hash{}.size()) {
            problem = "the hash is not base64 of 64 bytes";
        } else {
            secret.salt = *salt;
            secret.hash = *hash;
        }
    }
};

Result<PasswordFile, ConfigErrors> PasswordFile::parse(std::string_view text,
                                                       std::string_view file) {
    return parse(text, file, false);
}

Result<PasswordFile, ConfigErrors> PasswordFile::upgrade(std::string_view text,
                                                         std::string_view file) {
    return parse(text, file, true);
}

Result<PasswordFile, ConfigErrors> PasswordFile::parse(std::string_view text, std::string_view file,
                                                       bool takes_plain) {
    PasswordFile parsed;
    ConfigErrors errors;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view whole = cut(text, '\n');
        if (whole.starts_with('#')) {
            parsed.comments_.emplace_back(whole);
            continue;
        }
        Line line{whole, takes_plain};
        if (line.problem.empty() && parsed.users_.contains(line.user)) {
            line.problem = "the user is there twice";
            line.allowed = "one line a user";
        }
        if (line.problem.empty() && !line.plain.empty()) {
            line.problem = parsed.set(line.user, line.plain);
            if (line.problem.empty()) continue;
        }
        if (line.problem.empty()) {
            parsed.users_.emplace(std::move(line.user), std::move(line.secret));
        } else {
            errors.push_back({std::string{file}, number, "", line.problem, line.allowed});
        }
    }
    if (!errors.empty()) return Failure{std::move(errors)};
    return parsed;
}

Result<PasswordFile, ConfigErrors> PasswordFile::load(const std::string& path) {
    const auto text = read_file(path, kFileBytesMax);
    if (!text) return Failure{ConfigErrors{{path, 0, "", text.error(), ""}}};
    return parse(*text, path);
}

bool PasswordFile::verify(std::string_view user, std::string_view password) const {
    // A user that does not exist costs as much as one that does, so that names cannot be probed.
    static const Secret kNobody{kIterations, Bytes(kSaltBytes), Bytes(Hash{}.size())};
    const auto found = users_.find(user);
    const bool is_known = found != users_.end() && password.size() <= kPasswordBytesMax;
    const Secret& secret = is_known ? found->second : kNobody;
    password = password.substr(0, kPasswordBytesMax);
    const Hash hash = secret.iterations == 0 ? sha512(password, secret.salt)
                                             : pbkdf2(password, secret.salt, secret.iterations);
    const bool is_same = CRYPTO_memcmp(hash.data(), secret.hash.data(), hash.size()) == 0;
    return is_same && is_known;
}

std::string PasswordFile::set(std::string_view user, std::string_view password) {
    if (auto wrong = user_problem(user); !wrong.empty()) return "the user name " + wrong;
    if (password.empty()) return "the password is empty";
    if (password.size() > kPasswordBytesMax) return "the password is too long";
    Secret secret{kIterations, Bytes(kSaltBytes), {}};
    if (RAND_bytes(secret.salt.data(), static_cast<int>(secret.salt.size())) != 1) {
        return "the system gives no random bytes";
    }
    const Hash hash = pbkdf2(password, secret.salt, secret.iterations);
    secret.hash.assign(hash.begin(), hash.end());
    users_.insert_or_assign(std::string{user}, std::move(secret));
    return {};
}

bool PasswordFile::erase(std::string_view user) {
    const auto found = users_.find(user);
    if (found == users_.end()) return false;
    users_.erase(found);
    return true;
}

std::set<std::string> PasswordFile::lost_since(const PasswordFile& before) const {
    std::set<std::string> lost;
    for (const auto& [name, secret] : before.users_) {
        const auto found = users_.find(name);
        if (found == users_.end() || found->second != secret) lost.insert(name);
    }
    return lost;
}

std::string PasswordFile::text() const {
    std::string text;
    for (const std::string& comment : comments_) text += comment + "\n";
    for (const auto& [user, secret] : users_) {
        const std::string kind =
            secret.iterations == 0 ? ":$6$" : ":$7$" + std::to_string(secret.iterations) + "$";
        text += user + kind + base64(secret.salt) + "$" + base64(secret.hash) + "\n";
    }
    return text;
}

}  // namespace firehose::config
