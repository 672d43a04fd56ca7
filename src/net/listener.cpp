// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/socket_address.h"

namespace firehose::net {
namespace {

/// What the operator reads when a port cannot be had.
Failure<NetError> cannot_listen(const SocketAddress& address, const std::string& asked_host) {
    const std::error_code code = last_error();
    const std::string where = "port " + std::to_string(address.port()) + " on " + asked_host;
    std::string message;
    switch (code.value()) {
        case EADDRINUSE:
            message = where +
                      " is in use; stop the program that has it (ss -ltnp shows which), or set "
                      "another port";
            break;
        case EACCES:
            message = where +
                      " may not be opened by this user; set a port above 1023, or grant "
                      "CAP_NET_BIND_SERVICE";
            break;
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT:
            message = where +
                      " cannot be opened: this host does not have that address; set one that "
                      "`ip address` shows, or 0.0.0.0 or ::";
            break;
        default:
            message = where + " cannot be opened: " + code.message();
    }
    return Failure{NetError{code, std::move(message)}};
}

/// Takes a socket away that nobody listens on any more.
Result<void, NetError> remove_left_socket(const std::string& path, const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) {
        return Failure{NetError{std::make_error_code(std::errc::file_exists),
                                path + " is there and no socket; choose another path"}};
    }
    const FileDescriptor probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno == EAGAIN) {
        return Failure{NetError{std::make_error_code(std::errc::address_in_use),
                                "the socket " + path +
                                    " is in use; stop the program that listens on it, or choose "
                                    "another path"}};
    }
    ::unlink(path.c_str());
    return {};
}

}  // namespace

Listener::Listener(EventLoop& loop, FileDescriptor socket, OnAccept on_accept)
    : loop_(loop), socket_(std::move(socket)), on_accept_(std::move(on_accept)) {
    id_ = loop_.add(socket_.get(), EPOLLIN, *this);
}

Result<std::unique_ptr<Listener>, NetError> Listener::open(EventLoop& loop,
                                                           const ListenOptions& options,
                                                           OnAccept on_accept) {
    auto address = SocketAddress::resolve(options.host, options.port, SocketAddress::Use::listen);
    if (!address) return Failure{address.error()};
    FileDescriptor socket{
        ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return cannot_listen(*address, options.host);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reuse_port) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->family() == AF_INET6) {
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (!options.interface.empty() &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(),
                     static_cast<socklen_t>(options.interface.size())) != 0) {
        const std::error_code code = last_error();
        return Failure{NetError{code, "interface " + options.interface +
                                          " cannot be listened on: " + code.message() +
                                          "; `ip link` shows which there are"}};
    }
    // Before listen: accepted sockets inherit them, and the window scale is fixed by then.
    set_socket_options(socket.get(), options.buffers);
    if (::bind(socket.get(), address->get(), address->size()) != 0 ||
        ::listen(socket.get(), kBacklog) != 0) {
        return cannot_listen(*address, options.host);
    }
    SocketAddress bound;
    ::getsockname(socket.get(), bound.get(), bound.size_to_fill());
    std::unique_ptr<Listener> listener{new Listener{loop, std::move(socket), std::move(on_accept)}};
    listener->port_ = bound.port();
    listener->address_ = bound.text();
    return listener;
}

Result<std::unique_ptr<Listener>, NetError> Listener::open_unix(EventLoop& loop,
                                                                const std::string& path,
                                                                OnAccept on_accept, mode_t mode) {
    const auto failed = [&](const std::string& remedy) {
        const std::error_code code = last_error();
        return Failure{NetError{
            code, "the socket " + path + " cannot be opened (" + code.message() + "); " + remedy}};
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return failed("choose a folder with a path of less than " +
                      std::to_string(sizeof address.sun_path - 12) + " bytes");
    }
    path.copy(address.sun_path, path.size());
    FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return failed("too many files may be open");
    if (auto replaced = remove_left_socket(path, address); !replaced) {
        return Failure{replaced.error()};
    }
    // Nobody can connect before listen: the mode is right by then.
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), kBacklog) != 0) {
        return failed("may this user write to its folder?");
    }
    std::unique_ptr<Listener> listener{new Listener{loop, std::move(socket), std::move(on_accept)}};
    listener->address_ = path;
    listener->unix_path_ = path;
    return listener;
}

std::unique_ptr<Listener> Listener::adopt(EventLoop& loop, FileDescriptor socket,
                                          OnAccept on_accept) {
    SocketAddress bound;
    ::getsockname(socket.get(), bound.get(), bound.size_to_fill());
    std::unique_ptr<Listener> listener{new Listener{loop, std::move(socket), std::move(on_accept)}};
    listener->port_ = bound.port();
    listener->address_ = bound.text();
    return listener;
}

Listener::~Listener() {
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
    if (pause_timer_.serial != 0) loop_.cancel(pause_timer_);
    loop_.remove(id_, socket_.get());
}

void Listener::on_events(std::uint32_t /*events*/) {
    EventLoop& loop = loop_;
    const SourceId id = id_;
    // One that destroys us in the callback must not take the callback with it.
    const OnAccept on_accept = on_accept_;
    for (std::size_t i = 0; i < kAcceptsPerTurn && loop.is_registered(id); ++i) {
        SocketAddress peer;
        FileDescriptor socket{::accept4(socket_.get(), peer.get(), peer.size_to_fill(),
                                        SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!socket) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            // A client that gave up while it waited is its own affair; the next one may be there.
            if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
            return pause(errno);
        }
        is_out_of_resources_ = false;
        on_accept(std::make_unique<TcpStream>(loop, std::move(socket), peer.numeric_host()));
    }
}

void Listener::pause(int error_number) {
    if (!is_out_of_resources_) {
        FH_LOG(warn, "accept_paused", {"address", address_},
               {"reason", std::error_code{error_number, std::system_category()}.message()},
               {"remedy", "raise the limit on open files, or lower the limit on connections"});
    }
    is_out_of_resources_ = true;
    loop_.modify(id_, socket_.get(), 0);
    pause_timer_ = loop_.after(kPause, [this] {
        pause_timer_ = {};
        loop_.modify(id_, socket_.get(), EPOLLIN);
    });
}

}  // namespace firehose::net
