// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "target.h"

/// One connection of the load generator: TCP, TLS or WebSocket underneath, MQTT bytes above.
///
/// Connecting and the first exchanges block (`ask`); `drive_by_events` makes it non-blocking.
/// A failure of the peer ends the program with a sentence: a benchmark that goes on would lie.
/// Ownership: of the descriptor. Threads: the one that drives it.
namespace firehose::bench {

[[noreturn]] void give_up(const std::string& what);

/// Undoes a server's WebSocket framing in place, over any cuts of the stream.
class Deframer {
public:
    /// Moves the payload bytes of `bytes` to its front; returns how many there are.
    std::size_t unframe(std::span<char> bytes);

private:
    unsigned char header_[10] = {};
    std::size_t header_have_ = 0;
    std::uint64_t payload_left_ = 0;
};

class Wire {
public:
    /// `index` chooses the source address (127.x), so that many connections find ports.
    Wire(const Target& target, std::size_t index, int receive_buffer = 0);
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    ~Wire();

    /// Sends whole MQTT packets and waits for an answer of `length` bytes at least; returns all
    /// that came. Blocking.
    std::string ask(std::string_view request, std::size_t length);
    void drive_by_events();

    [[nodiscard]] int descriptor() const { return socket_; }
    [[nodiscard]] bool is_blocked() const { return !out_.empty(); }
    /// Queues MQTT bytes (one WebSocket frame) and sends what the socket takes.
    void send(std::string_view bytes);
    void flush();
    /// Reads once. Returns MQTT bytes, which lie in `buffer`: what an earlier call left (`keep`)
    /// and what came. More may be there when the buffer was filled.
    [[nodiscard]] std::string_view read(std::span<char> buffer);
    /// The last `read` filled its buffer: more may wait, of which TLS's socket would not tell.
    [[nodiscard]] bool has_more() const { return was_filled_; }
    /// The part of what `read` returned that is no whole packet yet.
    void keep(std::string_view rest) { rest_.assign(rest); }
    /// Ends it with a reset, so that no port is left waiting.
    void reset();

private:
    [[nodiscard]] long receive(char* into, std::size_t size);
    [[nodiscard]] long transmit(std::string_view bytes);
    void open_websocket();

    const Target& target_;
    int socket_ = -1;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, &SSL_free};
    Deframer deframer_;
    bool is_blocking_ = true;
    bool was_filled_ = false;
    std::string out_;
    std::string rest_;
};

}  // namespace firehose::bench
