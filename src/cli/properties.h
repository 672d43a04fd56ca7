// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

/// MQTT 5 properties as `sub` and `pub` are given them, in mosquitto's words:
///
///     -D publish content-type text/plain -D connect user-property who me
///
/// Lifetime: values. Threads: any. Source: MQTT 5.0 section 2.2.2; mosquitto_pub(1).
namespace firehose::cli {

struct Properties {
    using Pair = std::pair<std::string, std::string>;

    // Of CONNECT.
    std::optional<std::uint32_t> session_expiry_s;
    std::optional<std::uint32_t> receive_maximum;
    std::optional<std::uint32_t> packet_bytes_max;
    std::vector<Pair> connect_pairs;
    // Of PUBLISH and of the will: as they go on the wire.
    ByteBuffer publish;
    ByteBuffer will;
    std::uint32_t will_delay_s = 0;
    // Of SUBSCRIBE.
    std::optional<std::uint32_t> subscription_id;
    std::vector<Pair> subscribe_pairs;
};

/// `words` are those of every -D in their order: command, name, value, and of a user property its
/// value after its name. The error is a sentence without an end.
[[nodiscard]] Result<Properties, std::string> parse_properties(std::span<const std::string> words);

}  // namespace firehose::cli
