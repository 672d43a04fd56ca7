// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <array>
#include <utility>

namespace firehose::crash {

void Peer::connect(std::uint16_t port) {
    auto stream = net::TcpStream::connect(loop_, "127.0.0.1", port);
    if (!stream) return handler_.on_lost(*this, stream.error().message);
    stream_ = std::move(*stream);
    stream_->set_handler(*this);
}

void Peer::on_writable() {
    if (!std::exchange(is_up_, true)) client_.on_connected(loop_.now());
    flush();
}

void Peer::flush() {
    while (is_up_ && !client_.output().empty()) {
        const std::array<ByteSpan, 1> parts{client_.output()};
        const std::size_t written = stream_->write(parts);
        if (written == 0) return;
        client_.wrote(written);
    }
}

void Peer::tick() {
    if (!is_up_) return;
    client_.on_tick(loop_.now());
    on_bytes({});
}

void Peer::on_bytes(ByteSpan bytes) {
    client_.on_bytes(bytes, loop_.now());
    for (client::Event& event : client_.take_events()) {
        handler_.on_event(*this, event);
        if (!is_up_) return;  // Dropped inside.
    }
    flush();
}

void Peer::drop(bool with_reset) {
    if (!stream_) return;
    if (with_reset) stream_->abort();
    lose("dropped");
}

void Peer::lose(const std::string& reason) {
    stream_.reset();
    if (std::exchange(is_up_, false)) client_.on_closed();
    handler_.on_lost(*this, reason);
}

}  // namespace firehose::crash
