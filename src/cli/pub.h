// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/mqtt_options.h"

/// `firehose pub`: publishes a message, a file, or each line of standard input, to any MQTT broker.
///
/// Threads: the main thread.
namespace firehose::cli {

struct PubOptions {
    ConnectionFlags connection;
    std::string topic;
    // Exactly one of these four.
    std::optional<std::string> message;
    std::string file;
    bool is_lines = false;
    bool is_empty = false;
    unsigned qos = 0;
    bool retain = false;
};

/// @return the exit code: 0 once everything was acknowledged (QoS 0: written); 1 when something was
///         not.
[[nodiscard]] int run_pub(const PubOptions& options);

}  // namespace firehose::cli
