// SPDX-License-Identifier: Apache-2.0
#include "app/admin_routes.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "app/metrics_page.h"

namespace firehose::app {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::string_view kJson = "application/json";

std::uint64_t seconds(Microseconds time) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

/// A name that a client chose: valid UTF-8, or nothing that JSON could hold.
boost::json::string text_of(std::string_view text) {
    return boost::json::string{boost::json::string_view{text.data(), text.size()}};
}

value text_or_null(const std::optional<std::string>& text) {
    if (!text) return nullptr;
    return text_of(*text);
}

object row_of(const bus::ConnectionRow& row) {
    return {{"id", static_cast<std::uint64_t>(row.id)},
            {"client", text_of(row.client_id)},
            {"user", text_or_null(row.user_name)},
            {"address", text_of(row.address)},
            {"listener", text_of(row.listener)},
            {"transport", text_of(row.transport)},
            {"version", text_of(row.version)},
            {"reading", text_of(row.reading)},
            {"held", text_of(row.held)},
            {"connected_s", row.connected_s},
            {"subscriptions", row.subscriptions},
            {"unsent_bytes", row.unsent_bytes},
            {"input_bytes", row.input_bytes},
            {"in_flight", row.in_flight}};
}

object row_of(const bus::SessionRow& row) {
    value expires = nullptr;
    if (row.expires_in_s) expires = *row.expires_in_s;
    return {{"client", text_of(row.client_id)},   {"user", text_or_null(row.user_name)},
            {"connected", row.is_connected},      {"durable", row.is_durable},
            {"expires_in_s", std::move(expires)}, {"subscriptions", row.subscriptions},
            {"in_flight", row.in_flight},         {"position", number(row.cursor)}};
}

/// A whole number of the query; nothing if it is there and is none.
std::optional<std::uint64_t> count_of(const http::HttpRequest& request, std::string_view name,
                                      std::uint64_t otherwise) {
    const auto text = request.parameter(name);
    if (!text) return otherwise;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return number;
}

std::optional<std::size_t> limit_of(const http::HttpRequest& request) {
    const auto limit = count_of(request, "limit", kPageDefault);
    if (!limit || *limit == 0 || *limit > kPageMax) return std::nullopt;
    return *limit;
}

constexpr std::string_view kBadPage = "'limit' is from 1 to 1000, 'after' is the 'next' of a page";

void connections(const AdminParts& parts, const http::HttpRequest& request,
                 const AdminReply& reply) {
    const auto limit = limit_of(request);
    const auto after = count_of(request, "after", 0);
    if (!limit || !after) return reply.refuse(400, kBadPage);
    boost::json::array rows;
    value next = nullptr;
    for (const auto& row : parts.shard.connections(static_cast<ConnectionId>(*after), *limit)) {
        rows.push_back(row_of(row));
        if (rows.size() == *limit) next = static_cast<std::uint64_t>(row.id);
    }
    reply.respond(200, kJson,
                  boost::json::serialize(object{{"total", parts.shard.clients_open()},
                                                {"connections", std::move(rows)},
                                                {"next", std::move(next)}}) +
                      "\n");
}

/// The key as a word for a URL: keys hold any bytes.
std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    for (const char byte : bytes) {
        const auto number = static_cast<unsigned char>(byte);
        hex += kDigits[number >> 4U];
        hex += kDigits[number & 15U];
    }
    return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
    std::string bytes;
    if (hex.size() % 2 != 0) return std::nullopt;
    for (; !hex.empty(); hex.remove_prefix(2)) {
        unsigned char byte = 0;
        const auto [end, error] = std::from_chars(hex.data(), hex.data() + 2, byte, 16);
        if (error != std::errc{} || end != hex.data() + 2) return std::nullopt;
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

void sessions(const AdminParts& parts, const http::HttpRequest& request, const AdminReply& reply) {
    const auto limit = limit_of(request);
    const auto after = from_hex(request.parameter("after").value_or(""));
    if (!limit || !after) return reply.refuse(400, kBadPage);
    boost::json::array rows;
    value next = nullptr;
    for (const auto& row : parts.shard.sessions(*after, *limit)) {
        rows.push_back(row_of(row));
        if (rows.size() == *limit) next = text_of(to_hex(row.place));
    }
    reply.respond(200, kJson,
                  boost::json::serialize(object{{"total", parts.shard.sessions_stored()},
                                                {"sessions", std::move(rows)},
                                                {"next", std::move(next)}}) +
                      "\n");
}

void disconnect(const AdminParts& parts, const http::HttpRequest& request,
                const AdminReply& reply) {
    const auto client = request.parameter("client");
    if (!client) return reply.refuse(400, "say whom: ?client=ID");
    const std::size_t count = parts.shard.oust(*client);
    if (count == 0) return reply.refuse(404, "no client of that id is connected");
    reply.respond(200, kJson, boost::json::serialize(object{{"disconnected", count}}) + "\n");
}

std::string line_of(const bus::TraceLine& line) {
    object said{{"time", to_rfc3339(line.time)},
                {"direction", line.direction == bus::TraceLine::Direction::in ? "in" : "out"},
                {"packet", text_of(mqtt::name(line.type))},
                {"bytes", line.bytes}};
    if (line.qos) {
        said["topic"] = text_of(line.topic);
        said["qos"] = *line.qos;
    }
    if (line.packet_id) said["packet_id"] = *line.packet_id;
    if (line.reason) said["reason"] = *line.reason;
    return boost::json::serialize(said);
}

void trace(const AdminParts& parts, const http::HttpRequest& request, const AdminReply& reply) {
    const auto client = request.parameter("client");
    if (!client) return reply.refuse(400, "say whom: ?client=ID");
    const bool is_taken =
        parts.shard.trace(std::string{*client}, [reply](const bus::TraceLine* line) {
            if (line != nullptr) reply.line(line_of(*line));
            return reply.is_open();
        });
    if (!is_taken) {
        return reply.refuse(
            503, "there are " + std::to_string(bus::kTracesMax) + " traces already; end one");
    }
    reply.line(boost::json::serialize(object{{"tracing", text_of(*client)}}));
}

void debug(const AdminParts& parts, const AdminReply& reply) {
    const log::LogMetrics log = parts.log.metrics();
    const ProcessFigures process = process_figures();
    reply.respond(200, kJson,
                  boost::json::serialize(
                      object{{"uptime_s", seconds(parts.loop.now() - parts.started_at)},
                             {"clients", parts.shard.clients_open()},
                             {"sessions", parts.shard.sessions_stored()},
                             {"log_end", log.end_seq},
                             {"log_durable", log.durable_seq},
                             {"log_oldest", log.oldest_seq},
                             {"tail_position", number(parts.shard.tail_position())},
                             {"durable_position", number(parts.shard.durable_position())},
                             {"unwritten_bytes", log.unwritten_bytes},
                             {"internal_bytes_waiting", parts.shard.internal_bytes_waiting()},
                             {"is_degraded", log.is_degraded},
                             {"retained", parts.retained.count()},
                             {"addresses", parts.addresses.metrics().addresses.value()},
                             {"resident_bytes", process.resident_bytes},
                             {"open_descriptors", process.open_descriptors},
                             {"tcp_socket_bytes", process.tcp_socket_bytes}}) +
                      "\n");
}

}  // namespace

void add_operator_routes(const AdminParts& parts, AdminDoor::Routes& routes) {
    const auto route = [&](const char* name, auto action) {
        routes.emplace(name,
                       [parts, action](const http::HttpRequest& request, const AdminReply& reply) {
                           action(parts, request, reply);
                       });
    };
    route("GET /connections", connections);
    route("GET /sessions", sessions);
    route("GET /trace", trace);
    route("POST /disconnect", disconnect);
    route("GET /debug", [](const AdminParts& at, const http::HttpRequest&,
                           const AdminReply& reply) { debug(at, reply); });
    route("GET /metrics",
          [](const AdminParts& at, const http::HttpRequest&, const AdminReply& reply) {
              reply.respond(200, "text/plain; version=0.0.4; charset=utf-8",
                            metrics_page({.shard = at.shard,
                                          .log = at.log.metrics(),
                                          .retained = at.retained,
                                          .addresses = at.addresses,
                                          .arrivals = at.arrivals,
                                          .source = at.source,
                                          .uptime = at.loop.now() - at.started_at}));
          });
}

std::string public_status(const AdminParts& parts) {
    const log::LogMetrics log = parts.log.metrics();
    return boost::json::serialize(object{{"version", "firehose " FIREHOSE_VERSION},
                                         {"uptime_s", seconds(parts.loop.now() - parts.started_at)},
                                         {"clients", parts.shard.clients_open()},
                                         {"retained", parts.retained.count()},
                                         {"oldest_seq", log.oldest_seq},
                                         {"end_seq", log.end_seq},
                                         {"degraded", log.is_degraded}}) +
           "\n";
}

}  // namespace firehose::app
