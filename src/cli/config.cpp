// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/report.h"
#include "config/mosquitto_conf.h"
#include "config/write_toml.h"

namespace firehose::cli {
namespace {

int convert(const std::string& path) {
    const auto read = config::load_mosquitto_conf(path);
    if (!read) {
        print(read.error());
        return kExitUsage;
    }
    std::printf("# Made by `firehose config convert` from %s.\n", path.c_str());
    if (!read->notes.empty()) std::printf("#\n# What has no equivalent here:\n");
    for (const config::ConfigError& note : read->notes) {
        std::printf("# %s\n", to_string(note).c_str());
    }
    std::printf("\n%s", config::write_toml(read->settings).c_str());
    return kExitOk;
}

}  // namespace

void add_config_command(CLI::App& program, int& exit_code) {
    CLI::App* config = program.add_subcommand("config", "Works on configuration files");
    config->require_subcommand(1);
    CLI::App* command = config->add_subcommand(
        "convert", "Prints a mosquitto.conf as the firehose.toml that means the same");
    auto path = std::make_shared<std::string>();
    command->add_option("FILE", *path, "The mosquitto.conf; what it includes is taken in")
        ->required();
    command->footer(
        "Examples:\n"
        "  firehose config convert /etc/mosquitto/mosquitto.conf > firehose.toml\n"
        "\n"
        "What has no equivalent stands above the result as comments. Password and ACL files are\n"
        "named as they are; both brokers read them.\n"
        "Exit codes: 0 done; 2 the file is wrong, or has something that is refused.");
    command->callback([path, &exit_code] { exit_code = convert(*path); });
}

}  // namespace firehose::cli
