// SPDX-License-Identifier: Apache-2.0
#include "mqtt_link.h"

#include <array>
#include <utility>

#include "ws/encoder.h"
#include "ws/handshake_key.h"

namespace firehose::soak {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

std::string upgrade_request(const std::string& host) {
    return "GET /mqtt HTTP/1.1\r\nHost: " + host +
           "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: " +
           std::string{kKey} + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
}

}  // namespace

MqttLink::MqttLink(net::EventLoop& loop, Random& random, LinkHandler& handler, LinkOptions options)
    : loop_(loop),
      random_(random),
      handler_(handler),
      options_(std::move(options)),
      client_(options_.client) {}

void MqttLink::open(const std::string& host, std::uint16_t port) {
    host_ = host;
    auto stream = net::TcpStream::connect(loop_, host, port);
    if (stream) {
        stream_ = std::move(*stream);
        stream_->set_handler(*this);
        return;
    }
    failed_to_open_ =
        loop_.after(Microseconds{0}, [this, reason = stream.error().message] { over(reason); });
}

void MqttLink::on_writable() {
    if (!std::exchange(is_up_, true)) {
        if (options_.transport == Transport::tcp) {
            start_mqtt();
        } else if (options_.cut_at == CutAt::upgrade) {
            put_cut(upgrade_request(host_));
        } else {
            put(upgrade_request(host_));
        }
    }
    write_out();
}

void MqttLink::start_mqtt() {
    is_upgraded_ = true;
    client_.on_connected(loop_.now());
    flush();
}

void MqttLink::flush() {
    if (!is_upgraded_ || is_muted_) return;
    const ByteSpan bytes = client_.output();
    if (!bytes.empty()) {
        ByteBuffer framed;
        if (options_.transport == Transport::websocket) {
            ws::append_masked_frame(framed, ws::Opcode::binary, bytes,
                                    static_cast<std::uint32_t>(random_.next()));
        }
        const std::string_view sent = framed.empty() ? as_text(bytes) : as_text(framed);
        const CutAt step = is_connected_ ? CutAt::subscribe : CutAt::connect;
        options_.cut_at == step ? put_cut(sent) : put(sent);
        client_.wrote(bytes.size());
    }
    write_out();
}

void MqttLink::tick() {
    if (!is_upgraded_ || is_over_ || ignores_input_) return;
    client_.on_tick(loop_.now());
    flush();
}

void MqttLink::on_bytes(ByteSpan bytes) {
    if (ignores_input_) return;
    if (options_.transport == Transport::tcp) return give_to_client(bytes);
    is_upgraded_ ? read_frames(bytes) : read_upgrade(bytes);
}

void MqttLink::read_upgrade(ByteSpan bytes) {
    head_ += as_text(bytes);
    const std::size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string rest = head_.substr(end + 4);
    const bool is_accepted =
        head_.starts_with("HTTP/1.1 101 ") && head_.find(ws::accept_key(kKey)) != std::string::npos;
    if (!is_accepted) return over("the upgrade was refused: " + head_.substr(0, head_.find('\r')));
    start_mqtt();
    read_frames(as_bytes(rest));
}

void MqttLink::read_frames(ByteSpan bytes) {
    // A server's frames are not masked: payload points into `bytes`, and scratch only bounds it.
    static std::array<std::byte, 64 * 1024> scratch;
    while (!is_over_ && !ignores_input_) {
        const ws::Event event = decoder_.next(bytes, scratch);
        switch (event.kind) {
            case ws::Event::Kind::none:
                return;
            case ws::Event::Kind::data:
                give_to_client(event.payload);
                break;
            case ws::Event::Kind::ping:
            case ws::Event::Kind::pong:
                break;
            case ws::Event::Kind::closed:
                return over("WebSocket closed with code " +
                            std::to_string(static_cast<int>(event.code)));
            case ws::Event::Kind::failed:
                return over("a broken WebSocket frame: " + std::string{event.detail});
        }
    }
}

void MqttLink::give_to_client(ByteSpan bytes) {
    client_.on_bytes(bytes, loop_.now());
    for (client::Event& event : client_.take_events()) {
        if (std::holds_alternative<client::Connected>(event)) is_connected_ = true;
        handler_.on_event(*this, event);
    }
    if (!is_over_) flush();
}

void MqttLink::put(std::string_view bytes) {
    if (!is_muted_) out_ += bytes;
}

void MqttLink::put_cut(std::string_view bytes) {
    put(bytes.substr(0, 1 + random_.below(bytes.size() - 1)));
    is_muted_ = true;
}

void MqttLink::write_out() {
    if (!stream_ || out_.empty()) return;
    const std::array<ByteSpan, 1> parts{as_bytes(out_)};
    out_.erase(0, stream_->write(parts));
}

void MqttLink::say_goodbye(bool is_polite) {
    if (is_polite && is_connected_) {
        client_.disconnect();
        flush();
    }
    if (options_.transport == Transport::websocket && is_upgraded_) {
        ByteBuffer close;
        // Masked as every client's frame; 1000, no reason.
        const std::array<std::byte, 2> code{std::byte{0x03}, std::byte{0xE8}};
        ws::append_masked_frame(close, ws::Opcode::close, code,
                                static_cast<std::uint32_t>(random_.next()));
        put(as_text(close));
    }
    write_out();
    ignores_input_ = true;
    if (stream_) stream_->shut_down();
}

void MqttLink::vanish(bool with_reset) {
    is_over_ = true;
    if (stream_ && with_reset) stream_->abort();
    stream_.reset();
}

void MqttLink::on_closed(const std::string& reason) {
    over(reason);
}

void MqttLink::over(const std::string& reason) {
    if (!std::exchange(is_over_, true)) handler_.on_over(*this, reason);
}

}  // namespace firehose::soak
