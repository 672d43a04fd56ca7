// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/byte_stream.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/file_descriptor.h"
#include "net/net_error.h"

/// A TCP connection as a ByteStream on an EventLoop.
///
/// Writing sends at once and touches epoll only when the socket is full. Reading uses the loop's
/// one buffer: at most kReadBufferBytes a turn, then the others get theirs. Nothing is queued here:
/// what `write` did not take stays with the caller.
///
/// Ownership: of the descriptor. Refers to its loop and to its handler; both must outlive it.
/// Threads:   its loop's. `release` on the old loop's thread, then `adopt` on the new one's, move
///            it; in between it is a value that may cross threads, and is not called.
/// Invariant: the handler is set before the loop's next turn (asserted), hears `on_closed` at most
///            once, never from inside `write` or `shut_down`, and nothing after it.
/// Lifetime:  after `shut_down` input is read and dropped until the peer closes, kLinger passed, or
///            kLingerBytes came. A reset or an end of input at any time is `on_closed`.
namespace firehose::net {

/// What is set on every connection. Sizes are asked for; the kernel grants twice that.
struct SocketBuffers {
    int send_bytes = 96 * 1024;
    int receive_bytes = 64 * 1024;
};

class TcpStream final : public ByteStream, private EventSource {
public:
    static constexpr std::size_t kPartsPerCall = 64;
    static constexpr int kUnsentLowWaterBytes = 64 * 1024;
    static constexpr Microseconds kLinger{5'000'000};
    static constexpr std::size_t kLingerBytes = 1024 * 1024;

    /// Takes a connected, non-blocking socket.
    TcpStream(EventLoop& loop, FileDescriptor socket, std::string peer_address);
    /// Begins to connect; `host` is looked up first, which may block. The handler hears
    /// `on_writable` when the connection stands, or `on_closed` with the reason why not.
    [[nodiscard]] static Result<std::unique_ptr<TcpStream>, NetError> connect(
        EventLoop& loop, const std::string& host, std::uint16_t port, SocketBuffers buffers = {});
    ~TcpStream() override;
    TcpStream(const TcpStream&) = delete;
    TcpStream& operator=(const TcpStream&) = delete;

    void set_handler(ByteStreamHandler& handler) noexcept override { handler_ = &handler; }
    [[nodiscard]] std::size_t write(std::span<const ByteSpan> parts) override;
    void set_reading(bool enabled) override;
    void shut_down() override;
    [[nodiscard]] std::string peer_address() const override { return peer_address_; }

    /// Closes at once with a reset: what the kernel still holds is dropped. Calls nobody.
    void abort();
    /// Leaves its loop, so that another may adopt it. Not after `shut_down` (asserted).
    void release();
    void adopt(EventLoop& loop);

private:
    enum class State : std::uint8_t { connecting, open, lingering, failed, closed };

    void on_events(std::uint32_t events) override;
    void on_room();
    void on_input(std::uint32_t events);
    void drain();
    void update_events();
    void fail_soon(std::string reason);
    void close(const std::string& reason);
    void detach();

    EventLoop* loop_;
    ByteStreamHandler* handler_ = nullptr;
    FileDescriptor socket_;
    State state_ = State::open;
    bool is_reading_ = true;
    bool awaits_room_ = false;
    std::uint32_t armed_events_ = 0;
    SourceId id_;
    TimerId linger_timer_;
    std::size_t drained_bytes_ = 0;
    std::string peer_address_;
    std::string failure_;
};

}  // namespace firehose::net
