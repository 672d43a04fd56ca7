// SPDX-License-Identifier: Apache-2.0
#include "source/tcp_connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

namespace firehose::source {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string sentence(const TcpTarget& target, std::string_view what) {
    return "cannot reach " + target.host + " port " + std::to_string(target.port) + ": " +
           std::string{what};
}

Addresses resolve_number(const TcpTarget& target) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(target.port);
    if (::getaddrinfo(target.host.c_str(), port.c_str(), &hints, &found) != 0) found = nullptr;
    return {found, &::freeaddrinfo};
}

/// getaddrinfo's answer, as it crosses from the thread that asked.
struct Answer {
    int error = 0;
    addrinfo* addresses = nullptr;
};

/// Asks on a thread of its own, because getaddrinfo cannot be interrupted; answers on `out`, which
/// it closes. Nobody waits for it: if nobody listens any more, it frees what it found.
void ask_resolver(const TcpTarget& target, int out) {
    std::thread{[host = target.host, port = std::to_string(target.port), out] {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
        Answer answer;
        answer.error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &answer.addresses);
        const ssize_t sent = ::send(out, &answer, sizeof answer, MSG_NOSIGNAL);
        if (sent != sizeof answer && answer.error == 0) ::freeaddrinfo(answer.addresses);
        ::close(out);
    }}.detach();
}

Result<Addresses, std::string> resolve(const TcpTarget& target, StopSignal& stop, Clock& clock,
                                       MonotonicTime deadline) {
    if (Addresses numeric = resolve_number(target)) return numeric;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Failure{sentence(target, std::generic_category().message(errno))};
    }
    ask_resolver(target, ends[1]);
    Answer answer{.error = EAI_AGAIN};
    while (!stop.is_set) {
        const Microseconds left = deadline - clock.monotonic();
        if (left <= Microseconds{0}) break;
        std::array<pollfd, 2> fds{pollfd{ends[0], POLLIN, 0}, pollfd{stop.wake.fd(), POLLIN, 0}};
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        static_cast<void>(::poll(fds.data(), fds.size(), static_cast<int>(wait)));
        if (fds[0].revents != 0) {
            static_cast<void>(::recv(ends[0], &answer, sizeof answer, MSG_WAITALL));
            break;
        }
        if (!stop.is_set) stop.wake.clear();
    }
    ::close(ends[0]);
    if (answer.error != 0) return Failure{sentence(target, ::gai_strerror(answer.error))};
    return Addresses{answer.addresses, &::freeaddrinfo};
}

void set_option(int fd, int level, int name, int value) {
    // Each is an improvement, none a condition.
    static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

void notice_dead_peers(int fd) {
    constexpr int kUnackedMs = 30'000;
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnackedMs);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/// 0 when connected, else an errno.
int connect_to(int fd, const addrinfo& address, StopSignal& stop, Clock& clock,
               MonotonicTime deadline) {
    if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    for (;;) {
        const Microseconds left = deadline - clock.monotonic();
        if (stop.is_set) return ECANCELED;
        if (left <= Microseconds{0}) return ETIMEDOUT;
        std::array<pollfd, 2> fds{pollfd{fd, POLLOUT, 0}, pollfd{stop.wake.fd(), POLLIN, 0}};
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        static_cast<void>(::poll(fds.data(), fds.size(), static_cast<int>(wait)));
        if (fds[0].revents == 0) {
            if (!stop.is_set) stop.wake.clear();
            continue;
        }
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
        return error;
    }
}

}  // namespace

Result<int, std::string> tcp_connect(const TcpTarget& target, StopSignal& stop, Clock& clock) {
    const MonotonicTime deadline = clock.monotonic() + target.timeout;
    Result<Addresses, std::string> addresses = resolve(target, stop, clock, deadline);
    if (!addresses) return Failure{addresses.error()};
    int error = EADDRNOTAVAIL;
    for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
        const int fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            error = errno;
            continue;
        }
        notice_dead_peers(fd);
        error = connect_to(fd, *at, stop, clock, deadline);
        if (error == 0) return fd;
        ::close(fd);
    }
    return Failure{sentence(target, std::generic_category().message(error))};
}

}  // namespace firehose::source
