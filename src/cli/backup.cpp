// SPDX-License-Identifier: Apache-2.0
// firehose backup: a copy of the data folder of a bus, running or not.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/progress_bar.h"

namespace firehose::cli {
namespace {

constexpr const char* kFooter =
    "The bus goes on meanwhile. The copy holds everything that was acknowledged before the backup\n"
    "began, and is itself a data folder: start a bus on it with `firehose serve --data DIR`. What\n"
    "was erased before is not in it; what is erased later must be erased there too.\n"
    "Sealed segments are hard links where DIR is on the same file system: they take no room until\n"
    "the bus deletes its own. For a backup that survives the disk, name a folder on another one.\n"
    "\n"
    "Examples:\n"
    "  firehose backup --data /var/lib/firehose /backup/firehose-2026-01-31\n"
    "  firehose serve --data /backup/firehose-2026-01-31\n"
    "\n"
    "Exit codes: 0 the backup is whole and synced; 1 it failed, nothing was left behind.";

struct BackupFlags {
    std::string data = "./var";
    std::string to;
};

/// What the bus said last of its work.
struct BackupAnswer {
    std::string error = "the bus stopped before the backup was done";
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t linked = 0;
    std::uint64_t done = 0;

    void hear(std::string_view line, ProgressBar& bar) {
        boost::system::error_code failed;
        const auto value = boost::json::parse(line, failed);
        const auto* said = failed ? nullptr : value.if_object();
        if (said == nullptr) return;
        const auto number = [&](const char* name) {
            const auto* field = said->if_contains(name);
            return field == nullptr ? 0 : field->to_number<std::uint64_t>(failed);
        };
        if (const auto* text = said->if_contains("error"); text != nullptr && text->is_string()) {
            error = text->as_string().c_str();
            return;
        }
        files = number("files");
        bytes = number("bytes");
        linked = number("bytes_linked");
        done = number("bytes_done");
        bar.show(done, bytes);
        if (said->contains("complete")) error.clear();
    }
};

int run(const BackupFlags& flags) {
    std::error_code failed;
    const std::string to = std::filesystem::absolute(flags.to, failed).lexically_normal().string();
    BackupAnswer answer;
    {
        ProgressBar bar{"copying"};
        const auto asked = ask_bus({.data = flags.data, .path = "/backup", .query = {{"to", to}}},
                                   [&](std::string_view line) { answer.hear(line, bar); });
        if (!asked) answer.error = asked.error().message;
    }
    if (!answer.error.empty()) {
        std::fprintf(stderr, "firehose backup: %s\n", answer.error.c_str());
        return kExitFailed;
    }
    std::printf("%s: %s\n", to.c_str(),
                fmt::format("{} files, {} ({} of them links)", answer.files,
                            bytes_text(answer.done), bytes_text(answer.linked))
                    .c_str());
    return kExitOk;
}

}  // namespace

void add_backup_command(CLI::App& program, int& exit_code) {
    CLI::App* backup =
        program.add_subcommand("backup", "Copies the data of a running bus, to start another on");
    auto flags = std::make_shared<BackupFlags>();
    backup->add_option("DIR", flags->to, "Where the copy goes: a folder that is not there yet")
        ->required();
    backup->add_option("--data", flags->data, "The bus's data folder [./var]")->type_name("FOLDER");
    backup->footer(kFooter);
    backup->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace firehose::cli
