// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "http/http_connection.h"

/// For tests and fuzzing: the far side of a byte stream as a script, and a router to go with it.
///
/// Lifetime: a Wire outlives the stream that it made. Threads: none.
namespace firehose::http {

/// What a client saw, and what it can do.
struct Wire {
    ByteStreamHandler* handler = nullptr;  // Null once the stream is destroyed.
    std::string written;
    std::size_t room = static_cast<std::size_t>(-1);  // Bytes that the socket still takes.
    bool is_reading = true;
    bool was_shut_down = false;

    [[nodiscard]] std::unique_ptr<ByteStream> make_stream();
    void sends(std::string_view text) const {
        // A client's bytes on the heap with no slack after the last one.
        const std::vector<std::byte> exact{as_bytes(text).begin(), as_bytes(text).end()};
        if (handler != nullptr && !was_shut_down) handler->on_bytes(exact);
    }
    void has_room(std::size_t bytes) {
        room = bytes;
        if (handler != nullptr) handler->on_writable();
    }
    void closes() const {
        if (handler != nullptr) handler->on_closed("the peer closed");
    }
};

class ScriptedStream final : public ByteStream {
public:
    explicit ScriptedStream(Wire& wire) noexcept : wire_(wire) {}
    ~ScriptedStream() override { wire_.handler = nullptr; }
    ScriptedStream(const ScriptedStream&) = delete;
    ScriptedStream& operator=(const ScriptedStream&) = delete;

    void set_handler(ByteStreamHandler& handler) noexcept override { wire_.handler = &handler; }
    [[nodiscard]] std::size_t write(std::span<const ByteSpan> parts) override {
        std::size_t taken = 0;
        for (const ByteSpan part : parts) {
            const std::size_t count = std::min(part.size(), wire_.room);
            wire_.written += as_text(part.first(count));
            wire_.room -= count;
            taken += count;
        }
        return taken;
    }
    void set_reading(bool enabled) override { wire_.is_reading = enabled; }
    void shut_down() override { wire_.was_shut_down = true; }
    [[nodiscard]] std::string peer_address() const override { return "192.0.2.1"; }

private:
    Wire& wire_;
};

inline std::unique_ptr<ByteStream> Wire::make_stream() {
    return std::make_unique<ScriptedStream>(*this);
}

/// Answers /echo with the query, /ws by an upgrade, /events with a stream, /later not yet, and
/// anything else with 404.
class ScriptedRouter final : public HttpRouter {
public:
    void on_request(HttpConnection& connection, const HttpRequest& request) override {
        ++requests;
        const auto keep = [this](HandedOver given) { handed = std::move(given); };
        if (request.path == "/echo") {
            std::string body;
            for (const auto& [name, value] : request.query) body += name + "=" + value + ";";
            connection.respond(200, "text/plain", body);
        } else if (request.path == "/ws") {
            static constexpr std::string_view kSubprotocols[] = {"mqtt", "mqttv3.1"};
            connection.upgrade_to_websocket(request, kSubprotocols, keep);
        } else if (request.path == "/events") {
            connection.start_stream("application/x-ndjson", {}, keep);
        } else if (request.path != "/later") {
            connection.refuse(404, "There is nothing at " + request.path + ".");
        }
    }
    void on_done(HttpConnection& connection) override {
        ++done;
        if (owned && owned.get() == &connection) owned.reset();
    }

    std::unique_ptr<HttpConnection> owned;
    HandedOver handed;
    int requests = 0;
    int done = 0;
};

}  // namespace firehose::http
