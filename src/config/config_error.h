// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

/// What is wrong with a file of the operator, and what would be right.
///
/// Lifetime: values. Threads: none.
namespace firehose::config {

struct ConfigError {
    std::string file;
    std::size_t line = 0;  // From 1; 0: not about a line.
    std::string key;       // "limits.packet_bytes_max"; empty: not about a key.
    std::string problem;
    std::string allowed;  // What would be right; may be empty.

    friend bool operator==(const ConfigError&, const ConfigError&) = default;
};
using ConfigErrors = std::vector<ConfigError>;

/// `firehose.toml:12: limits.packet_bytes_max: "huge" is no size; allowed: 1 KiB to 16 MiB`.
[[nodiscard]] std::string to_string(const ConfigError& error);
std::ostream& operator<<(std::ostream& out, const ConfigError& error);

}  // namespace firehose::config
