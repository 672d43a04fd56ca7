// SPDX-License-Identifier: Apache-2.0
#include "net/socket_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/net_error.h"

namespace firehose::net {

bool is_would_block(int error_number) noexcept {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

std::error_code pending_error(int socket) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &value, &size);
    return {value, std::system_category()};
}

SocketStream::SocketStream(EventLoop& loop, FileDescriptor socket, std::string peer_address,
                           State state)
    : loop_(&loop),
      socket_(std::move(socket)),
      state_(state),
      peer_address_(std::move(peer_address)) {
    id_ = loop_->add(socket_.get(), armed_events_, *this);
}

SocketStream::~SocketStream() {
    if (linger_timer_.serial != 0) loop_->cancel(linger_timer_);
    if (loop_ != nullptr && loop_->is_registered(id_)) loop_->remove(id_, socket_.get());
}

void SocketStream::set_reading(bool enabled) {
    is_reading_ = enabled;
    if (loop_ != nullptr) update_events();
}

void SocketStream::linger(bool is_all_sent) {
    state_ = State::lingering;
    awaits_room_ = !is_all_sent;
    if (is_all_sent) ::shutdown(socket_.get(), SHUT_WR);
    linger_timer_ = loop_->after(kLinger, [this] {
        linger_timer_ = {};
        close("closed by us; the peer did not close its side in time");
    });
    update_events();
}

void SocketStream::abort() {
    if (state_ == State::closed) return;
    const ::linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    detach();
}

void SocketStream::release() {
    FH_ASSERT(state_ == State::open || state_ == State::failed);
    loop_->remove(id_, socket_.get());
    loop_ = nullptr;
    id_ = {};
}

void SocketStream::adopt(EventLoop& loop) {
    FH_ASSERT(loop_ == nullptr);
    loop_ = &loop;
    armed_events_ = 0;
    id_ = loop_->add(socket_.get(), armed_events_, *this);
    if (state_ == State::failed) loop_->mark_ready(id_, EPOLLERR);
    update_events();
}

/// Reading is off, so what the peer sent before it went stays unread, and epoll would report the
/// same for ever.
void SocketStream::on_over() {
    const std::error_code code = pending_error(socket_.get());
    close(code ? "connection lost: " + code.message() : "the peer closed the connection");
}

void SocketStream::drain() {
    const std::span<std::byte> buffer = loop_->read_buffer();
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && is_would_block(errno)) return;
    if (received <= 0) return close("closed by us");
    drained_bytes_ += static_cast<std::size_t>(received);
    if (drained_bytes_ > kLingerBytes) close("closed by us; the peer went on sending");
}

void SocketStream::update_events() {
    if (state_ == State::failed || state_ == State::closed) return;
    std::uint32_t events = 0;
    const bool needs_input = state_ == State::lingering || state_ == State::handshaking;
    if (is_reading_ || needs_input) events |= EPOLLIN;
    if (awaits_room_ || state_ == State::connecting) events |= EPOLLOUT;
    if (events == armed_events_) return;
    armed_events_ = events;
    loop_->modify(id_, socket_.get(), events);
}

void SocketStream::fail_soon(std::string reason) {
    state_ = State::failed;
    failure_ = std::move(reason);
    loop_->mark_ready(id_, EPOLLERR);
}

void SocketStream::close(const std::string& reason) {
    detach();
    handler_->on_closed(reason);
}

void SocketStream::detach() {
    if (linger_timer_.serial != 0) loop_->cancel(std::exchange(linger_timer_, {}));
    loop_->remove(id_, socket_.get());
    socket_.reset();
    state_ = State::closed;
}

}  // namespace firehose::net
