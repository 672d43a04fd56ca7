// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "config/files.h"
#include "config/password_file.h"

namespace firehose::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose passwd users.pw ci                  asks for the password, twice, without showing "
    "it\n"
    "  firehose passwd users.pw ci < secret.txt     takes the first line of a file\n"
    "  firehose passwd -D users.pw ci               takes a user out\n"
    "  firehose passwd -c users.pw ci               begins a new file, whatever was there\n"
    "  firehose passwd -U users.pw                  hashes a file of lines user:password\n"
    "\n"
    "The file is made if it is missing, and replaced in one step, readable by its owner only.\n"
    "A password is never taken from the command line, where other users could see it.\n"
    "Exit codes: 0 done; 1 the file could not be written, or there is no such user; 2 wrong usage\n"
    "or a broken file.";

struct PasswdFlags {
    std::string file;
    std::string user;
    std::string password;  // Given where others see it: refused.
    bool is_delete = false;
    bool is_new = false;
    bool is_upgrade = false;
    bool is_batch = false;
};

constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

/// From the prompt, twice, or from the first line of a file or pipe; nullopt once that was refused.
std::optional<std::string> read_password(bool is_batch) {
    if (is_batch || ::isatty(STDIN_FILENO) != 1) {
        auto password = read_line();
        if (!password) std::fputs("firehose passwd: no password on standard input\n", stderr);
        return password;
    }
    const NoEcho silence;
    if (!silence.is_on()) {
        std::fputs("firehose passwd: the terminal would show the password\n", stderr);
        return std::nullopt;
    }
    auto password = ask("Password: ");
    if (!password) return std::nullopt;
    if (ask("The same again: ") != password) {
        std::fputs("firehose passwd: they differ; nothing was changed\n", stderr);
        return std::nullopt;
    }
    return password;
}

std::optional<config::PasswordFile> open_users(const PasswdFlags& flags) {
    if (flags.is_new) return config::PasswordFile{};
    const bool is_missing = ::access(flags.file.c_str(), F_OK) != 0 && errno == ENOENT;
    if (is_missing && !flags.is_delete) return config::PasswordFile{};
    auto users = config::PasswordFile::load(flags.file);
    if (users) return *std::move(users);
    print(users.error());
    return std::nullopt;
}

int write(const PasswdFlags& flags, const config::PasswordFile& users, const char* what) {
    if (const auto failed = config::write_private_file(flags.file, users.text())) {
        std::fprintf(stderr, "firehose passwd: %s: %s; it is as it was\n", flags.file.c_str(),
                     failed.message().c_str());
        return kExitFailed;
    }
    std::printf("%s: %s %s\n", flags.file.c_str(), what,
                flags.user.empty() ? "its users" : flags.user.c_str());
    return kExitOk;
}

int upgrade(const PasswdFlags& flags) {
    const auto text = config::read_file(flags.file, kFileBytesMax);
    if (!text) {
        print({{flags.file, 0, "", text.error(), ""}});
        return kExitUsage;
    }
    const auto users = config::PasswordFile::upgrade(*text, flags.file);
    if (!users) {
        print(users.error());
        return kExitUsage;
    }
    return write(flags, *users, "hashed the passwords of");
}

/// What is wrong with the words together; empty if nothing is.
std::string usage_problem(const PasswdFlags& flags) {
    if (!flags.password.empty()) {
        return "a password on the command line can be read by every user of this machine; give it "
               "on standard input, -b then asks no questions";
    }
    if (flags.is_new + flags.is_delete + flags.is_upgrade > 1)
        return "-c, -D and -U exclude another";
    if (flags.is_upgrade) return flags.user.empty() ? "" : "-U is for all users of the file";
    return flags.user.empty() ? "USER is required" : "";
}

int run(const PasswdFlags& flags) {
    if (const std::string problem = usage_problem(flags); !problem.empty()) {
        std::fprintf(stderr, "firehose passwd: %s\nTry: firehose passwd --help\n", problem.c_str());
        return kExitUsage;
    }
    if (flags.is_upgrade) return upgrade(flags);
    auto users = open_users(flags);
    if (!users) return kExitUsage;
    if (flags.is_delete) {
        if (!users->erase(flags.user)) {
            std::fprintf(stderr, "firehose passwd: %s has no user %s\n", flags.file.c_str(),
                         flags.user.c_str());
            return kExitFailed;
        }
        return write(flags, *users, "deleted");
    }
    const auto password = read_password(flags.is_batch);
    if (!password) return kExitUsage;
    if (const std::string problem = users->set(flags.user, *password); !problem.empty()) {
        std::fprintf(stderr, "firehose passwd: %s\n", problem.c_str());
        return kExitUsage;
    }
    return write(flags, *users, "set the password of");
}

}  // namespace

void add_passwd_command(CLI::App& program, int& exit_code) {
    CLI::App* passwd = program.add_subcommand(
        "passwd", "Gives a user a password, in a file that mosquitto reads too");
    auto flags = std::make_shared<PasswdFlags>();
    passwd->add_option("FILE", flags->file, "The password file")->required();
    passwd->add_option("USER", flags->user, "The user's name");
    passwd->add_option("PASSWORD", flags->password, "Refused: others could see it");
    passwd->add_flag("-c,--create", flags->is_new, "Begin a new file, whatever was there");
    passwd->add_flag("-D,--delete", flags->is_delete, "Take the user out of the file");
    passwd->add_flag("-U,--upgrade", flags->is_upgrade,
                     "Hash the passwords of a file of lines user:password");
    passwd->add_flag("-b,--batch", flags->is_batch,
                     "Take the password from standard input, without questions");
    passwd->footer(kExamples);
    passwd->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace firehose::cli
