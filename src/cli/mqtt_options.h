// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/mqtt_session_loop.h"
#include "cli/properties.h"

/// The flags that `sub` and `pub` share: where to connect and as whom, spelled as mosquitto's.
///
/// Threads: the main thread. Secrets come from a file, the environment or a prompt.
namespace firehose::cli {

struct ConnectionFlags {
    std::string host = "localhost";
    std::uint16_t port = 1883;
    std::string protocol = "5";
    std::string client_id;
    std::string user_name;
    std::string password_file;
    unsigned keep_alive_s = 60;
    double time_limit_s = 0;  // 0: none.
    bool never_reconnects = false;
    bool keeps_session = false;
    std::string session_expiry;  // Seconds, or mosquitto's words for never.
    std::vector<std::string> properties;
    std::string will_topic;
    std::string will_payload;
    unsigned will_qos = 0;
    bool will_retain = false;
};

/// Adds the flags to `command`, and help as --help only, because -h is the host.
void add_connection_flags(CLI::App& command, ConnectionFlags& flags);

/// What the loop needs, and what -D says of other packets than CONNECT.
struct SessionFlags {
    SessionLoopOptions loop;
    Properties properties;
};

/// Nullopt once what is wrong was printed for `command` ("firehose sub").
[[nodiscard]] std::optional<SessionFlags> session_options(const std::string& command,
                                                          const ConnectionFlags& flags);

}  // namespace firehose::cli
