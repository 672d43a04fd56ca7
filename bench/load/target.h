// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "mqtt/types.h"

/// What the load generator talks to, and how: one value for all of its connections.
///
/// Lifetime: a value; outlives the connections. Threads: read only.
namespace firehose::bench {

enum class Transport : std::uint8_t {
    raw,      // A floor program: one byte says the role, then PUBLISH packets; nothing is answered.
    raw_tls,  // The same inside TLS.
    tcp,
    tls,
    ws,
    wss,
};

struct Target {
    std::uint16_t port = 1883;
    int pid = 0;  // The server's process, for its CPU time and memory; 0: nobody's.
    Transport transport = Transport::tcp;
    mqtt::Version version = mqtt::Version::v311;
    std::string path = "/mqtt";  // Of the WebSocket.
    std::string user_name;
    std::string password;

    [[nodiscard]] bool is_raw() const {
        return transport == Transport::raw || transport == Transport::raw_tls;
    }
    [[nodiscard]] bool is_tls() const {
        return transport == Transport::raw_tls || transport == Transport::tls ||
               transport == Transport::wss;
    }
    [[nodiscard]] bool is_websocket() const {
        return transport == Transport::ws || transport == Transport::wss;
    }
};

}  // namespace firehose::bench
