// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "config/settings.h"

/// Values with units as people write them: "64 KiB", "500 ms", "[::]:1883", and back.
///
/// Sizes: a whole number and B, kB, MB, GB (powers of 1000), KiB, MiB, GiB or TiB (of 1024).
/// Durations: a whole number and ms, s, min, h or d. A space before the unit is optional.
/// Lifetime: values. Threads: any. Cost: linear in the text.
namespace firehose::config {

inline constexpr std::string_view kByteUnits = "B, kB, MB, GB, KiB, MiB, GiB, TiB";
inline constexpr std::string_view kTimeUnits = "ms, s, min, h, d";

/// nullopt: not a size, or beyond 2^63.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// nullopt: not a duration, or beyond what fits (about 292,000 years).
[[nodiscard]] std::optional<Microseconds> parse_duration(std::string_view text);
/// "host:port" or "[v6]:port" with a numeric address.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

/// In the largest unit of 1024 that divides it: "64 KiB"; plain digits if none does.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
/// In the largest unit that divides it: "10 s", "7 d".
[[nodiscard]] std::string format_duration(Microseconds time);
/// Brackets around an IPv6 address: "[::]:1883".
[[nodiscard]] std::string format_endpoint(const Endpoint& endpoint);
/// In thousands: "2,000,000".
[[nodiscard]] std::string format_count(std::uint64_t count);

}  // namespace firehose::config
