// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ws/encoder.h"

namespace firehose::bench {
namespace {

constexpr time_t kPatienceS = 30;
/// Connections that share a source address: below the number of its ports.
constexpr std::size_t kConnectionsPerAddress = 5'000;

SSL_CTX* tls_context() {
    static SSL_CTX* const context = [] {
        SSL_CTX* made = SSL_CTX_new(TLS_client_method());
        // The certificate was made for this run; what is measured is the server.
        SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return made;
    }();
    return context;
}

int connected_socket(const Target& target, std::size_t index, int receive_buffer) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0) give_up("socket: " + std::string{std::strerror(errno)});
    const int on = 1;
    ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(made, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (receive_buffer > 0) {
        ::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval patience{.tv_sec = kPatienceS};
    ::setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{.sin_family = AF_INET};
    const auto host = static_cast<std::uint32_t>(index / kConnectionsPerAddress);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    if (::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        give_up("bind: " + std::string{std::strerror(errno)});
    }
    address.sin_port = htons(target.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        give_up("connect: " + std::string{std::strerror(errno)});
    }
    return made;
}

}  // namespace

void give_up(const std::string& what) {
    std::fprintf(stderr, "bus_load: %s\n", what.c_str());
    std::exit(1);
}

std::size_t Deframer::unframe(std::span<char> bytes) {
    std::size_t kept = 0;
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (payload_left_ > 0) {
            const auto part = std::min<std::uint64_t>(payload_left_, bytes.size() - at);
            std::memmove(bytes.data() + kept, bytes.data() + at, part);
            kept += part;
            at += part;
            payload_left_ -= part;
            continue;
        }
        header_[header_have_++] = static_cast<unsigned char>(bytes[at++]);
        if (header_have_ < 2) continue;
        const unsigned length = header_[1] & 0x7FU;
        const std::size_t need = length == 127 ? 10 : length == 126 ? 4 : 2;
        if (header_have_ < need) continue;
        if ((header_[0] & 0x0FU) > 2) give_up("a WebSocket control frame: nobody asked for one");
        payload_left_ = need == 2 ? length : 0;
        for (std::size_t i = 2; i < need; ++i) payload_left_ = payload_left_ << 8U | header_[i];
        header_have_ = 0;
    }
    return kept;
}

Wire::Wire(const Target& target, std::size_t index, int receive_buffer)
    : target_(target), socket_(connected_socket(target, index, receive_buffer)) {
    if (target.is_tls()) {
        tls_.reset(SSL_new(tls_context()));
        SSL_set_fd(tls_.get(), socket_);
        if (SSL_connect(tls_.get()) != 1) give_up("the TLS handshake failed");
    }
    if (target.is_websocket()) open_websocket();
}

Wire::~Wire() {
    if (socket_ >= 0) ::close(socket_);
}

void Wire::open_websocket() {
    const std::string request = "GET " + target_.path +
                                " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIGJlbmNoIGlzIG9uIQ==\r\n"
                                "Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    if (transmit(request) != static_cast<long>(request.size())) give_up("the upgrade was not sent");
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        char byte = 0;
        if (receive(&byte, 1) != 1) give_up("no answer to the upgrade");
        head += byte;
    }
    if (!head.starts_with("HTTP/1.1 101")) give_up("no WebSocket: " + head.substr(0, 40));
}

long Wire::receive(char* into, std::size_t size) {
    if (!tls_) return ::recv(socket_, into, size, 0);
    std::size_t done = 0;
    // A record at a time, until nothing whole is there: the descriptor alone does not tell.
    while (done < size) {
        std::size_t part = 0;
        if (SSL_read_ex(tls_.get(), into + done, size - done, &part) == 1) {
            done += part;
            if (is_blocking_) break;
            continue;
        }
        const int error = SSL_get_error(tls_.get(), 0);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
        return 0;
    }
    ERR_clear_error();
    if (done > 0) return static_cast<long>(done);
    errno = EAGAIN;
    return -1;
}

long Wire::transmit(std::string_view bytes) {
    if (!tls_) return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::size_t done = 0;
    if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &done) == 1) {
        return static_cast<long>(done);
    }
    const int error = SSL_get_error(tls_.get(), 0);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) give_up("TLS write failed");
    errno = EAGAIN;
    return -1;
}

void Wire::send(std::string_view bytes) {
    if (target_.is_websocket()) {
        ByteBuffer frame;
        ws::append_masked_frame(frame, ws::Opcode::binary, as_bytes(bytes), 0x5A17C30BU);
        out_ += as_text(frame);
    } else {
        out_ += bytes;
    }
    flush();
}

void Wire::flush() {
    std::size_t done = 0;
    while (done < out_.size()) {
        const long sent = transmit(std::string_view{out_}.substr(done));
        if (sent < 0 && errno == EAGAIN) break;
        if (sent < 0) give_up("send: " + std::string{std::strerror(errno)});
        done += static_cast<std::size_t>(sent);
    }
    out_.erase(0, done);
}

std::string_view Wire::read(std::span<char> buffer) {
    const std::size_t had = rest_.copy(buffer.data(), rest_.size());
    rest_.clear();
    const long got = receive(buffer.data() + had, buffer.size() - had);
    if (got == 0) give_up("the server closed a connection");
    if (got < 0 && errno != EAGAIN) give_up("receive: " + std::string{std::strerror(errno)});
    was_filled_ = got == static_cast<long>(buffer.size() - had);
    std::size_t fresh = got < 0 ? 0 : static_cast<std::size_t>(got);
    if (target_.is_websocket()) fresh = deframer_.unframe(buffer.subspan(had, fresh));
    return {buffer.data(), had + fresh};
}

std::string Wire::ask(std::string_view request, std::size_t length) {
    send(request);
    if (is_blocked()) give_up("a request does not fit the socket");
    std::array<char, 4'096> buffer;
    std::string answer;
    while (answer.size() < length) {
        const std::string_view got = read(buffer);
        if (got.empty()) give_up("no answer in time");
        answer += got;
    }
    return answer;
}

void Wire::drive_by_events() {
    is_blocking_ = false;
    if (::fcntl(socket_, F_SETFL, O_NONBLOCK) != 0) give_up("fcntl");
}

void Wire::reset() {
    const linger none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ::close(socket_);
    socket_ = -1;
}

}  // namespace firehose::bench
