// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/file_descriptor.h"

/// What systemd, or whoever speaks its protocol, wants to hear and hands over.
///
/// Without it (no NOTIFY_SOCKET, no LISTEN_FDS) all of it does nothing.
/// Ownership: a value of `serve`. Threads: one. Nothing here waits.
/// Source:    sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
namespace firehose::app {

/// A listening socket that was open before the program was.
struct PassedSocket {
    std::string name;     // FileDescriptorName= of its socket unit; "unknown" or empty: none.
    std::string address;  // "127.0.0.1:1883", "[::]:1883", or a Unix socket's path.
    net::FileDescriptor socket;
};

class ServiceManager {
public:
    /// Reads the environment and takes its variables out: they are for this process alone.
    [[nodiscard]] static ServiceManager from_environment();

    /// READY=1, with what is said in `status`.
    void is_ready(std::string_view status);
    void is_reloading(MonotonicTime now);
    void is_stopping();
    void status(std::string_view text);
    /// WATCHDOG=1: the loop still turns.
    void is_alive();
    /// How often it wants to hear so: half of what it waits. Nothing: never.
    [[nodiscard]] std::optional<Microseconds> watchdog_interval() const { return interval_; }

    [[nodiscard]] std::vector<PassedSocket>& sockets() noexcept { return sockets_; }

private:
    void send(const std::string& state) const;

    net::FileDescriptor socket_;
    std::string address_;  // As sockaddr_un has it: a leading zero byte names an abstract one.
    std::optional<Microseconds> interval_;
    std::vector<PassedSocket> sockets_;
};

}  // namespace firehose::app
