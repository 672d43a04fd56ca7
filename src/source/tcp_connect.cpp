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

namespace firehose::source {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// One question to the resolver's thread; lives on the heap because the resolver may outlast us.
struct Question {
    std::string host;
    std::string port;
    addrinfo hints{};
    gaicb request{};
};

std::unique_ptr<Question> make_question(const TcpTarget& target) {
    auto question = std::make_unique<Question>();
    question->host = target.host;
    question->port = std::to_string(target.port);
    question->hints.ai_socktype = SOCK_STREAM;
    question->hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    question->request.ar_name = question->host.c_str();
    question->request.ar_service = question->port.c_str();
    question->request.ar_request = &question->hints;
    return question;
}

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

Result<Addresses, std::string> resolve(const TcpTarget& target, StopSignal& stop, Clock& clock,
                                       MonotonicTime deadline) {
    if (Addresses numeric = resolve_number(target)) return numeric;
    std::unique_ptr<Question> question = make_question(target);
    std::array<gaicb*, 1> list{&question->request};
    if (::getaddrinfo_a(GAI_NOWAIT, list.data(), 1, nullptr) != 0) {
        return Failure{sentence(target, "the resolver takes no question")};
    }
    // getaddrinfo_a has no descriptor to poll: look for a wish to end ten times a second.
    int answer = EAI_INPROGRESS;
    while ((answer = ::gai_error(&question->request)) == EAI_INPROGRESS) {
        if (stop.is_set || clock.monotonic() >= deadline) {
            if (::gai_cancel(&question->request) == EAI_NOTCANCELED) {
                static_cast<void>(question.release());  // The resolver still writes into it.
            }
            return Failure{sentence(target, "its name takes too long to resolve")};
        }
        constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 100'000'000};
        static_cast<void>(::gai_suspend(list.data(), 1, &kLook));
    }
    if (answer != 0) return Failure{sentence(target, ::gai_strerror(answer))};
    return Addresses{question->request.ar_result, &::freeaddrinfo};
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
        if (fds[0].revents == 0) continue;
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
