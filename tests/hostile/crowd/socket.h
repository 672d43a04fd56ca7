// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "net/file_descriptor.h"

/// Sockets for a crowd: many, from addresses of one's choice, never waiting.
///
/// The program's own TcpStream is not used: it cannot bind, and behaves.
/// Threads: none. An invalid descriptor says that it could not be made.
namespace firehose::crowd {

struct Target {
    std::string address;  // IPv4, numeric.
    std::uint16_t port = 0;
};

struct SocketOptions {
    std::string from = {};   // IPv4 to come from; empty: the kernel's choice.
    int receive_buffer = 0;  // 0: the kernel's choice.
};

/// Connecting, or connected.
[[nodiscard]] net::FileDescriptor begin_connect(const Target& to, const SocketOptions& options);

/// Takes what there is; false: the other side has closed, or the connection failed.
[[nodiscard]] bool receive(int socket, std::string& into);

/// Sends what the socket takes; how much that was, or -1: the connection is gone.
[[nodiscard]] std::int64_t send_some(int socket, const char* data, std::size_t size);

}  // namespace firehose::crowd
