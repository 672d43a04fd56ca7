// SPDX-License-Identifier: Apache-2.0
#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

namespace firehose::net {

Result<SocketAddress, NetError> SocketAddress::resolve(const std::string& host, std::uint16_t port,
                                                       Use use) {
    std::string name = host;
    if (name.size() >= 2 && name.front() == '[' && name.back() == ']') {
        name = name.substr(1, name.size() - 2);
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (use == Use::listen ? AI_PASSIVE : 0);
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (status != 0 || found == nullptr) {
        const std::string hint = use == Use::listen
                                     ? "use an address of this host, such as 127.0.0.1, 0.0.0.0, "
                                       "::1 or ::"
                                     : "check the name and the name server";
        return Failure{NetError{
            std::make_error_code(std::errc::address_not_available),
            "the host \"" + host + "\" has no address (" + ::gai_strerror(status) + "); " + hint}};
    }
    SocketAddress address;
    std::memcpy(&address.storage_, found->ai_addr, found->ai_addrlen);
    address.size_ = found->ai_addrlen;
    ::freeaddrinfo(found);
    return address;
}

std::uint16_t SocketAddress::port() const noexcept {
    // Both families keep the port at the same place.
    sockaddr_in address{};
    std::memcpy(&address, &storage_, sizeof address);
    return ntohs(address.sin_port);
}

std::string SocketAddress::numeric_host() const {
    if (family() == AF_UNIX) return "local";
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family() == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, &storage_, sizeof address);
        ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    } else if (family() == AF_INET6) {
        sockaddr_in6 address{};
        std::memcpy(&address, &storage_, sizeof address);
        if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
            ::inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text.data(), text.size());
        } else {
            ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
        }
    }
    return text.data();
}

std::string SocketAddress::text() const {
    const std::string host = numeric_host();
    const std::string shown = family() == AF_INET6 ? "[" + host + "]" : host;
    return shown + ":" + std::to_string(port());
}

void set_socket_options(int socket, const SocketBuffers& buffers) noexcept {
    // Best effort: a kernel that refuses one of them still gives a working socket.
    const auto set = [socket](int level, int option, int value) {
        ::setsockopt(socket, level, option, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, TcpStream::kUnsentLowWaterBytes);
    set(SOL_SOCKET, SO_SNDBUF, buffers.send_bytes);
    set(SOL_SOCKET, SO_RCVBUF, buffers.receive_bytes);
}

}  // namespace firehose::net
