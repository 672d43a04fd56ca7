// SPDX-License-Identifier: Apache-2.0
#include "net/loopback_test_kit.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "net/socket_address.h"

namespace firehose::net {

Loopback::Loopback(ListenOptions options) : loop(std::move(*EventLoop::create(clock))) {
    auto opened = Listener::open(*loop, options, [this](std::unique_ptr<TcpStream> accepted) {
        accepted->set_handler(log);
        stream = std::move(accepted);
    });
    EXPECT_TRUE(opened) << opened.error().message;
    listener = std::move(*opened);
}

bool Loopback::turn_until(const std::function<bool()>& is_true) {
    const MonotonicTime deadline = clock.monotonic() + Microseconds{5'000'000};
    while (!is_true()) {
        if (clock.monotonic() > deadline) return false;
        loop->run_turn(Microseconds{10'000});
    }
    return true;
}

FileDescriptor Loopback::connect() {
    auto address =
        SocketAddress::resolve("127.0.0.1", listener->port(), SocketAddress::Use::connect);
    FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::connect(socket.get(), address->get(), address->size()), 0);
    EXPECT_TRUE(turn_until([this] { return stream != nullptr; }));
    return socket;
}

std::string read_all(const FileDescriptor& socket) {
    std::string text;
    std::array<char, 64 * 1024> buffer;
    while (true) {
        const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

void write_all(const FileDescriptor& socket, std::string_view text) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

void reset_connection(FileDescriptor& socket) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket.reset();
}

}  // namespace firehose::net
