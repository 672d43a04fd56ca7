// SPDX-License-Identifier: Apache-2.0
#include "app/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>

#include "net/socket_address.h"

namespace firehose::app {
namespace {

/// The first descriptor that is handed over.
constexpr int kFirstPassed = 3;
constexpr int kPassedMax = 64;

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string taken = value == nullptr ? "" : value;
    ::unsetenv(name);
    return taken;
}

std::optional<std::int64_t> number_of(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = failed == std::errc{} && end == text.data() + text.size();
    return is_number ? std::optional{number} : std::nullopt;
}

/// A variable that names a process is meant for that one alone.
bool is_ours(const std::string& pid) {
    return number_of(pid) == static_cast<std::int64_t>(::getpid());
}

std::string address_of(int socket) {
    sockaddr_un path{};
    socklen_t size = sizeof path;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&path), &size) != 0) return {};
    if (path.sun_family == AF_UNIX) return path.sun_path;
    net::SocketAddress address;
    ::getsockname(socket, address.get(), address.size_to_fill());
    return address.text();
}

bool is_listening_stream(int socket) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) != 0 || value == 0) {
        return false;
    }
    return ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM;
}

std::vector<PassedSocket> take_sockets() {
    const std::string pid = take_variable("LISTEN_PID");
    const auto count = number_of(take_variable("LISTEN_FDS"));
    std::string names = take_variable("LISTEN_FDNAMES");
    std::vector<PassedSocket> sockets;
    if (!is_ours(pid) || !count) return sockets;
    for (int i = 0; i < std::min<std::int64_t>(*count, kPassedMax); ++i) {
        const auto colon = std::min(names.find(':'), names.size());
        std::string name = names.substr(0, colon);
        names.erase(0, colon + 1);
        net::FileDescriptor socket{kFirstPassed + i};
        if (!is_listening_stream(socket.get())) continue;  // Not ours to serve: closed.
        ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
        ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
        std::string address = address_of(socket.get());
        sockets.push_back(
            {name == "unknown" ? "" : std::move(name), std::move(address), std::move(socket)});
    }
    return sockets;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
    ServiceManager manager;
    manager.address_ = take_variable("NOTIFY_SOCKET");
    if (!manager.address_.empty()) {
        if (manager.address_.front() == '@') manager.address_.front() = '\0';
        manager.socket_ =
            net::FileDescriptor{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    }
    const std::string watched_pid = take_variable("WATCHDOG_PID");
    const auto watchdog = number_of(take_variable("WATCHDOG_USEC"));
    if (watchdog && *watchdog > 0 && (watched_pid.empty() || is_ours(watched_pid))) {
        manager.interval_ = Microseconds{*watchdog / 2};
    }
    manager.sockets_ = take_sockets();
    return manager;
}

void ServiceManager::send(const std::string& state) const {
    sockaddr_un address{};
    if (!socket_ || address_.size() >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    address_.copy(address.sun_path, address_.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    // Lost if its queue is full: the next word of ours says the same or more.
    std::ignore = ::sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size);
}

void ServiceManager::is_ready(std::string_view status) {
    send("READY=1\nSTATUS=" + std::string{status});
}

void ServiceManager::is_reloading(MonotonicTime now) {
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.since_start.count()) +
         "\nSTATUS=Reloading");
}

void ServiceManager::is_stopping() {
    send("STOPPING=1\nSTATUS=Stopping");
}

void ServiceManager::status(std::string_view text) {
    send("STATUS=" + std::string{text});
}

void ServiceManager::is_alive() {
    send("WATCHDOG=1");
}

}  // namespace firehose::app
