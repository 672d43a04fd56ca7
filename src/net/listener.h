// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/file_descriptor.h"
#include "net/net_error.h"
#include "net/tcp_stream.h"

/// A listening TCP or Unix socket on an EventLoop.
///
/// An IPv6 address is IPv6 only (`::` does not take IPv4 connections): both families are two
/// listeners, so that each is named, counted and refused by itself.
///
/// Ownership: of the listening socket; accepted streams belong to whom `on_accept` gives them.
/// Threads:   its loop's. Destroying it stops accepting; connections that wait are reset.
/// Cost:      at most kAcceptsPerTurn a turn. Out of descriptors or memory it stops accepting for
///            kPause (clients wait in the kernel's queue) instead of spinning, and logs that once.
namespace firehose::net {

struct ListenOptions {
    /// An address such as "127.0.0.1", "0.0.0.0", "::", "[::1]", or a host name.
    std::string host;
    /// 0: the kernel picks one; see `port()`.
    std::uint16_t port = 0;
    /// Its connections come in by this network interface alone; empty: by any.
    std::string interface = {};
    /// Several processes or loops may then share the port; the caller probed that it was free.
    bool reuse_port = false;
    SocketBuffers buffers = {};
};

class Listener final : private EventSource {
public:
    using OnAccept = std::function<void(std::unique_ptr<TcpStream>)>;
    static constexpr std::size_t kAcceptsPerTurn = 64;
    static constexpr int kBacklog = 1'024;
    static constexpr Microseconds kPause{100'000};

    /// `on_accept` sets the stream's handler, or drops it; it may destroy the listener.
    [[nodiscard]] static Result<std::unique_ptr<Listener>, NetError> open(
        EventLoop& loop, const ListenOptions& options, OnAccept on_accept);
    /// A Unix socket with that mode. One that was left at `path` by a process that is gone is
    /// replaced; one that somebody listens on is not, nor is any other file.
    [[nodiscard]] static Result<std::unique_ptr<Listener>, NetError> open_unix(
        EventLoop& loop, const std::string& path, OnAccept on_accept,
        mode_t mode = S_IRUSR | S_IWUSR);
    /// A socket that listens already, is not blocking and belongs to another: a Unix socket's path
    /// stays. Its buffers are as its owner set them.
    [[nodiscard]] static std::unique_ptr<Listener> adopt(EventLoop& loop, FileDescriptor socket,
                                                         OnAccept on_accept);
    ~Listener() override;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// "127.0.0.1:1883" or "[::1]:1883"; of a Unix socket its path.
    [[nodiscard]] const std::string& address() const noexcept { return address_; }

private:
    Listener(EventLoop& loop, FileDescriptor socket, OnAccept on_accept);
    void on_events(std::uint32_t events) override;
    void pause(int error_number);

    EventLoop& loop_;
    FileDescriptor socket_;
    OnAccept on_accept_;
    SourceId id_;
    TimerId pause_timer_;
    bool is_out_of_resources_ = false;
    std::uint16_t port_ = 0;
    std::string address_;
    std::string unix_path_;  // Empty: TCP.
};

}  // namespace firehose::net
