// SPDX-License-Identifier: Apache-2.0
// firehose reload: what SIGHUP does, with an answer.
#include <cstdio>
#include <memory>
#include <string>

#include "cli/admin_client.h"
#include "cli/command.h"

namespace firehose::cli {
namespace {

constexpr const char* kFooter =
    "The running bus reads its configuration again, with the files that it names, and takes over\n"
    "all of it or, if anything is wrong, nothing. Nobody is disconnected but users who are gone,\n"
    "whose password was changed, or anonymous clients where they are not let in any more.\n"
    "\n"
    "Exit codes: 0 reloaded; 1 the configuration stays as it was, or there is no bus; 2 wrong "
    "usage.";

int reload(const std::string& data) {
    const auto asked =
        ask_bus({.data = data, .path = "/reload", .query = {}}, [](std::string_view line) {
            std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
        });
    if (asked) return kExitOk;
    std::fprintf(stderr, "firehose reload: %s\n", asked.error().message.c_str());
    return kExitFailed;
}

}  // namespace

void add_reload_command(CLI::App& program, int& exit_code) {
    CLI::App* reload_command =
        program.add_subcommand("reload", "Makes a running bus read its configuration again");
    auto data = std::make_shared<std::string>("./var");
    reload_command->add_option("--data", *data, "The bus's data folder [./var]")
        ->type_name("FOLDER");
    reload_command->footer(kFooter);
    reload_command->callback([data, &exit_code] { exit_code = reload(*data); });
}

}  // namespace firehose::cli
