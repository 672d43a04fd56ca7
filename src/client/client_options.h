// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "mqtt/types.h"

/// What a client::Client is told once, when it is made.
///
/// Threads: values. Source: MQTT 5.0 section 3.1.
namespace firehose::client {

struct WillMessage {
    std::string topic;
    std::string payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    std::uint32_t delay_s = 0;   // 5.0.
    ByteBuffer properties = {};  // 5.0: as they go on the wire, without the delay.
};

struct ClientOptions {
    mqtt::Version version = mqtt::Version::v5;
    std::string client_id;  // Empty: the server makes one (not with 3.1, nor to keep a session).
    /// For the first CONNECT only. Later ones ask for the session that the first one made.
    bool clean_start = true;
    /// 5.0: how long the server keeps the session. 3.1.1 has only "for ever" (clean_start false)
    /// and "as long as the connection" (true).
    std::uint32_t session_expiry_s = 0;
    std::chrono::seconds keep_alive{60};       // 0: no PINGREQ. At most 65'535.
    std::chrono::seconds connect_timeout{10};  // From on_connected to CONNACK.
    std::chrono::seconds ping_timeout{10};     // From PINGREQ to any packet.
    std::optional<std::string> user_name;
    std::optional<std::string> password;
    std::optional<WillMessage> will;
    std::vector<std::pair<std::string, std::string>> user_properties;  // Of CONNECT, 5.0.
    /// QoS 1 and 2 publishes that are not yet acknowledged, at most. The server's Receive Maximum
    /// limits how many of them are on the wire.
    std::size_t in_flight_max = 64;
    /// Inbound QoS 1 and 2, announced to a 5.0 server and held against it.
    std::uint16_t receive_maximum = 1'000;
    /// The longest packet to take, announced to a 5.0 server and held against every server.
    std::size_t packet_bytes_max = 16U << 20U;
};

}  // namespace firehose::client
