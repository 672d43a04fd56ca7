// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/arrivals.h"
#include "base/ip_network.h"
#include "base/mailbox.h"
#include "bus/address_limits.h"
#include "bus/shard.h"
#include "http/http_connection.h"
#include "http/static_files.h"
#include "net/event_loop.h"

/// What the HTTP port answers: the page, /events, /healthz, and WebSocket upgrades to MQTT.
///
/// Ownership: owns HTTP connections until they end or their stream changes hands to the shard.
/// Threads:   its loop's; one door a shard. Source: rule **Doors**, rule **WebSocket**.
namespace firehose::app {

class HttpDoor final : public http::HttpRouter {
public:
    struct Options {
        http::HttpLimits limits;
        std::size_t connections_max = 0;
        bool anonymous_wildcard_all = true;  // auth.anonymous_wildcard_all
        bool basic_without_tls = false;      // auth.basic_without_tls
    };
    /// Passwords that are being checked at one time.
    static constexpr std::size_t kAskingMax = 1'024;

    /// What is referred to outlives the door. From `trusted_proxies` X-Forwarded-For says who the
    /// client is.
    HttpDoor(bus::Shard& shard, net::EventLoop& loop, Options options,
             const IpNetworks& trusted_proxies, bus::AddressLimits& addresses)
        : shard_(shard),
          loop_(loop),
          options_(options),
          trusted_proxies_(trusted_proxies),
          addresses_(addresses),
          files_(http::web_files()),
          auth_replies_(kAskingMax, &loop) {}

    /// `way` outlives the connection: it says whether anything but WebSocket is spoken, and for
    /// pages of which origins.
    void accept(bus::Incoming&& incoming, const Way& way);
    void set_options(const Options& options) { options_ = options; }
    void on_tick(MonotonicTime now);
    void set_status(std::function<std::string()> status) { status_ = std::move(status); }
    /// Hears of passwords, and destroys the connections that ended in this turn.
    void end_turn();
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
    [[nodiscard]] bool is_too_much(http::HttpConnection& connection);
    /// What GET /events asks for.
    struct Wanted {
        std::string filter;
        bool is_sse = false;
        bool is_head = false;
    };
    /// One whose password is being checked.
    struct Asking {
        http::HttpConnection* connection = nullptr;
        std::string user_name;
        Wanted wanted;
    };

    void stream_events(http::HttpConnection& connection, const http::HttpRequest& request);
    void stream_anonymously(http::HttpConnection& connection, Wanted&& wanted);
    void check_password(http::HttpConnection& connection, const std::string& authorization,
                        Wanted&& wanted);
    void hear(const bus::AuthReply& reply);
    void begin_stream(http::HttpConnection& connection, Wanted&& wanted, bus::Identity&& who);
    [[nodiscard]] bool may_send_password(const bus::Peer& peer) const;
    /// Where the connection's stream goes on.
    [[nodiscard]] bus::Incoming incoming(http::HttpConnection& connection,
                                         http::HandedOver&& handed);

    bus::Shard& shard_;
    net::EventLoop& loop_;
    Options options_;
    const IpNetworks& trusted_proxies_;
    bus::AddressLimits& addresses_;
    http::StaticFiles files_;
    std::function<std::string()> status_;
    std::unordered_map<http::HttpConnection*, Open> connections_;
    std::vector<std::unique_ptr<http::HttpConnection>> ended_;
    std::unordered_map<ConnectionId, Asking> asking_;
    std::uint64_t next_asking_ = 1;
    Mailbox<bus::AuthReply> auth_replies_;
};

}  // namespace firehose::app
