// SPDX-License-Identifier: Apache-2.0
#include "app/admin_door.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ip_network.h"
#include "base/log.h"

namespace firehose::app {
namespace {

/// Lines that wait for a client that does not read; what is beyond is dropped, never the last.
constexpr std::size_t kUnsentBytesMax = std::size_t{256} << 10;

}  // namespace

/// One request and its answer; the loop's thread only.
struct AdminReply::Exchange final : ByteStreamHandler,
                                    std::enable_shared_from_this<AdminReply::Exchange> {
    http::HttpConnection* connection = nullptr;  // Until it ended or handed its stream over.
    std::unique_ptr<ByteStream> stream;          // From then on, of an answer of lines.
    std::string unsent;
    bool is_answered = false;  // Whole.
    bool is_streaming = false;
    bool is_last = false;
    bool is_over = false;

    void respond(unsigned status, std::string_view content_type, std::string_view body) {
        if (connection == nullptr || is_answered || is_streaming) return;
        is_answered = true;
        std::exchange(connection, nullptr)->respond(status, content_type, body);
    }

    void line(std::string_view json, bool last) {
        if (is_answered || is_over || is_last) return;
        if (!last && unsent.size() > kUnsentBytesMax) return;
        unsent += json;
        unsent += '\n';
        is_last = last;
        if (!is_streaming && connection != nullptr) {
            is_streaming = true;
            std::exchange(connection, nullptr)
                ->start_stream("application/x-ndjson", {},
                               [self = shared_from_this()](http::HandedOver handed) {
                                   self->stream = std::move(handed.stream);
                                   self->stream->set_handler(*self);
                                   self->flush();
                               });
            return;
        }
        flush();
    }

    void flush() {
        if (!stream) return;
        const std::array<ByteSpan, 1> parts{as_bytes(unsent)};
        unsent.erase(0, unsent.empty() ? 0 : stream->write(parts));
        if (unsent.empty() && is_last) stream->shut_down();
    }

    void on_bytes(ByteSpan /*ignored*/) override {}
    void on_writable() override { flush(); }
    void on_closed(const std::string& /*reason*/) override { is_over = true; }
};

void AdminReply::respond(unsigned status, std::string_view content_type,
                         std::string_view body) const {
    const bool is_posted = loop_->post(
        [exchange = exchange_, status, type = std::string{content_type}, text = std::string{body}] {
            if (const auto alive = exchange.lock()) alive->respond(status, type, text);
        });
    if (!is_posted) FH_LOG(warn, "admin_answer_dropped", {"reason", "the loop is busy"});
}

void AdminReply::refuse(unsigned status, std::string_view explanation) const {
    respond(status, "text/plain; charset=utf-8", std::string{explanation} + "\n");
}

void AdminReply::line(std::string_view json, bool is_last) const {
    const bool is_posted = loop_->post([exchange = exchange_, text = std::string{json}, is_last] {
        if (const auto alive = exchange.lock()) alive->line(text, is_last);
    });
    if (!is_posted && is_last) {
        FH_LOG(warn, "admin_answer_dropped", {"reason", "the loop is busy"});
    }
}

bool AdminReply::is_open() const {
    const auto exchange = exchange_.lock();
    return exchange && !exchange->is_over && !exchange->is_answered;
}

Result<std::unique_ptr<AdminDoor>, std::string> AdminDoor::open(net::EventLoop& loop,
                                                                const std::string& path,
                                                                Routes routes) {
    std::unique_ptr<AdminDoor> door{new AdminDoor{loop, std::move(routes)}};
    auto listener = net::Listener::open_unix(
        loop, path, [self = door.get()](std::unique_ptr<net::TcpStream> stream) {
            self->accept(std::move(stream), true);
        });
    if (!listener) return Failure{listener.error().message};
    door->listeners_.push_back(std::move(*listener));
    return door;
}

Result<void, std::string> AdminDoor::listen(const std::string& host, std::uint16_t port) {
    const auto address = IpAddress::parse(host);
    if (!address || !is_loopback(*address)) {
        return Failure{"admin.listen: " + host + " is no address of this host alone; 127.0.0.1 is"};
    }
    auto listener = net::Listener::open(
        loop_, {.host = host, .port = port},
        [this](std::unique_ptr<net::TcpStream> stream) { accept(std::move(stream), false); });
    if (!listener) return Failure{listener.error().message};
    FH_LOG(info, "admin_port", {"address", (*listener)->address()});
    listeners_.push_back(std::move(*listener));
    return {};
}

AdminDoor::~AdminDoor() = default;

void AdminDoor::accept(std::unique_ptr<ByteStream> stream, bool is_owner) {
    if (connections_.size() + exchanges_.size() >= kConnectionsMax) return;  // Closes it.
    auto connection = std::make_unique<http::HttpConnection>(std::move(stream), *this,
                                                             http::HttpLimits{.allows_post = true});
    http::HttpConnection* const key = connection.get();
    connections_.emplace(key, Open{std::move(connection), is_owner});
}

void AdminDoor::on_tick(MonotonicTime now) {
    std::vector<http::HttpConnection*> open;
    for (const auto& [key, entry] : connections_) open.push_back(key);
    for (http::HttpConnection* connection : open) {
        if (connections_.contains(connection)) connection->on_tick(now);
    }
}

void AdminDoor::end_turn() {
    ended_.clear();
    std::erase_if(exchanges_, [](const auto& exchange) {
        return exchange->is_over || (exchange->connection == nullptr && !exchange->is_streaming);
    });
}

/// Lists and figures only, and not for a page in somebody's browser: those of other sites send
/// their Origin, or name a host that was made to mean this one.
bool AdminDoor::may_read(const std::string& route, const http::HttpRequest& request) {
    static constexpr std::array<std::string_view, 4> kReadable{"GET /metrics", "GET /connections",
                                                               "GET /sessions", "GET /debug"};
    const std::string host = request.header("host");
    const bool is_named_rightly =
        std::ranges::any_of(std::array<std::string_view, 3>{"127.", "localhost", "[::1]"},
                            [&](std::string_view ours) { return host.starts_with(ours); });
    return std::ranges::find(kReadable, route) != kReadable.end() && is_named_rightly &&
           request.header("origin").empty();
}

void AdminDoor::on_request(http::HttpConnection& connection, const http::HttpRequest& request) {
    const bool is_post = request.method == http::Method::post;
    const auto route = routes_.find((is_post ? "POST " : "GET ") + request.path);
    if (route == routes_.end()) {
        std::string known;
        for (const auto& [name, action] : routes_) known += (known.empty() ? "" : ", ") + name;
        connection.refuse(404, "There is " + known + ".");
        return;
    }
    if (!connections_.at(&connection).is_owner && !may_read(route->first, request)) {
        connection.refuse(403, "Not by this port: ask through admin.sock in the data folder.");
        return;
    }
    FH_LOG(info, "admin_request", {"command", route->first});
    auto exchange = std::make_shared<AdminReply::Exchange>();
    exchange->connection = &connection;
    exchanges_.push_back(exchange);
    route->second(request, AdminReply{loop_, exchange});
}

void AdminDoor::on_done(http::HttpConnection& connection) {
    for (const auto& exchange : exchanges_) {
        if (exchange->connection == &connection) exchange->connection = nullptr;
    }
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    ended_.push_back(std::move(found->second.connection));
    connections_.erase(found);
}

}  // namespace firehose::app
