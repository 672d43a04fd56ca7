// SPDX-License-Identifier: Apache-2.0
#include "app/http_door.h"

#include <algorithm>
#include <array>

#include "app/forwarded.h"
#include "topic/topic_filter.h"
#include "topic/topic_name.h"

namespace firehose::app {
namespace {

constexpr std::array<std::string_view, 2> kSubprotocols{"mqtt", "mqttv3.1"};

/// Whether the client takes this type. No Accept header takes everything (RFC 9110, 12.5.1).
bool accepts(const http::HttpRequest& request, std::string_view type) {
    const std::string accept = request.header("accept");
    const std::string_view range = type.substr(0, type.find('/'));
    return accept.empty() || accept.find(type) != std::string::npos ||
           accept.find("*/*") != std::string::npos ||
           accept.find(std::string{range} + "/*") != std::string::npos;
}

}  // namespace

void HttpDoor::accept(bus::Incoming&& incoming, const Way& way) {
    if (connections_.size() >= connections_max_) return;  // Closes it.
    auto connection =
        std::make_unique<http::HttpConnection>(std::move(incoming.stream), *this, limits_);
    http::HttpConnection* const key = connection.get();
    const ByteBuffer unread = std::move(incoming.unread);
    connections_.emplace(key, Open{.connection = std::move(connection),
                                   .entrance = incoming.entrance,
                                   .peer = std::move(incoming.peer),
                                   .client_address = {},
                                   .way = way});
    if (!unread.empty()) key->start(unread);
}

bus::Incoming HttpDoor::incoming(http::HttpConnection& connection, http::HandedOver&& handed) {
    Open& open = connections_.at(&connection);
    open.peer.address = std::move(open.client_address);
    return {.stream = std::move(handed.stream),
            .entrance = open.entrance,
            .peer = std::move(open.peer),
            .unread = std::move(handed.unread)};
}

void HttpDoor::on_tick(MonotonicTime now) {
    std::vector<http::HttpConnection*> open;
    open.reserve(connections_.size());
    for (const auto& [key, entry] : connections_) open.push_back(key);
    for (http::HttpConnection* connection : open) {
        if (connections_.contains(connection)) connection->on_tick(now);
    }
}

void HttpDoor::close_all() {
    connections_.clear();
}

void HttpDoor::on_done(http::HttpConnection& connection) {
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    ended_.push_back(std::move(found->second.connection));
    connections_.erase(found);
}

void HttpDoor::on_request(http::HttpConnection& connection, const http::HttpRequest& request) {
    Open& open = connections_.at(&connection);
    open.client_address =
        client_address(trusted_proxies_, open.peer.address, request.header("x-forwarded-for"));
    if (request.asks_for_websocket) return upgrade(connection, request);
    if (open.way.speaks == config::Speaks::websockets) {
        connection.refuse(426, "Only MQTT over WebSocket is spoken here.",
                          {{"Upgrade", "websocket"}});
        return;
    }
    if (request.method != http::Method::get && request.method != http::Method::head) {
        connection.refuse(405, "Only GET and HEAD are answered here; publish over MQTT.",
                          {{"Allow", "GET, HEAD"}});
        return;
    }
    if (request.path == "/events") {
        stream_events(connection, request);
    } else if (request.path == "/healthz") {
        connection.respond(200, "text/plain; charset=utf-8", "ok\n",
                           {{"Cache-Control", "no-store"}});
    } else if (!files_.serve(connection, request)) {
        connection.refuse(404, "There is / (the page), /events?topic=<filter> and /healthz.");
    }
}

void HttpDoor::upgrade(http::HttpConnection& connection, const http::HttpRequest& request) {
    const std::vector<std::string>& origins = connections_.at(&connection).way.origins;
    // Browsers say which page it is (RFC 6455, section 10.2); others say nothing.
    const std::string origin = request.header("origin");
    if (!origin.empty() && !origins.empty() &&
        std::ranges::find(origins, origin) == origins.end()) {
        connection.refuse(403, "Pages of this origin may not connect here.");
        return;
    }
    connection.upgrade_to_websocket(
        request, kSubprotocols, [this, &connection](http::HandedOver handed) {
            bus::Incoming client = incoming(connection, std::move(handed));
            client.is_websocket = true;
            shard_.accept_mqtt(std::move(client));
        });
}

void HttpDoor::stream_events(http::HttpConnection& connection, const http::HttpRequest& request) {
    for (const auto& [name, value] : request.query) {
        if (name == "topic") continue;
        connection.refuse(400, name == "from" || name == "limit"
                                   ? "'" + name + "' comes with a later release; /events?topic=" +
                                         "<filter> streams what happens from now on."
                                   : "Unknown parameter '" + name + "'; there is 'topic'.");
        return;
    }
    const auto filter = request.parameter("topic");
    if (!filter || !topic::is_valid_filter(*filter) || topic::is_dollar(*filter)) {
        connection.refuse(400,
                          "'topic' must be an MQTT topic filter, percent-encoded: "
                          "/events?topic=%23 for everything, /events?topic=gerrit/%2B/x for "
                          "gerrit/+/x.");
        return;
    }
    const bool is_sse = request.header("accept").find("text/event-stream") != std::string::npos;
    if (!is_sse && !accepts(request, "application/x-ndjson")) {
        connection.refuse(406,
                          "Accept application/x-ndjson or text/event-stream; JSON pages come "
                          "with a later release.");
        return;
    }
    if (request.method == http::Method::head) {
        connection.respond(200, is_sse ? "text/event-stream" : "application/x-ndjson", "");
        return;
    }
    connection.start_stream(
        is_sse ? "text/event-stream" : "application/x-ndjson", {},
        [this, is_sse, &connection, wanted = std::string{*filter}](http::HandedOver handed) {
            shard_.accept_event_stream(incoming(connection, std::move(handed)), wanted,
                                       is_sse ? bus::Encoding::sse : bus::Encoding::ndjson);
        });
}

}  // namespace firehose::app
