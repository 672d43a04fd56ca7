// SPDX-License-Identifier: Apache-2.0
// The floor of fan-out: copies what one socket sends to N sockets, in writes of up to 64 KiB.
//
// No MQTT in it: a connection says with its first byte whether it is a publisher (P) or a reader
// (R). Shared bytes are kept in a window; a full one stops reading from the publisher. With `--tls`
// it makes the SSL_write calls that a server with TLS has to make: 16 KiB each.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kWriteBytes = 64 * 1024;
constexpr std::size_t kTlsRecordBytes = 16 * 1024;
constexpr std::size_t kTlsTurnBytes = 256 * 1024;
constexpr std::size_t kWindowBytes = 1024 * 1024;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

struct Connection {
    int socket = -1;
    char role = 0;
    SSL* tls = nullptr;
    bool is_blocked = false;
    std::uint64_t sent = 0;       // Reader: bytes of the stream.
    std::size_t stuck_bytes = 0;  // TLS: the length of a write that must be repeated.
};

class Floor {
public:
    explicit Floor(SSL_CTX* tls) : tls_(tls), epoll_(::epoll_create1(0)), window_(kWindowBytes) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            give_up("bind");
        }
        if (::listen(listener_, 4'096) != 0) give_up("listen");
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        std::printf("port=%u\n", ntohs(address.sin_port));
        std::fflush(stdout);
        watch(listener_, nullptr, EPOLLIN, EPOLL_CTL_ADD);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) on_event(events[static_cast<std::size_t>(i)]);
            flush();
            if (is_publisher_held_ && room() > 0) read_publisher(*publisher_);
        }
    }

private:
    void watch(int socket, Connection* connection, std::uint32_t events, int operation) const {
        epoll_event event{.events = events, .data = {.ptr = connection}};
        ::epoll_ctl(epoll_, operation, socket, &event);
    }

    void on_event(const epoll_event& event) {
        auto* connection = static_cast<Connection*>(event.data.ptr);
        if (connection == nullptr) return accept_all();
        if (connection->role == 0) return begin(*connection);
        if ((event.events & EPOLLOUT) != 0) {
            connection->is_blocked = false;
            watch(connection->socket, connection, EPOLLIN, EPOLL_CTL_MOD);
        }
        if (connection->role == 'P') return read_publisher(*connection);
        if ((event.events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) end(*connection);
        char nothing = 0;
        if ((event.events & EPOLLIN) != 0 &&
            ::recv(connection->socket, &nothing, 1, MSG_PEEK) == 0) {
            end(*connection);
        }
    }

    void accept_all() {
        for (;;) {
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (socket < 0) return;
            const int on = 1;
            ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            auto& made = connections_.emplace_back(std::make_unique<Connection>());
            made->socket = socket;
            if (tls_ != nullptr) {
                made->tls = SSL_new(tls_);
                SSL_set_fd(made->tls, socket);
                SSL_set_accept_state(made->tls);
            }
            watch(socket, made.get(), EPOLLIN, EPOLL_CTL_ADD);
        }
    }

    void begin(Connection& connection) {
        char role = 0;
        if (read(connection, &role, 1) != 1) return;
        connection.role = role;
        connection.sent = end_;
        if (role == 'P') {
            publisher_ = &connection;
            read_publisher(connection);
        } else {
            readers_.push_back(&connection);
        }
    }

    static long read(Connection& connection, char* into, std::size_t size) {
        if (connection.tls == nullptr) return ::recv(connection.socket, into, size, 0);
        std::size_t got = 0;
        if (SSL_read_ex(connection.tls, into, size, &got) == 1) return static_cast<long>(got);
        const int error = SSL_get_error(connection.tls, 0);
        errno = EAGAIN;
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
    }

    /// Bytes that may be read: what the slowest reader has not been sent must stay.
    [[nodiscard]] std::size_t room() const {
        std::uint64_t slowest = end_;
        for (const Connection* reader : readers_) slowest = std::min(slowest, reader->sent);
        return kWindowBytes - static_cast<std::size_t>(end_ - slowest);
    }

    void read_publisher(Connection& connection) {
        const std::size_t at = end_ % kWindowBytes;
        const std::size_t size = std::min({room(), kWriteBytes, kWindowBytes - at});
        is_publisher_held_ = size == 0;
        watch(connection.socket, &connection, size == 0 ? 0U : static_cast<std::uint32_t>(EPOLLIN),
              EPOLL_CTL_MOD);
        if (size == 0) return;
        const long got = read(connection, window_.data() + at, size);
        if (got == 0) return end(connection);
        if (got > 0) end_ += static_cast<std::uint64_t>(got);
        if (got <= 0 || connection.tls == nullptr) return;
        // A record at a time comes out of TLS: as a server does, some more before all are sent to.
        turn_bytes_ += static_cast<std::size_t>(got);
        if (turn_bytes_ < kTlsTurnBytes) return read_publisher(connection);
        is_publisher_held_ = SSL_has_pending(connection.tls) == 1;
    }

    void flush() {
        turn_bytes_ = 0;
        for (Connection* reader : readers_) {
            while (!reader->is_blocked && reader->sent < end_) write_some(*reader);
        }
    }

    void write_some(Connection& reader) {
        const std::size_t at = reader.sent % kWindowBytes;
        const std::size_t most = reader.tls != nullptr ? kTlsRecordBytes : kWriteBytes;
        const std::size_t size =
            std::min({static_cast<std::size_t>(end_ - reader.sent), most, kWindowBytes - at});
        long sent = 0;
        if (reader.tls == nullptr) {
            sent = ::send(reader.socket, window_.data() + at, size, MSG_NOSIGNAL);
        } else {
            std::size_t done = 0;
            const std::size_t whole = reader.stuck_bytes != 0 ? reader.stuck_bytes : size;
            const bool is_done = SSL_write_ex(reader.tls, window_.data() + at, whole, &done) == 1;
            reader.stuck_bytes = is_done ? 0 : whole;
            sent = is_done ? static_cast<long>(done) : -1;
        }
        if (sent < 0) {
            reader.is_blocked = true;
            watch(reader.socket, &reader, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        reader.sent += static_cast<std::uint64_t>(sent);
        if (reader.tls == nullptr && static_cast<std::size_t>(sent) < size) {
            reader.is_blocked = true;
            watch(reader.socket, &reader, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        }
    }

    void end(Connection& connection) {
        std::erase(readers_, &connection);
        if (publisher_ == &connection) publisher_ = nullptr;
        is_publisher_held_ = is_publisher_held_ && publisher_ != nullptr;
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, connection.socket, nullptr);
        if (connection.socket >= 0) ::close(std::exchange(connection.socket, -1));
    }

    SSL_CTX* tls_;
    int epoll_;
    int listener_ = -1;
    std::vector<char> window_;  // A ring; `end_` counts the bytes that ever came.
    std::uint64_t end_ = 0;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection*> readers_;
    Connection* publisher_ = nullptr;
    bool is_publisher_held_ = false;
    std::size_t turn_bytes_ = 0;  // TLS: read in this turn.
};

SSL_CTX* tls_context(const std::string& certificate, const std::string& key) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        std::fprintf(stderr, "floor: the certificate or its key cannot be used\n");
        std::exit(1);
    }
    return context;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Copies one socket's bytes to many; prints port=<number>"};
    std::string certificate;
    std::string key;
    app.add_option("--certificate", certificate);
    app.add_option("--key", key);
    CLI11_PARSE(app, argc, argv);
    Floor floor{certificate.empty() ? nullptr : tls_context(certificate, key)};
    floor.run();
}
