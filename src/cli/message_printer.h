// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "client/client_events.h"

/// How `sub` shows a message.
///
/// Threads: pure functions. Source: rule **Doors** for the JSON form.
namespace firehose::cli {

enum class PrintStyle : std::uint8_t {
    payload,            // The payload and a line feed.
    topic_and_payload,  // Topic, blank, payload, line feed, as mosquitto_sub -v.
    json,               // One object a line, as the bus's HTTP prints it, with qos and retain.
};

/// Appends the message as it is shown.
///
///     {"seq":17,"time":"2026-01-02T03:04:05.000006Z","topic":"a","payload":"x","qos":0,
///      "retain":false}
///
/// `seq` and `time` stand there only when the server gave them (`firehose-seq`, `firehose-time`);
/// `payload_base64` instead of `payload` when it is not UTF-8.
void append_message(const client::Message& message, PrintStyle style, std::string& out);

}  // namespace firehose::cli
