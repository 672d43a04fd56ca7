// SPDX-License-Identifier: Apache-2.0
// ws-echo [--port N]: a WebSocket server that sends every message back as it came, text or binary.
//
// It is made of the parts that MQTT over WebSocket is made of (net, http, ws), so that any suite
// for RFC 6455 can be run against them. The first line of standard output is the port.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <unordered_map>
#include <vector>

#include "http/http_connection.h"
#include "net/event_loop.h"
#include "net/listener.h"
#include "ws/decoder.h"
#include "ws/encoder.h"

namespace firehose {
namespace {

/// A longer message is refused with 1009, its frames likewise.
constexpr std::size_t kMessageBytesMax = 32 * 1024 * 1024;

class EchoServer;

/// One WebSocket: collects a message, sends it back as one frame.
class Echo final : public ByteStreamHandler {
public:
    Echo(EchoServer& server, std::unique_ptr<ByteStream> stream)
        : server_(server), stream_(std::move(stream)) {
        stream_->set_handler(*this);
    }

    void on_bytes(ByteSpan bytes) override;
    void on_writable() override { flush(); }
    void on_closed(const std::string& reason) override;

private:
    void on_data(const ws::Event& event);
    void close(ws::CloseCode code, std::string_view reason);
    void flush();

    EchoServer& server_;
    std::unique_ptr<ByteStream> stream_;
    ws::Decoder decoder_{{.text = ws::TextFrames::accepted, .frame_bytes_max = kMessageBytesMax}};
    ByteBuffer message_;
    ByteBuffer output_;
    std::size_t sent_ = 0;
    bool is_closing_ = false;
    bool is_shut_down_ = false;
};

class EchoServer final : public http::HttpRouter {
public:
    explicit EchoServer(net::EventLoop& loop) {
        loop.set_turn_hooks({.on_turn_end = [this] {
            ended_requests_.clear();
            ended_echoes_.clear();
        }});
    }

    void accept(std::unique_ptr<ByteStream> stream) {
        auto made = std::make_unique<http::HttpConnection>(std::move(stream), *this, limits_);
        http::HttpConnection* const key = made.get();
        requests_.emplace(key, std::move(made));
    }
    void on_request(http::HttpConnection& connection, const http::HttpRequest& request) override {
        connection.upgrade_to_websocket(request, {}, [this](http::HandedOver handed) {
            auto made = std::make_unique<Echo>(*this, std::move(handed.stream));
            Echo& echo = *made;
            echoes_.emplace(&echo, std::move(made));
            if (!handed.unread.empty()) echo.on_bytes(handed.unread);
        });
    }
    void on_done(http::HttpConnection& connection) override {
        move_out(requests_, &connection, ended_requests_);
    }
    void on_done(Echo& echo) { move_out(echoes_, &echo, ended_echoes_); }

private:
    template <class Map, class Ended>
    void move_out(Map& map, typename Map::key_type key, Ended& ended) {
        const auto found = map.find(key);
        if (found == map.end()) return;
        ended.push_back(std::move(found->second));
        map.erase(found);
    }

    http::HttpLimits limits_;
    std::unordered_map<http::HttpConnection*, std::unique_ptr<http::HttpConnection>> requests_;
    std::unordered_map<Echo*, std::unique_ptr<Echo>> echoes_;
    std::vector<std::unique_ptr<http::HttpConnection>> ended_requests_;
    std::vector<std::unique_ptr<Echo>> ended_echoes_;
};

void Echo::on_bytes(ByteSpan bytes) {
    static std::vector<std::byte> scratch(16 * 1024);
    while (!is_closing_) {
        const ws::Event event = decoder_.next(bytes, scratch);
        switch (event.kind) {
            case ws::Event::Kind::none:
                return flush();
            case ws::Event::Kind::data:
                on_data(event);
                break;
            case ws::Event::Kind::ping:
                ws::append_pong(output_, event.payload);
                break;
            case ws::Event::Kind::pong:
                break;
            case ws::Event::Kind::closed:
                close(event.code, "");
                break;
            case ws::Event::Kind::failed:
                close(event.code, event.detail);
                break;
        }
    }
    flush();
}

void Echo::on_data(const ws::Event& event) {
    if (message_.size() + event.payload.size() > kMessageBytesMax) {
        return close(ws::CloseCode::message_too_big, "a long message");
    }
    append(message_, event.payload);
    if (!event.ends_message) return;
    ws::append_frame_header(output_, event.is_text ? ws::Opcode::text : ws::Opcode::binary,
                            message_.size());
    append(output_, message_);
    message_.clear();
}

void Echo::close(ws::CloseCode code, std::string_view reason) {
    ws::append_close(output_, code, reason);
    is_closing_ = true;
}

void Echo::flush() {
    if (is_shut_down_) return;
    const ByteSpan rest = ByteSpan{output_}.subspan(sent_);
    sent_ += stream_->write({&rest, 1});
    // Who does not read what it sent is not read either.
    stream_->set_reading(output_.size() - sent_ < kMessageBytesMax);
    if (sent_ < output_.size()) return;
    output_.clear();
    sent_ = 0;
    if (!is_closing_) return;
    is_shut_down_ = true;
    stream_->shut_down();
}

void Echo::on_closed(const std::string& /*reason*/) {
    server_.on_done(*this);
}

int run(std::uint16_t port) {
    SystemClock clock;
    auto loop = net::EventLoop::create(clock);
    if (!loop) return 1;
    for (const int number : {SIGINT, SIGTERM}) {
        if (!(*loop)->on_signal(number, [&] { (*loop)->stop(); })) return 1;
    }
    EchoServer server{**loop};
    auto listener = net::Listener::open(
        **loop, {.host = "127.0.0.1", .port = port},
        [&](std::unique_ptr<net::TcpStream> stream) { server.accept(std::move(stream)); });
    if (!listener) {
        std::fprintf(stderr, "ws-echo: %s\n", listener.error().message.c_str());
        return 1;
    }
    std::printf("%u\n", static_cast<unsigned>((*listener)->port()));
    std::fflush(stdout);
    (*loop)->run();
    return 0;
}

}  // namespace
}  // namespace firehose

int main(int count, char** arguments) {
    CLI::App app{"Sends every WebSocket message back as it came", "ws-echo"};
    std::uint16_t port = 0;
    app.add_option("--port", port, "Port on 127.0.0.1; 0: any free one");
    CLI11_PARSE(app, count, arguments);
    return firehose::run(port);
}
