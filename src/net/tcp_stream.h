// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/file_descriptor.h"
#include "net/net_error.h"
#include "net/socket_stream.h"

/// A TCP or Unix connection as a ByteStream on an EventLoop.
///
/// Writing sends at once and touches epoll only when the socket is full. Reading uses the loop's
/// one buffer: at most kReadBufferBytes a turn, then the others get theirs. Nothing is queued here:
/// what `write` did not take stays with the caller.
///
/// Ownership, threads, lifetime: as SocketStream.
namespace firehose::net {

/// What is set on every connection. Sizes are asked for; the kernel grants twice that.
struct SocketBuffers {
    int send_bytes = 96 * 1024;
    int receive_bytes = 64 * 1024;
};

class TcpStream final : public SocketStream {
public:
    static constexpr std::size_t kPartsPerCall = 64;
    static constexpr int kUnsentLowWaterBytes = 64 * 1024;

    /// Takes a connected, non-blocking socket.
    TcpStream(EventLoop& loop, FileDescriptor socket, std::string peer_address);
    /// Begins to connect; `host` is looked up first, which may block. The handler hears
    /// `on_writable` when the connection stands, or `on_closed` with the reason why not.
    [[nodiscard]] static Result<std::unique_ptr<TcpStream>, NetError> connect(
        EventLoop& loop, const std::string& host, std::uint16_t port, SocketBuffers buffers = {});

    [[nodiscard]] std::size_t write(std::span<const ByteSpan> parts) override;
    void shut_down() override;

    /// Leaves its loop and gives the socket up: the stream is dead, and calls nobody.
    [[nodiscard]] FileDescriptor take_socket();

private:
    friend class SocketStream;
    void on_events(std::uint32_t events) override { dispatch(*this, events); }
    void on_room();
    void on_input(std::uint32_t events);
};

}  // namespace firehose::net
