// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "client/client.h"

/// The other side of a client's dialogue, for tests: says packets, and reads what the client says
/// as short lines ("PUBLISH 1 a dup q1 (x)").
///
/// Threads: none. Tests only.
namespace firehose::client {

class ScriptedServer {
public:
    /// @param cut  what the server says arrives in two pieces, cut there (each packet).
    explicit ScriptedServer(ClientOptions options, std::size_t cut = 0)
        : client_(std::move(options)), version_(client_.options().version), cut_(cut) {}

    [[nodiscard]] Client& client() noexcept { return client_; }
    [[nodiscard]] MonotonicTime now() const noexcept { return now_; }

    void open() { client_.on_connected(now_); }
    /// The connection breaks: what the client wanted to say is lost.
    void cut_off() {
        client_.on_closed();
        static_cast<void>(client_.take_events());
    }
    void pass(std::chrono::microseconds time) {
        now_ = now_ + time;
        client_.on_tick(now_);
    }

    template <class Packet>
    void says(const Packet& packet) {
        ByteBuffer bytes;
        encode(packet, version_, bytes);
        says_bytes(bytes);
    }
    void says_ack(mqtt::PacketType type, std::uint16_t packet_id,
                  mqtt::ReasonCode reason = mqtt::ReasonCode::success) {
        says(mqtt::Ack{.type = type, .packet_id = packet_id, .reason = reason});
    }
    void says_bytes(const ByteBuffer& bytes) {
        const std::size_t cut = std::min(cut_, bytes.size());
        client_.on_bytes(ByteSpan{bytes}.first(cut), now_);
        client_.on_bytes(ByteSpan{bytes}.subspan(cut), now_);
    }

    /// Everything that the client wrote since, as lines.
    [[nodiscard]] std::vector<std::string> hears();
    /// The client's events since, as lines.
    [[nodiscard]] std::vector<std::string> events();

    /// Opens, reads CONNECT, accepts, forgets the events.
    void accept(mqtt::Connack connack = {}) {
        open();
        static_cast<void>(hears());
        says(connack);
        static_cast<void>(client_.take_events());
    }

private:
    [[nodiscard]] std::string line_of(const mqtt::Frame& frame) const;

    Client client_;
    mqtt::Version version_;
    std::size_t cut_;
    MonotonicTime now_{std::chrono::hours{1}};
};

}  // namespace firehose::client
