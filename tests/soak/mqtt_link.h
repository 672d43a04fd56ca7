// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "net/tcp_stream.h"
#include "ws/decoder.h"

/// One MQTT client over TCP or WebSocket, polite or not: the project's own client state machine on
/// the project's own event loop.
///
/// Ownership: of its stream. The handler owns the link, outlives it, and must not destroy it from
///            inside a callback.
/// Threads:   the loop's.
namespace firehose::soak {

class MqttLink;

class LinkHandler {
public:
    virtual ~LinkHandler() = default;
    virtual void on_event(MqttLink& link, client::Event& event) = 0;
    /// Once: the connection is over, or never was.
    virtual void on_over(MqttLink& link, const std::string& reason) = 0;
};

enum class Transport : std::uint8_t { tcp, websocket };

/// Where a client goes silent: in the middle of what it sends at that step.
enum class CutAt : std::uint8_t { nowhere, upgrade, connect, subscribe };

struct LinkOptions {
    Transport transport = Transport::tcp;
    CutAt cut_at = CutAt::nowhere;
    client::ClientOptions client;
};

class MqttLink final : private ByteStreamHandler {
public:
    MqttLink(net::EventLoop& loop, Random& random, LinkHandler& handler, LinkOptions options);
    ~MqttLink() override { loop_.cancel(failed_to_open_); }
    MqttLink(const MqttLink&) = delete;
    MqttLink& operator=(const MqttLink&) = delete;

    /// Begins to connect. The handler hears how it goes on, never from inside.
    void open(const std::string& host, std::uint16_t port);

    [[nodiscard]] client::Client& client() noexcept { return client_; }
    /// Writes what the client has to say. Call it after using the client.
    void flush();
    void tick();

    /// From now on what arrives is dropped unread by MQTT (many readers, one tester's CPU).
    void ignore_input() noexcept { ignores_input_ = true; }
    void stop_reading() { stream_->set_reading(false); }
    /// DISCONNECT if `is_polite`, a close frame, then the end of output.
    void say_goodbye(bool is_polite);
    /// Gone at once: by a reset, or as the kernel closes.
    void vanish(bool with_reset);

private:
    void on_bytes(ByteSpan bytes) override;
    void on_writable() override;
    void on_closed(const std::string& reason) override;

    void start_mqtt();
    void read_upgrade(ByteSpan bytes);
    void read_frames(ByteSpan bytes);
    void give_to_client(ByteSpan bytes);
    void put(std::string_view bytes);
    void put_cut(std::string_view bytes);
    void write_out();
    void over(const std::string& reason);

    net::EventLoop& loop_;
    Random& random_;
    LinkHandler& handler_;
    LinkOptions options_;
    client::Client client_;
    ws::Decoder decoder_{{.role = ws::Role::client}};
    std::unique_ptr<net::TcpStream> stream_;
    net::TimerId failed_to_open_;
    std::string host_;
    std::string head_;  // Of the answer to the upgrade, until it is whole.
    std::string out_;
    bool is_up_ = false;        // TCP stands.
    bool is_upgraded_ = false;  // WebSocket stands, or is not needed.
    bool is_connected_ = false;
    bool is_muted_ = false;  // Cut: says nothing more.
    bool ignores_input_ = false;
    bool is_over_ = false;
};

}  // namespace firehose::soak
