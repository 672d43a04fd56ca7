// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/report.h"

namespace firehose::cli {
namespace {

int check_config(const std::string& path) {
    const auto config = read_config({.path = path});
    if (!config || !files_are_good(config->settings)) return kExitUsage;
    std::printf("%s: good\n", path.c_str());
    return kExitOk;
}

}  // namespace

void add_check_config_command(CLI::App& program, int& exit_code) {
    CLI::App* check = program.add_subcommand(
        "check-config", "Says everything that is wrong with a configuration file");
    auto path = std::make_shared<std::string>();
    check->add_option("FILE", *path, "The file, and with it the password and ACL files it names")
        ->required();
    check->footer("Exit codes: 0 the file is good; 2 it is not, each problem has a line.");
    check->callback([path, &exit_code] { exit_code = check_config(*path); });
}

}  // namespace firehose::cli
