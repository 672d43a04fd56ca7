// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "net/socket_address.h"

namespace firehose::net {
namespace {

bool is_would_block(int error_number) noexcept {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

/// The error that the socket has waiting, taken from it.
std::error_code pending_error(int socket) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &value, &size);
    return {value, std::system_category()};
}

}  // namespace

TcpStream::TcpStream(EventLoop& loop, FileDescriptor socket, std::string peer_address)
    : loop_(&loop), socket_(std::move(socket)), peer_address_(std::move(peer_address)) {
    armed_events_ = EPOLLIN;
    id_ = loop_->add(socket_.get(), armed_events_, *this);
}

Result<std::unique_ptr<TcpStream>, NetError> TcpStream::connect(EventLoop& loop,
                                                                const std::string& host,
                                                                std::uint16_t port,
                                                                SocketBuffers buffers) {
    auto address = SocketAddress::resolve(host, port, SocketAddress::Use::connect);
    if (!address) return Failure{address.error()};
    FileDescriptor socket{
        ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const auto failed = [&](const std::error_code& code) {
        return Failure{NetError{code, "cannot connect to " + address->text() + ": " +
                                          code.message() +
                                          "; check the host, the port, and that it is running"}};
    };
    if (!socket) return failed(last_error());
    set_socket_options(socket.get(), buffers);
    if (::connect(socket.get(), address->get(), address->size()) != 0 && errno != EINPROGRESS) {
        return failed(last_error());
    }
    auto stream = std::make_unique<TcpStream>(loop, std::move(socket), address->numeric_host());
    stream->state_ = State::connecting;
    stream->update_events();
    return stream;
}

TcpStream::~TcpStream() {
    if (linger_timer_.serial != 0) loop_->cancel(linger_timer_);
    if (loop_ != nullptr && loop_->is_registered(id_)) loop_->remove(id_, socket_.get());
}

std::size_t TcpStream::write(std::span<const ByteSpan> parts) {
    if (state_ != State::open || awaits_room_) return 0;
    std::size_t taken = 0;
    std::size_t next_part = 0;
    while (next_part < parts.size()) {
        std::array<iovec, kPartsPerCall> vectors;
        std::size_t count = 0;
        std::size_t offered = 0;
        for (; next_part < parts.size() && count < vectors.size(); ++next_part) {
            const ByteSpan part = parts[next_part];
            if (part.empty()) continue;
            // sendmsg only reads; its type is older than const.
            vectors[count++] = {const_cast<std::byte*>(part.data()), part.size()};
            offered += part.size();
        }
        if (count == 0) break;
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = count;
        const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0 && !is_would_block(errno)) {
            fail_soon("write failed: " + last_error().message());
            return taken;
        }
        taken += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
        if (sent < 0 || static_cast<std::size_t>(sent) < offered) {
            awaits_room_ = true;
            update_events();
            return taken;
        }
    }
    return taken;
}

void TcpStream::set_reading(bool enabled) {
    is_reading_ = enabled;
    if (loop_ != nullptr) update_events();
}

void TcpStream::shut_down() {
    if (state_ != State::open && state_ != State::connecting) return;
    state_ = State::lingering;
    awaits_room_ = false;
    ::shutdown(socket_.get(), SHUT_WR);
    linger_timer_ = loop_->after(kLinger, [this] {
        linger_timer_ = {};
        close("closed by us; the peer did not close its side in time");
    });
    update_events();
}

void TcpStream::abort() {
    if (state_ == State::closed) return;
    const linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    detach();
}

void TcpStream::release() {
    FH_ASSERT(state_ == State::open || state_ == State::failed);
    loop_->remove(id_, socket_.get());
    loop_ = nullptr;
    id_ = {};
}

void TcpStream::adopt(EventLoop& loop) {
    FH_ASSERT(loop_ == nullptr);
    loop_ = &loop;
    armed_events_ = 0;
    id_ = loop_->add(socket_.get(), armed_events_, *this);
    if (state_ == State::failed) loop_->mark_ready(id_, EPOLLERR);
    update_events();
}

void TcpStream::on_events(std::uint32_t events) {
    FH_ASSERT(handler_ != nullptr);
    EventLoop& loop = *loop_;
    const SourceId id = id_;
    if (state_ == State::failed) return close(std::exchange(failure_, {}));
    if ((events & EPOLLOUT) != 0 || state_ == State::connecting) on_room();
    // The handler may have destroyed us, moved us, or stopped reading.
    if (!loop.is_registered(id)) return;
    if (state_ == State::lingering) return drain();
    const bool is_over = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (is_reading_ && ((events & EPOLLIN) != 0 || is_over)) return on_input(events);
    // Reading is off, so what the peer sent before it went stays unread, and epoll would report
    // the same for ever.
    if (is_over) {
        const std::error_code code = pending_error(socket_.get());
        close(code ? "connection lost: " + code.message() : "the peer closed the connection");
    }
}

void TcpStream::on_room() {
    if (state_ == State::connecting) {
        if (const std::error_code code = pending_error(socket_.get())) {
            return close("cannot connect: " + code.message());
        }
        state_ = State::open;
        awaits_room_ = true;
    }
    if (state_ != State::open || !awaits_room_) return;
    awaits_room_ = false;
    update_events();
    handler_->on_writable();
}

void TcpStream::on_input(std::uint32_t events) {
    const std::span<std::byte> buffer = loop_->read_buffer();
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received > 0) return handler_->on_bytes(buffer.first(static_cast<std::size_t>(received)));
    if (received == 0) return close("the peer closed the connection");
    if (!is_would_block(errno)) return close("connection lost: " + last_error().message());
    // Neither bytes nor an error, yet the loop reports one: it could not watch the socket.
    if ((events & EPOLLERR) != 0) close("connection dropped: the kernel cannot watch it");
}

void TcpStream::drain() {
    const std::span<std::byte> buffer = loop_->read_buffer();
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && is_would_block(errno)) return;
    if (received <= 0) return close("closed by us");
    drained_bytes_ += static_cast<std::size_t>(received);
    if (drained_bytes_ > kLingerBytes) close("closed by us; the peer went on sending");
}

void TcpStream::update_events() {
    if (state_ == State::failed || state_ == State::closed) return;
    std::uint32_t events = 0;
    if (is_reading_ || state_ == State::lingering) events |= EPOLLIN;
    if (awaits_room_ || state_ == State::connecting) events |= EPOLLOUT;
    if (events == armed_events_) return;
    armed_events_ = events;
    loop_->modify(id_, socket_.get(), events);
}

void TcpStream::fail_soon(std::string reason) {
    state_ = State::failed;
    failure_ = std::move(reason);
    loop_->mark_ready(id_, EPOLLERR);
}

void TcpStream::close(const std::string& reason) {
    detach();
    handler_->on_closed(reason);
}

void TcpStream::detach() {
    if (linger_timer_.serial != 0) loop_->cancel(std::exchange(linger_timer_, {}));
    loop_->remove(id_, socket_.get());
    socket_.reset();
    state_ = State::closed;
}

}  // namespace firehose::net
