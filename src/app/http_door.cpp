// SPDX-License-Identifier: Apache-2.0
#include "app/http_door.h"

#include <algorithm>
#include <array>

#include "app/forwarded.h"
#include "base/ip_network.h"
#include "http/basic_credentials.h"
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

/// In whole seconds, rounded up.
std::pair<std::string, std::string> retry_after(Microseconds wait) {
    return {"Retry-After", std::to_string(wait.count() / 1'000'000 + 1)};
}

/// Says how to say who one is (RFC 7617).
void challenge(http::HttpConnection& connection, std::string_view why) {
    connection.refuse(401, why,
                      {{"WWW-Authenticate", "Basic realm=\"firehose\", charset=\"UTF-8\""}});
}

}  // namespace

void HttpDoor::accept(bus::Incoming&& incoming, const Way& way) {
    if (connections_.size() >= options_.connections_max) return;  // Closes it.
    auto connection =
        std::make_unique<http::HttpConnection>(std::move(incoming.stream), *this, options_.limits);
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
    asking_.clear();
    connections_.clear();
}

void HttpDoor::on_done(http::HttpConnection& connection) {
    std::erase_if(asking_,
                  [&](const auto& entry) { return entry.second.connection == &connection; });
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    ended_.push_back(std::move(found->second.connection));
    connections_.erase(found);
}

/// What is beyond a limit of its address is told when to come back.
bool HttpDoor::is_too_much(http::HttpConnection& connection) {
    Open& open = connections_.at(&connection);
    if (open.client_address != open.peer.address) {
        // A proxy's connection counts as the client's whose request it carries.
        auto forwarded = addresses_.admit(open.client_address, loop_.now());
        if (!forwarded) {
            connection.turn_away(429, "Too many connections from your address.",
                                 {{"Retry-After", "30"}});
            return true;
        }
        open.peer.lease = std::move(*forwarded);
    }
    if (open.peer.place.is_over()) {
        connection.turn_away(503, "Too many connections here.", {{"Retry-After", "30"}});
        return true;
    }
    const bus::AddressLease& lease = open.peer.lease;
    if (lease.is_over()) {
        connection.turn_away(429, "Too many connections from your address.",
                             {{"Retry-After", "30"}});
        return true;
    }
    const Microseconds wait = lease.take_request(loop_.now());
    if (wait.count() == 0) return false;
    connection.refuse(429, "Too many requests from your address.", {retry_after(wait)});
    return true;
}

void HttpDoor::on_request(http::HttpConnection& connection, const http::HttpRequest& request) {
    Open& open = connections_.at(&connection);
    open.client_address =
        client_address(trusted_proxies_, open.peer.address, request.header("x-forwarded-for"));
    if (is_too_much(connection)) return;
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
    } else if (request.path == "/status" && status_) {
        connection.respond(200, "application/json", status_(),
                           {{"Cache-Control", "no-store"}, {"Access-Control-Allow-Origin", "*"}});
    } else if (!files_.serve(connection, request)) {
        connection.refuse(404, "There is / (the page), /events?topic=<filter>, /status, /healthz.");
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
    const bus::AddressLease& lease = connections_.at(&connection).peer.lease;
    const Microseconds wait = lease.take_subscribe(loop_.now());
    if (wait.count() > 0) {
        connection.refuse(429, "Too many streams from your address.", {retry_after(wait)});
        return;
    }
    Wanted wanted{.filter = std::string{*filter},
                  .is_sse = is_sse,
                  .is_head = request.method == http::Method::head};
    const std::string authorization = request.header("authorization");
    if (authorization.empty()) {
        stream_anonymously(connection, std::move(wanted));
    } else {
        check_password(connection, authorization, std::move(wanted));
    }
}

/// A topic that only some may read is asked for with a password; of a filter with wildcards each
/// client is given what it may read, record by record, as over MQTT.
void HttpDoor::stream_anonymously(http::HttpConnection& connection, Wanted&& wanted) {
    const bus::Entrance& entrance = connections_.at(&connection).entrance;
    const bool is_one_topic = wanted.filter.find_first_of("+#") == std::string::npos;
    if (!entrance.allows_anonymous) return challenge(connection, "Nobody is anonymous here.");
    if (is_one_topic && !entrance.acl->may_read({}, wanted.filter)) {
        return challenge(connection, "Not everybody may read this topic.");
    }
    if (!options_.anonymous_wildcard_all && topic::is_wildcard_all(wanted.filter)) {
        return challenge(connection, "Ask for less than everything, or say who you are.");
    }
    begin_stream(connection, std::move(wanted), {});
}

/// A password is taken where nobody else can read it on its way.
bool HttpDoor::may_send_password(const bus::Peer& peer) const {
    if (peer.is_tls || options_.basic_without_tls) return true;
    const auto address = IpAddress::parse(peer.address);
    return !address || is_loopback(*address);
}

void HttpDoor::check_password(http::HttpConnection& connection, const std::string& authorization,
                              Wanted&& wanted) {
    const Open& open = connections_.at(&connection);
    if (!may_send_password(open.peer)) {
        connection.refuse(403, "Passwords are taken over TLS only: use https.");
        return;
    }
    auto credentials = http::parse_basic(authorization);
    if (!credentials) return challenge(connection, "Only Basic credentials are understood.");
    // Guessing costs as much as by CONNECT.
    const Microseconds wait = open.peer.lease.take_connect(loop_.now());
    if (wait.count() > 0) {
        connection.refuse(429, "Too many passwords from your address.", {retry_after(wait)});
        return;
    }
    const auto id = static_cast<ConnectionId>(next_asking_++);
    if (asking_.size() >= kAskingMax) {
        connection.refuse(503, "Too many passwords are being checked.", {{"Retry-After", "1"}});
        return;
    }
    asking_.emplace(id, Asking{&connection, credentials->user_name, std::move(wanted)});
    open.entrance.authenticator->check({.connection = id,
                                        .user_name = std::move(credentials->user_name),
                                        .password = std::move(credentials->password),
                                        .reply = &auth_replies_});
}

void HttpDoor::hear(const bus::AuthReply& reply) {
    auto found = asking_.extract(reply.connection);
    if (found.empty()) return;  // Its connection is gone.
    Asking& asking = found.mapped();
    switch (reply.result) {
        case bus::AuthResult::accepted:
            return begin_stream(*asking.connection, std::move(asking.wanted),
                                {.user_name = std::move(asking.user_name), .client_id = {}});
        case bus::AuthResult::anonymous:
            return stream_anonymously(*asking.connection, std::move(asking.wanted));
        case bus::AuthResult::refused:
            return challenge(*asking.connection, "Wrong user name or password.");
        case bus::AuthResult::busy:
            return asking.connection->refuse(503, "Too many passwords are being checked.",
                                             {{"Retry-After", "1"}});
    }
}

void HttpDoor::end_turn() {
    for (const bus::AuthReply& reply : auth_replies_.take_all()) hear(reply);
    ended_.clear();
}

void HttpDoor::begin_stream(http::HttpConnection& connection, Wanted&& wanted,
                            bus::Identity&& who) {
    const char* const type = wanted.is_sse ? "text/event-stream" : "application/x-ndjson";
    if (wanted.is_head) return connection.respond(200, type, "");
    connection.start_stream(type, {},
                            [this, &connection, asked = std::move(wanted),
                             reader = std::move(who)](http::HandedOver handed) {
                                shard_.accept_event_stream(
                                    incoming(connection, std::move(handed)), asked.filter,
                                    asked.is_sse ? bus::Encoding::sse : bus::Encoding::ndjson,
                                    reader);
                            });
}

}  // namespace firehose::app
