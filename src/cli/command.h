// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

/// How a subcommand joins the program: it adds itself to `program` with its options, and a callback
/// that does the work after everything was parsed and writes its exit code.
///
///     void add_pub_command(CLI::App& program, int& exit_code) {
///         CLI::App* pub = program.add_subcommand("pub", "Publishes a message");
///         auto options = std::make_shared<PubOptions>();  // Lives as long as the callback.
///         pub->add_option("-t,--topic", options->topic, "...")->required();
///         pub->callback([options, &exit_code] { exit_code = run_pub(*options); });
///     }
///
/// Lifetime: `program` and `exit_code` outlive the parsing. Threads: the main thread.
/// Secrets are never options: they come from files, standard input or a prompt.
namespace firehose::cli {

// What every command exits with.
inline constexpr int kExitOk = 0;      // It did what it was asked to do.
inline constexpr int kExitFailed = 1;  // It could not; standard error says why.
inline constexpr int kExitUsage = 2;   // The command line or a configuration file is wrong.

void add_serve_command(CLI::App& program, int& exit_code);
void add_source_command(CLI::App& program, int& exit_code);  // In source_gerrit.cpp.
void add_sub_command(CLI::App& program, int& exit_code);
void add_pub_command(CLI::App& program, int& exit_code);
void add_passwd_command(CLI::App& program, int& exit_code);
void add_config_command(CLI::App& program, int& exit_code);
void add_check_config_command(CLI::App& program, int& exit_code);
void add_backup_command(CLI::App& program, int& exit_code);
void add_erase_command(CLI::App& program, int& exit_code);
void add_reload_command(CLI::App& program, int& exit_code);
void add_inspect_command(CLI::App& program, int& exit_code);
void add_operator_commands(CLI::App& program, int& exit_code);  // connections, metrics, ...
void add_version_command(CLI::App& program, int& exit_code);

}  // namespace firehose::cli
