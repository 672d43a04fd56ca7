// SPDX-License-Identifier: Apache-2.0
// The program: one subcommand a file, each adds itself (command.h).
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/command.h"
#include "cli/serve_flags.h"
#include "cli/usage.h"

namespace {

constexpr const char* kAbout =
    "firehose: a message bus that everybody may follow.\n"
    "Services publish what happens to them over MQTT; anyone reads along over MQTT, WebSocket,\n"
    "HTTP or in a browser, without an account.";

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose serve --demo                        a bus with sample events; page on port 8080\n"
    "  firehose serve -c /etc/firehose.toml         a bus as configured\n"
    "  firehose sub -h localhost -t 'gerrit/#'      read along in a terminal\n"
    "  firehose serve -c mosquitto.conf -v          a bus as mosquitto was configured\n"
    "  firehose passwd users.pw ci                  give the user ci a password\n"
    "  firehose check-config /etc/firehose.toml     say everything that is wrong with a file\n"
    "  firehose inspect /var/lib/firehose --check   say what of a log is damaged\n"
    "\n"
    "Exit codes: 0 done; 1 failed, the reason is on standard error; 2 wrong usage or "
    "configuration.\n"
    "`firehose COMMAND --help` explains a command; man firehose has it all.";

}  // namespace

int main(int count, char** words) {
    using namespace firehose::cli;
    int exit_code = kExitOk;
    try {
        const std::string_view called = count > 0 ? words[0] : "";
        if (called.substr(called.rfind('/') + 1) == "mosquitto") {
            return run_as_mosquitto(count, words);
        }
        CLI::App program{kAbout, "firehose"};
        program.footer(kExamples);
        program.require_subcommand(1);
        program.set_version_flag("--version", "firehose " FIREHOSE_VERSION);
        program.failure_message(
            [](const CLI::App*, const CLI::Error& error) { return std::string{error.what()}; });
        add_serve_command(program, exit_code);
        add_sub_command(program, exit_code);
        add_pub_command(program, exit_code);
        add_source_command(program, exit_code);
        add_passwd_command(program, exit_code);
        add_config_command(program, exit_code);
        add_check_config_command(program, exit_code);
        add_backup_command(program, exit_code);
        add_erase_command(program, exit_code);
        add_reload_command(program, exit_code);
        add_inspect_command(program, exit_code);
        add_operator_commands(program, exit_code);
        add_version_command(program, exit_code);
        try {
            program.parse(count, words);
        } catch (const CLI::ParseError& error) {
            return explain(program, error);
        }
    } catch (const std::exception& error) {
        // CLI11 throws, and so does the library when memory is gone; nothing of ours does.
        std::fprintf(stderr, "firehose: %s\n", error.what());
        return kExitFailed;
    }
    return exit_code;
}
