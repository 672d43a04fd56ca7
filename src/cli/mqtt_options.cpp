// SPDX-License-Identifier: Apache-2.0
#include "cli/mqtt_options.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <system_error>

#include "base/random.h"
#include "cli/terminal.h"

namespace firehose::cli {
namespace {

constexpr const char* kPasswordVariable = "FIREHOSE_PASSWORD";

const std::map<std::string, mqtt::Version> kVersions{
    {"5", mqtt::Version::v5},     {"5.0", mqtt::Version::v5},     {"mqttv5", mqtt::Version::v5},
    {"311", mqtt::Version::v311}, {"3.1.1", mqtt::Version::v311}, {"mqttv311", mqtt::Version::v311},
    {"31", mqtt::Version::v31},   {"3.1", mqtt::Version::v31},    {"mqttv31", mqtt::Version::v31},
};

std::string made_up_client_id() {
    constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuv";
    std::string id = "firehose-";
    std::uint64_t random = random_seed();
    for (int i = 0; i < 12; ++i, random >>= 5U) id += kLetters[random & 31U];
    return id;
}

std::optional<std::string> first_line_of(const std::string& command, const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::string line;
    if (!file || !std::getline(file, line)) {
        const std::string why =
            file.is_open() ? "is empty" : std::generic_category().message(errno);
        std::fprintf(stderr, "%s: --password-file %s: %s\n", command.c_str(), path.c_str(),
                     why.c_str());
        return std::nullopt;
    }
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

std::optional<std::string> password_of(const std::string& command, const ConnectionFlags& flags) {
    if (!flags.password_file.empty()) return first_line_of(command, flags.password_file);
    if (const char* password = std::getenv(kPasswordVariable)) return std::string{password};
    if (::isatty(STDIN_FILENO) == 1) {
        const NoEcho silence;
        if (silence.is_on()) return ask(("Password of " + flags.user_name + ": ").c_str());
    }
    std::fprintf(stderr, "%s: --username %s has no password; give --password-file FILE or %s\n",
                 command.c_str(), flags.user_name.c_str(), kPasswordVariable);
    return std::nullopt;
}

}  // namespace

void add_connection_flags(CLI::App& command, ConnectionFlags& flags) {
    command.set_help_flag("--help", "Print this help message and exit");
    command.add_option("-h,--host", flags.host, "The server")->capture_default_str();
    command.add_option("-p,--port", flags.port, "Its MQTT port")
        ->capture_default_str()
        ->check(CLI::Range(1, 65'535));
    command.add_option("-V,--protocol", flags.protocol, "MQTT version: 5, 311 or 31")
        ->capture_default_str()
        ->check(CLI::IsMember(kVersions));
    command.add_option("-i,--id", flags.client_id, "Client id; made up if not given");
    command.add_option("-u,--username", flags.user_name,
                       "User; the password comes from --password-file, the environment variable\n"
                       "FIREHOSE_PASSWORD, or a prompt");
    command.add_option("--password-file", flags.password_file,
                       "A file whose first line is the password");
    command.add_option("-k,--keepalive", flags.keep_alive_s, "Seconds; 0 switches pings off")
        ->capture_default_str()
        ->check(CLI::Range(0, 65'535));
    command.add_option("-W", flags.time_limit_s, "End after so many seconds")
        ->check(CLI::Range(0.001, 1e9));
    command.add_flag("--no-reconnect", flags.never_reconnects,
                     "End when the connection is lost, instead of coming back");
    command.add_option("-P,--pw", "Refused: other users of this machine could read it")
        ->check([](const std::string& /*secret*/) -> std::string {
            return "a password on the command line can be read by others; give --password-file "
                   "FILE or FIREHOSE_PASSWORD";
        })
        ->type_name("");
}

std::optional<SessionLoopOptions> session_options(const std::string& command,
                                                  const ConnectionFlags& flags) {
    SessionLoopOptions options;
    options.command = command;
    options.target = {.host = flags.host, .port = flags.port};
    options.reconnects = !flags.never_reconnects;
    if (flags.time_limit_s > 0) {
        options.time_limit = std::chrono::duration_cast<Microseconds>(
            std::chrono::duration<double>{flags.time_limit_s});
    }
    options.client.version = kVersions.at(flags.protocol);
    options.client.client_id = flags.client_id.empty() ? made_up_client_id() : flags.client_id;
    options.client.keep_alive = std::chrono::seconds{flags.keep_alive_s};
    if (!flags.user_name.empty()) {
        options.client.user_name = flags.user_name;
        options.client.password = password_of(command, flags);
        if (!options.client.password) return std::nullopt;
    }
    return options;
}

}  // namespace firehose::cli
