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

#include "net/socket_address.h"

namespace firehose::net {
namespace {

constexpr std::size_t kMuchBytes = 32 * 1024;

ssize_t send(int socket, std::span<iovec> parts) noexcept {
    if (parts.size() == 1) {  // Costs the kernel less.
        return ::send(socket, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace

TcpStream::TcpStream(EventLoop& loop, FileDescriptor socket, std::string peer_address)
    : SocketStream(loop, std::move(socket), std::move(peer_address), State::open) {}

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
        const ssize_t sent = send(socket_.get(), std::span{vectors}.first(count));
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

void TcpStream::shut_down() {
    if (state_ == State::open || state_ == State::connecting) linger(true);
}

FileDescriptor TcpStream::take_socket() {
    if (state_ == State::closed) return {};
    loop_->remove(id_, socket_.get());
    state_ = State::closed;
    return std::move(socket_);
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
    EventLoop& loop = *loop_;
    const SourceId id = id_;
    const std::span<std::byte> buffer = loop.read_buffer();
    std::size_t left = buffer.size();
    while (true) {
        const ssize_t received = ::recv(socket_.get(), buffer.data(), left, 0);
        if (received == 0) return close("the peer closed the connection");
        if (received < 0) {
            if (!is_would_block(errno)) return close("connection lost: " + last_error().message());
            // Neither bytes nor an error, yet the loop reports one: it could not watch the socket.
            if ((events & EPOLLERR) != 0 && left == buffer.size()) {
                close("connection dropped: the kernel cannot watch it");
            }
            return;
        }
        const auto size = static_cast<std::size_t>(received);
        handler_->on_bytes(buffer.first(size));
        // The handler may have destroyed us, moved us, or stopped reading.
        if (!loop.is_registered(id) || state_ != State::open || !is_reading_) return;
        // Where there was much, there is more by now: what is read before the turn's end is sent in
        // one write. Where there was little, asking again would only cost.
        left -= size;
        if (size < kMuchBytes || left == 0) return;
    }
}

}  // namespace firehose::net
