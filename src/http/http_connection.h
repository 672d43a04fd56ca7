// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/time.h"
#include "http/http_request.h"

/// One HTTP/1.1 client: reads request heads, gives them to the router, writes what it answers, or
/// hands the byte stream over (WebSocket, an endless body).
///
/// The router answers each request exactly once, now or later, with `respond`,
/// `upgrade_to_websocket` or `start_stream`. Requests that are sent ahead wait their turn.
///
/// Ownership: of the stream until it is handed over. The router owns the connection and may destroy
///            it in `on_done`, or while none of its functions runs.
/// Threads:   the stream's loop.
/// Limits:    head_bytes_max, head_time_max, idle_time_max; GET and HEAD, and POST where it is
///            allowed (else 405), no bodies (413).
/// Invariant: exactly one `on_done`, as the last call, when the connection is over, also after a
///            hand-over; never from inside the constructor.
/// Source:    RFC 9112; RFC 6455 section 4.2; MQTT 5.0 section 6 (subprotocol).
namespace firehose::http {

class HttpConnection;

struct HttpLimits {
    std::size_t head_bytes_max = 16 * 1024;
    Microseconds head_time_max{10'000'000};
    /// Between requests of a kept connection, and without progress while an answer is written.
    Microseconds idle_time_max{60'000'000};
    /// POST without a body is handed on as well; else 405.
    bool allows_post = false;
};

class HttpRouter {
public:
    virtual ~HttpRouter() = default;
    /// `request` is valid during the call. Answer now, or remember the connection and answer later.
    virtual void on_request(HttpConnection& connection, const HttpRequest& request) = 0;
    /// The connection is over: destroy it, now or later.
    virtual void on_done(HttpConnection& connection) = 0;
};

/// A byte stream that changes hands: set its handler at once, then take `unread` as its first
/// bytes.
struct HandedOver {
    std::unique_ptr<ByteStream> stream;
    ByteBuffer unread;
    std::string subprotocol;  // WebSocket: the one that was agreed upon.
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class HttpConnection final : private ByteStreamHandler {
public:
    using OnHandOver = std::function<void(HandedOver)>;

    HttpConnection(std::unique_ptr<ByteStream> stream, HttpRouter& router, HttpLimits limits);
    ~HttpConnection() override;
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    /// What was read from the stream before it came here. Once, before any turn of the loop.
    void start(ByteSpan unread) { on_bytes(unread); }

    /// Told the time about once a second: closes what is too slow (408) or idle too long.
    void on_tick(MonotonicTime now);

    /// A whole response. Adds Content-Length; a HEAD request gets no body.
    void respond(unsigned status, std::string_view content_type, std::string_view body,
                 const Headers& extra = {});
    /// A response in text that says what was wrong and what would be right.
    void refuse(unsigned status, std::string_view explanation, const Headers& extra = {});
    /// Likewise, and closes the connection: of those there are too many.
    void turn_away(unsigned status, std::string_view explanation, const Headers& extra = {}) {
        keep_alive_ = false;
        refuse(status, explanation, extra);
    }

    /// Switches to WebSocket with the first of `subprotocols` that the client offers, in the
    /// client's order; `then` gets the stream once the 101 is written. Refuses what is not a
    /// proper upgrade (400, 426) by itself; without `subprotocols` none is needed. `request` is the
    /// one being answered.
    void upgrade_to_websocket(const HttpRequest& request,
                              std::span<const std::string_view> subprotocols, OnHandOver then);

    /// Begins a body that ends with the connection (events); `then` gets the stream once the head
    /// is written. Any site may read it (CORS); nobody stores it.
    void start_stream(std::string_view content_type, const Headers& extra, OnHandOver then);

    [[nodiscard]] std::string peer_address() const;

private:
    enum class State : std::uint8_t { reading_head, answering, flushing, closing, over };
    /// What happens once the answer is written.
    enum class Then : std::uint8_t { next_request, close, hand_over };

    void on_bytes(ByteSpan bytes) override;
    void on_writable() override;
    void on_closed(const std::string& reason) override;

    void read_requests();
    void read_one_request();
    void bound_ahead();
    void begin_answer(std::string bytes, Then then);
    void write_answer();
    void on_answered();
    void close();
    void hand_over();
    void settle();

    std::unique_ptr<ByteStream> stream_;
    HttpRouter& router_;
    HttpLimits limits_;
    State state_ = State::reading_head;
    Then then_ = Then::next_request;
    bool keep_alive_ = true;
    bool is_head_request_ = false;
    bool had_request_ = false;
    bool in_read_loop_ = false;
    std::string input_;
    std::size_t searched_ = 0;  // input_ up to here holds no end of a head.
    std::string output_;
    std::size_t output_sent_ = 0;
    std::string subprotocol_;
    OnHandOver on_hand_over_;
    std::optional<MonotonicTime> waiting_since_;  // Set by the first tick of a wait.
};

}  // namespace firehose::http
