// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "app/arrivals.h"
#include "base/ip_network.h"
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
    /// `trusted_proxies` outlives the door: from them X-Forwarded-For says who the client is.
    HttpDoor(bus::Shard& shard, http::HttpLimits limits, std::size_t connections_max,
             const IpNetworks& trusted_proxies)
        : shard_(shard),
          limits_(limits),
          connections_max_(connections_max),
          trusted_proxies_(trusted_proxies),
          files_(http::web_files()) {}

    /// `way` outlives the connection: it says whether anything but WebSocket is spoken, and for
    /// pages of which origins.
    void accept(bus::Incoming&& incoming, const Way& way);
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
        std::string client_address;  // Of the request at hand.
        const Way& way;
    };

    void upgrade(http::HttpConnection& connection, const http::HttpRequest& request);
    void stream_events(http::HttpConnection& connection, const http::HttpRequest& request);
    /// Where the connection's stream goes on.
    [[nodiscard]] bus::Incoming incoming(http::HttpConnection& connection,
                                         http::HandedOver&& handed);

    bus::Shard& shard_;
    http::HttpLimits limits_;
    std::size_t connections_max_;
    const IpNetworks& trusted_proxies_;
    http::StaticFiles files_;
    std::unordered_map<http::HttpConnection*, Open> connections_;
    std::vector<std::unique_ptr<http::HttpConnection>> ended_;
};

}  // namespace firehose::app
