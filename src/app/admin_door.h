// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/http_connection.h"
#include "net/event_loop.h"
#include "net/listener.h"

/// The operator's door: HTTP on a Unix socket, `<data>/admin.sock`, that only the bus's own user
/// may open (mode 0600); and, where `admin.listen` says so, a loopback port that any user of the
/// host may read lists and figures from, and no page of another site in a browser.
///
/// A command is a route. Its action starts the work, wherever that is done, and answers through
/// an AdminReply: at once, or line by line (NDJSON) while the work goes on.
/// Ownership: owns its listener and connections. Replies may outlive the door: they say nothing
///            then.
/// Threads:   its loop's; an AdminReply may be used from any thread.
/// Limits:    kConnectionsMax at a time; commands have no body, their arguments are the query.
/// Source:    rules.md, "Modules beside those in design.md".
namespace firehose::app {

class AdminReply {
public:
    /// A whole answer. The first of `respond` and `line` decides; later ones of the other kind
    /// are ignored.
    void respond(unsigned status, std::string_view content_type, std::string_view body) const;
    void refuse(unsigned status, std::string_view explanation) const;
    /// One JSON value of an answer of lines, without the newline; `is_last` ends it.
    void line(std::string_view json, bool is_last = false) const;
    /// Somebody still waits for it. On the loop's thread only.
    [[nodiscard]] bool is_open() const;

private:
    friend class AdminDoor;
    struct Exchange;
    AdminReply(net::EventLoop& loop, std::weak_ptr<Exchange> exchange)
        : loop_(&loop), exchange_(std::move(exchange)) {}

    net::EventLoop* loop_;
    std::weak_ptr<Exchange> exchange_;  // Locked on the loop's thread only.
};

class AdminDoor final : public http::HttpRouter {
public:
    static constexpr std::size_t kConnectionsMax = 16;
    using Action = std::function<void(const http::HttpRequest&, AdminReply)>;
    /// By "POST /backup" or "GET /metrics".
    using Routes = std::map<std::string, Action, std::less<>>;

    /// The error is a sentence with its remedy.
    [[nodiscard]] static Result<std::unique_ptr<AdminDoor>, std::string> open(
        net::EventLoop& loop, const std::string& path, Routes routes);
    ~AdminDoor() override;

    /// A loopback port besides, for reading. The error is a sentence with its remedy.
    [[nodiscard]] Result<void, std::string> listen(const std::string& host, std::uint16_t port);

    void on_tick(MonotonicTime now);
    /// Destroys the connections that ended in this turn.
    void end_turn();

    void on_request(http::HttpConnection& connection, const http::HttpRequest& request) override;
    void on_done(http::HttpConnection& connection) override;

private:
    AdminDoor(net::EventLoop& loop, Routes routes) : loop_(loop), routes_(std::move(routes)) {}
    /// A connection, and whether it may command.
    struct Open {
        std::unique_ptr<http::HttpConnection> connection;
        bool is_owner = false;
    };
    void accept(std::unique_ptr<ByteStream> stream, bool is_owner);
    [[nodiscard]] static bool may_read(const std::string& route, const http::HttpRequest& request);

    net::EventLoop& loop_;
    const Routes routes_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    std::map<http::HttpConnection*, Open> connections_;
    std::vector<std::unique_ptr<http::HttpConnection>> ended_;
    std::vector<std::shared_ptr<AdminReply::Exchange>> exchanges_;
};

}  // namespace firehose::app
