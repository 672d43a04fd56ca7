// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

/// Topic names: what an application message is published under.
///
/// The codec has checked the UTF-8; here is what a name means.
/// Threads: pure functions. Cost: one pass over the name, no allocation.
/// Source:  MQTT 5.0 section 4.7; 3.1.1 section 4.7.
namespace firehose::topic {

inline constexpr std::size_t kBytesMax = 65'535;  // [MQTT-4.7.3-3]

/// 1 to 65,535 bytes without `+`, `#` and U+0000.
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;

/// Begins with `$`: not for filters that begin with a wildcard. [MQTT-4.7.2-1]
/// Good for names and filters.
[[nodiscard]] constexpr bool is_dollar(std::string_view topic) noexcept {
    return topic.starts_with('$');
}

/// Separators plus one: "a" has one level, "/" two empty ones. Good for names and filters.
[[nodiscard]] std::size_t level_count(std::string_view topic) noexcept;

}  // namespace firehose::topic
