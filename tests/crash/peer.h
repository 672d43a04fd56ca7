// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/client.h"
#include "net/tcp_stream.h"

/// One MQTT session over any number of TCP connections: the project's client state machine on the
/// project's event loop.
///
/// Ownership: of its stream. The handler outlives the peer.
/// Threads:   the loop's.
namespace firehose::crash {

class Peer;

class PeerHandler {
public:
    virtual ~PeerHandler() = default;
    virtual void on_event(Peer& peer, client::Event& event) = 0;
    /// The connection is over, or never was. The session goes on with the next `connect`.
    virtual void on_lost(Peer& peer, const std::string& reason) = 0;
};

class Peer final : private ByteStreamHandler {
public:
    Peer(net::EventLoop& loop, PeerHandler& handler, std::size_t index, client::ClientOptions how)
        : loop_(loop), handler_(handler), index_(index), client_(std::move(how)) {}
    ~Peer() override = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void connect(std::uint16_t port);
    /// Closed at once, in the middle of whatever is under way. The handler hears on_lost.
    void drop(bool with_reset);
    /// Writes what the client has to say. Call it after using the client.
    void flush();
    void tick();

    [[nodiscard]] client::Client& client() noexcept { return client_; }
    [[nodiscard]] const client::Client& client() const noexcept { return client_; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] bool has_connection() const noexcept { return stream_ != nullptr; }

private:
    void on_bytes(ByteSpan bytes) override;
    void on_writable() override;
    void on_closed(const std::string& reason) override { lose(reason); }
    void lose(const std::string& reason);

    net::EventLoop& loop_;
    PeerHandler& handler_;
    std::size_t index_;
    client::Client client_;
    std::unique_ptr<net::TcpStream> stream_;
    bool is_up_ = false;
};

}  // namespace firehose::crash
