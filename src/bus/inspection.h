// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "mqtt/types.h"

/// What an operator is shown of clients: values, made when asked for.
///
/// Never a payload, never a password. Lifetime: values; a TraceLine's views hold during the call.
/// Threads: made on the shard's.
namespace firehose::bus {

/// One connection.
struct ConnectionRow {
    ConnectionId id{};
    std::string client_id;
    std::optional<std::string> user_name;
    std::string address;
    std::string listener;
    std::string_view transport;  // "mqtt", "websocket", "sse", "ndjson".
    std::string_view version;    // "3.1", "3.1.1", "5.0"; empty before CONNECT, and for HTTP.
    std::string_view reading;    // "idle", "feed", "tail", "behind".
    std::string_view held;       // Why its socket is not read; empty: it is.
    std::uint64_t connected_s = 0;
    std::uint64_t subscriptions = 0;
    std::uint64_t unsent_bytes = 0;  // Its own; what a feed shares is counted there.
    std::uint64_t input_bytes = 0;   // Read, and not executed yet.
    std::uint64_t in_flight = 0;     // Deliveries at QoS 1 and 2 without their acknowledgement.
};

struct SessionRow {
    std::string place;  // For the next page: Shard::sessions.
    std::string client_id;
    std::optional<std::string> user_name;
    bool is_connected = false;
    bool is_durable = false;
    std::optional<std::uint64_t> expires_in_s;  // Not connected.
    std::uint64_t subscriptions = 0;
    std::uint64_t in_flight = 0;
    Seq cursor{};
};

struct ConnectionCounts {
    std::uint64_t mqtt = 0;
    std::uint64_t websocket = 0;
    std::uint64_t sse = 0;
    std::uint64_t ndjson = 0;
    std::uint64_t unsent_bytes = 0;
    std::uint64_t input_bytes = 0;
};

/// One packet of a client that is traced.
struct TraceLine {
    enum class Direction : std::uint8_t { in, out };

    WallTime time{};
    Direction direction = Direction::in;
    mqtt::PacketType type = mqtt::PacketType::pingreq;
    std::size_t bytes = 0;
    std::string_view topic = {};                     // Of a PUBLISH.
    std::optional<std::uint8_t> qos = std::nullopt;  // Likewise.
    std::optional<std::uint16_t> packet_id = std::nullopt;
    std::optional<std::uint8_t> reason = std::nullopt;  // Of an acknowledgement.
};

/// Null: only asked. False: nobody listens any more.
using TraceSink = std::function<bool(const TraceLine*)>;

/// Traces at one time, of all clients.
inline constexpr std::size_t kTracesMax = 8;

}  // namespace firehose::bus
