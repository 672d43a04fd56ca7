// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What `firehose serve` and `mosquitto` are told on the command line, and what they do.
///
/// Lifetime: a value. Threads: the main thread.
/// Source:   mosquitto(8) for `-c`, `-d`, `-p`, `-q`, `-v` and `--test-config`.
namespace firehose::cli {

struct ServeFlags {
    std::string file;
    std::string format;
    std::vector<std::uint16_t> ports;  // -p
    bool is_daemon = false;
    bool is_verbose = false;
    bool is_quiet = false;
    bool is_test = false;
    std::string data;
    std::optional<std::uint16_t> mqtt_port;
    std::optional<std::uint16_t> http_port;
    std::string password_file;
    std::string acl_file;
    bool demo = false;
    std::string gerrit;
    std::string gerrit_key;
    std::string known_hosts;
    bool help_config = false;
    bool is_mosquitto = false;  // Called by that name: its habits hold without a file as well.
};

/// Says itself what a port is; the library would only say that it could not convert.
[[nodiscard]] std::string port_problem(const std::string& text);

/// The flags that mosquitto has.
void add_mosquitto_flags(CLI::App& command, ServeFlags& flags);

/// Runs the bus. @return the exit code.
[[nodiscard]] int run_serve(const ServeFlags& flags);

/// The program was called by the name `mosquitto`. @return the exit code: mosquitto's, 3 for a
/// command line or a configuration that is wrong.
[[nodiscard]] int run_as_mosquitto(int count, char** words);

}  // namespace firehose::cli
