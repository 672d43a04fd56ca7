// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/net_error.h"
#include "net/tcp_stream.h"

/// An IPv4 or IPv6 address with its port, and the options that every socket of ours gets.
///
/// Lifetime: a value. Threads: any. `resolve` may block on a name server.
namespace firehose::net {

class SocketAddress {
public:
    enum class Use : std::uint8_t { listen, connect };

    SocketAddress() = default;
    /// `host` is an address, one in brackets, or a name; the first answer for it is taken.
    [[nodiscard]] static Result<SocketAddress, NetError> resolve(const std::string& host,
                                                                 std::uint16_t port, Use use);

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// "127.0.0.1", "::1"; "local" for a Unix socket's; an IPv4 address inside an IPv6 one is shown
    /// as IPv4.
    [[nodiscard]] std::string numeric_host() const;
    /// "127.0.0.1:1883", "[::1]:1883".
    [[nodiscard]] std::string text() const;

    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    /// For calls that fill in an address: give them get() and this.
    [[nodiscard]] socklen_t* size_to_fill() noexcept {
        size_ = sizeof storage_;
        return &size_;
    }

private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

/// TCP_NODELAY, TCP_NOTSENT_LOWAT and the buffers; a listening socket hands them on.
void set_socket_options(int socket, const SocketBuffers& buffers) noexcept;

}  // namespace firehose::net
