// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "bus/shard.h"
#include "http/http_connection.h"
#include "http/static_files.h"

/// What the HTTP port answers: the page, /events, /healthz, and WebSocket upgrades to MQTT.
///
/// Ownership: owns HTTP connections until they end or their stream changes hands to the shard.
/// Threads:   its loop's; one door a shard. Source: rule **Doors**, rule **WebSocket**.
namespace firehose::app {

class HttpDoor final : public http::HttpRouter {
public:
    HttpDoor(bus::Shard& shard, http::HttpLimits limits, std::size_t connections_max)
        : shard_(shard),
          limits_(limits),
          connections_max_(connections_max),
          files_(http::web_files()) {}

    /// What is answered: also the page and /events, or MQTT over WebSocket only.
    enum class Serves : std::uint8_t { everything, websockets };

    void accept(bus::Incoming&& incoming, Serves serves);
    void set_limits(http::HttpLimits limits, std::size_t connections_max) {
        limits_ = limits;
        connections_max_ = connections_max;
    }
    void on_tick(MonotonicTime now);
    /// Destroys the connections that ended in this turn.
    void end_turn() { ended_.clear(); }
    void close_all();

    void on_request(http::HttpConnection& connection, const http::HttpRequest& request) override;
    void on_done(http::HttpConnection& connection) override;

private:
    /// A connection, and what it brought along besides its stream.
    struct Open {
        std::unique_ptr<http::HttpConnection> connection;
        bus::Entrance& entrance;
        bus::Peer peer;
        Serves serves;
    };

    void stream_events(http::HttpConnection& connection, const http::HttpRequest& request);
    /// Where the connection's stream goes on.
    [[nodiscard]] bus::Incoming incoming(http::HttpConnection& connection,
                                         http::HandedOver&& handed);

    bus::Shard& shard_;
    http::HttpLimits limits_;
    std::size_t connections_max_;
    http::StaticFiles files_;
    std::unordered_map<http::HttpConnection*, Open> connections_;
    std::vector<std::unique_ptr<http::HttpConnection>> ended_;
};

}  // namespace firehose::app
