// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// What the texts of a configuration must look like, beyond being texts: rows name these.
///
/// Each says what is wrong in words that follow a colon, or returns an empty string.
/// Lifetime: values. Threads: any. Cost: linear in the text.
namespace firehose::config {

/// Well-formed UTF-8; for texts of the operator, short ones.
[[nodiscard]] bool is_utf8(std::string_view text);

/// A source's name: it becomes a topic level and a word in logs.
[[nodiscard]] std::string name_problem(std::string_view text);
/// The same, or none.
[[nodiscard]] std::string optional_name_problem(std::string_view text);
/// A host name or address: no spaces, no leading dash.
[[nodiscard]] std::string host_problem(std::string_view text);
/// The beginning of topics: no wildcard, not below `$`.
[[nodiscard]] std::string mount_point_problem(std::string_view text);
/// A version of MQTT.
[[nodiscard]] std::string version_problem(std::string_view text);
/// The beginning of client ids: text without control characters.
[[nodiscard]] std::string client_id_problem(std::string_view text);
/// An IP address, or a network of them: "10.0.0.0/8".
[[nodiscard]] std::string network_problem(std::string_view text);
/// A user name for SSH.
[[nodiscard]] std::string user_problem(std::string_view text);
/// A topic to publish below: no wildcards, not below `$`, no empty level.
[[nodiscard]] std::string topic_problem(std::string_view text);
/// An event type of Gerrit: it becomes a word of a remote command.
[[nodiscard]] std::string event_type_problem(std::string_view text);
/// A rule of `source.deny`.
[[nodiscard]] std::string log_type_problem(std::string_view text);
[[nodiscard]] std::string log_destination_problem(std::string_view text);
[[nodiscard]] std::string deny_rule_problem(std::string_view text);

}  // namespace firehose::config
