// SPDX-License-Identifier: Apache-2.0
#include "http/http_connection.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>

#include "base/assert.h"
#include "ws/handshake_key.h"

namespace firehose::http {
namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";
/// Requests sent ahead of their answers, in heads of the largest size.
constexpr std::size_t kHeadsAheadMax = 4;

void add_header(std::string& head, std::string_view name, std::string_view value) {
    head += name;
    head += ": ";
    head += value;
    head += "\r\n";
}

std::string status_line(unsigned status) {
    const auto reason =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    line.append(reason.data(), reason.size());
    return line + "\r\n";
}

/// What no browser should guess, and every answer says.
void add_common_headers(std::string& head) {
    add_header(head, "Server", "firehose");
    add_header(head, "X-Content-Type-Options", "nosniff");
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// The first of the client's comma-separated offers that is among ours.
std::string_view first_offer(std::string_view offers,
                             std::span<const std::string_view> ours) noexcept {
    while (!offers.empty()) {
        const std::size_t comma = std::min(offers.find(','), offers.size());
        const std::string_view offer = trimmed(offers.substr(0, comma));
        const auto found = std::find(ours.begin(), ours.end(), offer);
        if (found != ours.end()) return *found;
        offers.remove_prefix(std::min(offers.size(), comma + 1));
    }
    return {};
}

}  // namespace

HttpConnection::HttpConnection(std::unique_ptr<ByteStream> stream, HttpRouter& router,
                               HttpLimits limits)
    : stream_(std::move(stream)), router_(router), limits_(limits) {
    stream_->set_handler(*this);
}

HttpConnection::~HttpConnection() = default;

void HttpConnection::on_bytes(ByteSpan bytes) {
    if (state_ == State::closing) return;
    if (input_.empty()) waiting_since_.reset();
    input_ += as_text(bytes);
    read_requests();
    bound_ahead();
    settle();
}

/// One that sends ahead of its answer is slowed by TCP, not stored; and what one reading brought in
/// excess is not kept: it gets this answer, and no other.
void HttpConnection::bound_ahead() {
    if (!stream_ || state_ == State::reading_head) return;
    if (input_.size() > limits_.head_bytes_max) stream_->set_reading(false);
    const bool is_handed_over = state_ == State::flushing && then_ == Then::hand_over;
    if (is_handed_over || input_.size() <= kHeadsAheadMax * limits_.head_bytes_max) return;
    input_ = {};
    searched_ = 0;
    keep_alive_ = false;
    if (state_ == State::flushing) then_ = Then::close;
}

void HttpConnection::on_writable() {
    write_answer();
    settle();
}

void HttpConnection::on_closed(const std::string& /*reason*/) {
    state_ = State::over;
    settle();
}

void HttpConnection::on_tick(MonotonicTime now) {
    if (state_ != State::reading_head && state_ != State::flushing) return;
    if (!waiting_since_) {
        waiting_since_ = now;
        return;
    }
    const bool is_idle = state_ == State::flushing || (had_request_ && input_.empty());
    if (now - *waiting_since_ < (is_idle ? limits_.idle_time_max : limits_.head_time_max)) return;
    if (is_idle) {
        close();
    } else {
        keep_alive_ = false;
        state_ = State::answering;
        refuse(408, "The request took too long to arrive. Send its head in one go.");
    }
    settle();
}

void HttpConnection::read_requests() {
    if (in_read_loop_) return;
    in_read_loop_ = true;
    std::size_t before = input_.size() + 1;
    // Each round takes a request off the input, or waits for more.
    while (state_ == State::reading_head && input_.size() < before) {
        before = input_.size();
        read_one_request();
    }
    in_read_loop_ = false;
}

void HttpConnection::read_one_request() {
    // RFC 9112 section 2.2: empty lines before a request are passed over.
    const std::size_t start = std::min(input_.find_first_not_of("\r\n"), input_.size());
    input_.erase(0, start);
    if (start > 0) searched_ = 0;
    if (input_.empty()) return;

    const bool looks_like_http = input_.front() >= 'A' && input_.front() <= 'Z';
    const std::size_t end = input_.find(kEndOfHead, searched_);
    const bool is_whole = end != std::string::npos;
    const std::size_t head_size = is_whole ? end + kEndOfHead.size() : input_.size();
    if (looks_like_http && head_size <= limits_.head_bytes_max && !is_whole) {
        searched_ = input_.size() - std::min(input_.size(), kEndOfHead.size() - 1);
        return;
    }
    state_ = State::answering;
    had_request_ = true;
    is_head_request_ = false;
    keep_alive_ = false;
    if (!looks_like_http) {
        input_.clear();
        return refuse(400,
                      "This port speaks HTTP, and MQTT inside WebSocket only. MQTT over TCP "
                      "has a port of its own.");
    }
    if (head_size > limits_.head_bytes_max) {
        input_.clear();
        return refuse(431, "The request's head is too long; send at most " +
                               std::to_string(limits_.head_bytes_max) + " bytes.");
    }
    auto request = parse_request(std::string_view{input_}.substr(0, head_size));
    input_.erase(0, head_size);
    searched_ = 0;
    if (!request) return refuse(request.error().status, request.error().explanation);
    is_head_request_ = request->method == Method::head;
    keep_alive_ = request->keep_alive;
    const bool is_post = limits_.allows_post && request->method == Method::post;
    if (request->method != Method::get && request->method != Method::head && !is_post) {
        return refuse(405, "Only GET and HEAD are answered here.", {{"Allow", "GET, HEAD"}});
    }
    router_.on_request(*this, *request);
}

void HttpConnection::respond(unsigned status, std::string_view content_type, std::string_view body,
                             const Headers& extra) {
    std::string out = status_line(status);
    add_common_headers(out);
    const bool has_body = status != 204 && status != 304;
    if (!content_type.empty() && has_body) add_header(out, "Content-Type", content_type);
    if (has_body) add_header(out, "Content-Length", std::to_string(body.size()));
    for (const auto& [name, value] : extra) add_header(out, name, value);
    // 1.0 clients that want to be kept need to be told so; the others, that they are not.
    add_header(out, "Connection", keep_alive_ ? "keep-alive" : "close");
    out += "\r\n";
    if (has_body && !is_head_request_) out += body;
    begin_answer(std::move(out), keep_alive_ ? Then::next_request : Then::close);
}

void HttpConnection::refuse(unsigned status, std::string_view explanation, const Headers& extra) {
    respond(status, "text/plain; charset=utf-8", std::string{explanation} + "\n", extra);
}

void HttpConnection::upgrade_to_websocket(const HttpRequest& request,
                                          std::span<const std::string_view> subprotocols,
                                          OnHandOver then) {
    // RFC 6455 section 4.2.1; a version that we do not speak is told ours (section 4.4).
    if (request.header("sec-websocket-version") != "13") {
        return refuse(426, "WebSocket version 13 is spoken here (RFC 6455).",
                      {{"Sec-WebSocket-Version", "13"}, {"Upgrade", "websocket"}});
    }
    const std::string key = request.header("sec-websocket-key");
    if (!request.asks_for_websocket || request.minor_version < 1 || !ws::is_handshake_key(key)) {
        return refuse(400,
                      "A WebSocket upgrade is a GET over HTTP/1.1 with Connection: Upgrade, "
                      "Upgrade: websocket and a Sec-WebSocket-Key of 16 bytes in base64.");
    }
    subprotocol_ = first_offer(request.header("sec-websocket-protocol"), subprotocols);
    if (subprotocol_.empty() && !subprotocols.empty()) {
        std::string known;
        for (const std::string_view name : subprotocols) {
            known += (known.empty() ? "" : " or ") + std::string{name};
        }
        // Clients must offer it, and it must be agreed on [MQTT-6.0.0-3] [MQTT-6.0.0-4].
        return refuse(400, "The Sec-WebSocket-Protocol header must offer " + known + ".");
    }
    std::string out = status_line(101);
    add_header(out, "Upgrade", "websocket");
    add_header(out, "Connection", "Upgrade");
    add_header(out, "Sec-WebSocket-Accept", ws::accept_key(key));
    if (!subprotocol_.empty()) add_header(out, "Sec-WebSocket-Protocol", subprotocol_);
    out += "\r\n";
    on_hand_over_ = std::move(then);
    begin_answer(std::move(out), Then::hand_over);
}

void HttpConnection::start_stream(std::string_view content_type, const Headers& extra,
                                  OnHandOver then) {
    std::string out = status_line(200);
    add_common_headers(out);
    add_header(out, "Content-Type", content_type);
    add_header(out, "Cache-Control", "no-store");
    // Proxies such as nginx would collect events otherwise.
    add_header(out, "X-Accel-Buffering", "no");
    add_header(out, "Access-Control-Allow-Origin", "*");
    for (const auto& [name, value] : extra) add_header(out, name, value);
    add_header(out, "Connection", "close");
    out += "\r\n";
    if (is_head_request_) return begin_answer(std::move(out), Then::close);
    on_hand_over_ = std::move(then);
    begin_answer(std::move(out), Then::hand_over);
}

std::string HttpConnection::peer_address() const {
    return stream_ ? stream_->peer_address() : "";
}

void HttpConnection::begin_answer(std::string bytes, Then then) {
    if (state_ == State::over || state_ == State::closing) return;
    FH_ASSERT(state_ == State::answering);  // One answer for each request.
    output_ = std::move(bytes);
    output_sent_ = 0;
    then_ = then;
    state_ = State::flushing;
    waiting_since_.reset();
    write_answer();
    settle();
}

void HttpConnection::write_answer() {
    if (state_ != State::flushing) return;
    const std::array<ByteSpan, 1> rest{as_bytes(output_).subspan(output_sent_)};
    const std::size_t taken = stream_->write(rest);
    if (taken > 0) waiting_since_.reset();
    output_sent_ += taken;
    if (output_sent_ < output_.size()) return;
    output_ = {};
    on_answered();
}

void HttpConnection::on_answered() {
    switch (then_) {
        case Then::next_request:
            state_ = State::reading_head;
            waiting_since_.reset();
            read_requests();
            if (stream_ && state_ == State::reading_head) stream_->set_reading(true);
            return;
        case Then::close:
            return close();
        case Then::hand_over:
            return hand_over();
    }
}

void HttpConnection::close() {
    state_ = State::closing;
    input_ = {};
    output_ = {};
    stream_->set_reading(true);  // So that the peer's end is heard.
    stream_->shut_down();
}

void HttpConnection::hand_over() {
    state_ = State::over;
    stream_->set_reading(true);
    HandedOver handed{std::move(stream_), {}, std::move(subprotocol_)};
    append(handed.unread, std::string_view{input_});
    input_ = {};
    std::exchange(on_hand_over_, {})(std::move(handed));
}

/// The last call of every function that others call: we may be gone when it returns.
void HttpConnection::settle() {
    if (state_ == State::over && !in_read_loop_) router_.on_done(*this);
}

}  // namespace firehose::http
