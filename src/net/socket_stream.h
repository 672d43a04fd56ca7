// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/byte_stream.h"
#include "net/event_loop.h"
#include "net/file_descriptor.h"

/// What TcpStream and TlsStream share: a socket on an EventLoop, and how a stream ends.
///
/// Nothing here is virtual beyond ByteStream and EventSource: `dispatch` calls the final class's
/// functions by name.
///
/// Ownership: of the descriptor. Refers to its loop and to its handler; both must outlive it.
/// Threads:   its loop's. `release` on the old loop's thread, then `adopt` on the new one's, move
///            it; in between it is a value that may cross threads, and is not called.
/// Invariant: the handler is set before the loop's next turn (asserted), hears `on_closed` at most
///            once, never from inside `write` or `shut_down`, and nothing after it.
/// Lifetime:  after `shut_down` input is read and dropped until the peer closes, kLinger passed, or
///            kLingerBytes came. A reset or an end of input at any time is `on_closed`.
namespace firehose::net {

class SocketStream : public ByteStream, protected EventSource {
public:
    static constexpr Microseconds kLinger{5'000'000};
    static constexpr std::size_t kLingerBytes = 1024 * 1024;

    ~SocketStream() override;
    SocketStream(const SocketStream&) = delete;
    SocketStream& operator=(const SocketStream&) = delete;

    void set_handler(ByteStreamHandler& handler) noexcept final { handler_ = &handler; }
    void set_reading(bool enabled) override;
    [[nodiscard]] std::string peer_address() const final { return peer_address_; }

    /// Closes at once with a reset: what the kernel still holds is dropped. Calls nobody.
    void abort();
    /// Leaves its loop, so that another may adopt it. Not after `shut_down` (asserted).
    void release();
    void adopt(EventLoop& loop);

protected:
    enum class State : std::uint8_t { connecting, handshaking, open, lingering, failed, closed };

    SocketStream(EventLoop& loop, FileDescriptor socket, std::string peer_address, State state);

    /// `Self::on_room` and `Self::on_input` do what is particular.
    template <class Self>
    void dispatch(Self& self, std::uint32_t events);
    /// Half-closes, unless the stream has yet to send something, and lingers.
    void linger(bool is_all_sent);
    void drain();
    void update_events();
    void fail_soon(std::string reason);
    void close(const std::string& reason);
    void detach();

    EventLoop* loop_;
    ByteStreamHandler* handler_ = nullptr;
    FileDescriptor socket_;
    State state_;
    bool is_reading_ = true;
    bool awaits_room_ = false;
    std::uint32_t armed_events_ = EPOLLIN;
    SourceId id_;
    TimerId linger_timer_;
    std::size_t drained_bytes_ = 0;
    std::string peer_address_;
    std::string failure_;

private:
    void on_over();
};

/// That there is nothing now, or room for nothing: no error.
[[nodiscard]] bool is_would_block(int error_number) noexcept;
/// The error that the socket has waiting, taken from it.
[[nodiscard]] std::error_code pending_error(int socket) noexcept;

template <class Self>
void SocketStream::dispatch(Self& self, std::uint32_t events) {
    FH_ASSERT(handler_ != nullptr);
    EventLoop& loop = *loop_;
    const SourceId id = id_;
    if (state_ == State::failed) return close(std::exchange(failure_, {}));
    if ((events & EPOLLOUT) != 0 || state_ == State::connecting) self.on_room();
    // The handler may have destroyed us, moved us, or stopped reading.
    if (!loop.is_registered(id)) return;
    if (state_ == State::lingering) return drain();
    const bool is_over = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool is_wanted = is_reading_ || state_ == State::handshaking;
    if (is_wanted && ((events & EPOLLIN) != 0 || is_over)) return self.on_input(events);
    if (is_over) on_over();
}

}  // namespace firehose::net
