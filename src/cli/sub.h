// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/message_printer.h"
#include "cli/mqtt_options.h"

/// `firehose sub`: prints what is published, from any MQTT broker.
///
/// Threads: the main thread.
namespace firehose::cli {

struct SubOptions {
    ConnectionFlags connection;
    std::vector<std::string> filters;
    unsigned qos = 0;
    PrintStyle style = PrintStyle::payload;
    bool skips_retained = false;
    bool no_local = false;
    bool retain_as_published = false;
    mqtt::RetainHandling retain_handling = mqtt::RetainHandling::send;
    std::uint64_t count = 0;  // 0: no end.
};

/// @return the exit code: 0 at -C, -W, SIGINT or SIGTERM; 1 when it could not go on, or -W came
///         before -C.
[[nodiscard]] int run_sub(const SubOptions& options);

}  // namespace firehose::cli
