// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

/// "Did you mean ...?": the known word that is closest to one that is not known.
///
/// Lifetime: values. Threads: any. Cost: length times length for each known word, only on errors;
/// words beyond 100 bytes are near to nothing.
namespace firehose::config {

/// Empty if none is near: more than a third of it would have to change, and it is not the last
/// part of a known word either ("packet_bytes_max" for "limits.packet_bytes_max").
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> known);

}  // namespace firehose::config
