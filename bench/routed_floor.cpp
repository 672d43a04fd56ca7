// SPDX-License-Identifier: Apache-2.0
// The floor of routing: real topic filters from a perfect memo, one encoding, and one sendmsg for
// each subscriber and loop turn.
//
// It understands as much of MQTT 3.1.1 as the load generator speaks (CONNECT, SUBSCRIBE at QoS 0,
// PUBLISH at QoS 0, DISCONNECT), checks nothing, and forgets nothing: no server could do less.
// A PUBLISH at QoS 0 leaves as it came, so its bytes are shared by all who want it.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "load/message.h"
#include "topic/topic_filter.h"

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kPartsMax = 1'024;
constexpr std::size_t kBacklogBytes = 8 * 1024 * 1024;

struct Connection {
    int socket = -1;
    std::string rest;          // No whole packet yet.
    std::string filter;        // A subscriber's.
    std::vector<iovec> parts;  // Of this turn, into the read buffers.
    std::size_t part_bytes = 0;
    std::string backlog;  // What the socket did not take.
    bool is_listed = false;
};

class RoutedFloor {
public:
    RoutedFloor() : epoll_(::epoll_create1(0)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_in address{.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 4'096) != 0) {
            std::perror("listen");
            std::exit(1);
        }
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
            for (Connection* one : std::exchange(to_flush_, {})) flush(*one);
            buffers_used_ = 0;
            ended_.clear();
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
        if ((event.events & EPOLLOUT) != 0) list(*connection);
        if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) on_readable(*connection);
    }

    void accept_all() {
        for (;;) {
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (socket < 0) return;
            const int on = 1;
            ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            auto made = std::make_unique<Connection>();
            made->socket = socket;
            watch(socket, made.get(), EPOLLIN, EPOLL_CTL_ADD);
            connections_.emplace(made.get(), std::move(made));
        }
    }

    /// Buffers live until the end of the turn: what is fanned out lies in them.
    std::vector<char>& buffer() {
        if (buffers_used_ == buffers_.size()) {
            buffers_.push_back(std::make_unique<std::vector<char>>(kReadBytes + 65'536));
        }
        return *buffers_[buffers_used_];
    }

    void on_readable(Connection& connection) {
        std::vector<char>& into = buffer();
        const std::size_t had = connection.rest.copy(into.data(), connection.rest.size());
        const long got = ::recv(connection.socket, into.data() + had, kReadBytes, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return end(connection);
        const std::string_view bytes{into.data(), had + static_cast<std::size_t>(got)};
        firehose::bench::PacketCursor packets{bytes};
        bool has_publish = false;
        const char* begin = bytes.data();
        while (packets.next()) {
            const char* const after = packets.rest().data();
            switch (packets.first_byte & 0xF0U) {
                case 0x10:
                    reply(connection, std::string_view{"\x20\x02\0\0", 4});
                    break;
                case 0x80:
                    subscribe(connection, packets.body);
                    break;
                case 0x30:
                    route({begin, static_cast<std::size_t>(after - begin)}, packets.body);
                    has_publish = true;
                    break;
                case 0xE0:
                    return end(connection);
                default:
                    break;
            }
            begin = after;
        }
        connection.rest.assign(packets.rest());
        if (has_publish) ++buffers_used_;
    }

    void reply(Connection& connection, std::string_view bytes) {
        connection.backlog += bytes;
        list(connection);
    }

    void subscribe(Connection& connection, std::string_view body) {
        const std::size_t length = firehose::bench::u16_at(body, 2);
        connection.filter.assign(body.substr(4, length));
        memo_.clear();
        subscribers_.push_back(&connection);
        const char suback[] = {'\x90', 3, body[0], body[1], 0};
        reply(connection, {suback, sizeof suback});
    }

    void route(std::string_view packet, std::string_view body) {
        const std::string_view topic = body.substr(2, firehose::bench::u16_at(body, 0));
        auto found = memo_.find(std::string{topic});
        if (found == memo_.end()) {
            std::vector<Connection*> wanting;
            for (Connection* one : subscribers_) {
                if (firehose::topic::matches(one->filter, topic)) wanting.push_back(one);
            }
            found = memo_.emplace(topic, std::move(wanting)).first;
        }
        for (Connection* one : found->second) {
            append(*one, packet);
            list(*one);
        }
    }

    /// Packets that follow one another in a buffer are one part.
    static void append(Connection& one, std::string_view packet) {
        one.part_bytes += packet.size();
        if (!one.parts.empty()) {
            iovec& last = one.parts.back();
            if (static_cast<const char*>(last.iov_base) + last.iov_len == packet.data()) {
                last.iov_len += packet.size();
                return;
            }
        }
        one.parts.push_back({const_cast<char*>(packet.data()), packet.size()});
    }

    void list(Connection& one) {
        if (!std::exchange(one.is_listed, true)) to_flush_.push_back(&one);
    }

    void flush(Connection& one) {
        one.is_listed = false;
        if (one.socket < 0) return;
        if (!one.backlog.empty() || one.parts.size() > kPartsMax) move_to_backlog(one, 0);
        const bool was_blocked = !one.backlog.empty();
        if (was_blocked) {
            const long sent =
                ::send(one.socket, one.backlog.data(), one.backlog.size(), MSG_NOSIGNAL);
            if (sent > 0) one.backlog.erase(0, static_cast<std::size_t>(sent));
            watch(one.socket, &one, one.backlog.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT,
                  EPOLL_CTL_MOD);
            return;
        }
        if (one.parts.empty()) return;
        msghdr message{};
        message.msg_iov = one.parts.data();
        message.msg_iovlen = one.parts.size();
        const long sent = ::sendmsg(one.socket, &message, MSG_NOSIGNAL);
        const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
        if (done == one.part_bytes) {
            one.parts.clear();
            one.part_bytes = 0;
            return;
        }
        move_to_backlog(one, done);
        watch(one.socket, &one, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }

    static void move_to_backlog(Connection& one, std::size_t sent) {
        for (const iovec& part : one.parts) {
            const std::size_t skipped = std::min(sent, part.iov_len);
            sent -= skipped;
            one.backlog.append(static_cast<const char*>(part.iov_base) + skipped,
                               part.iov_len - skipped);
        }
        one.parts.clear();
        one.part_bytes = 0;
        if (one.backlog.size() > kBacklogBytes) {
            std::fprintf(stderr, "routed_floor: a reader is too slow\n");
            std::exit(1);
        }
    }

    void end(Connection& connection) {
        ::close(std::exchange(connection.socket, -1));
        if (!connection.filter.empty()) {
            std::erase(subscribers_, &connection);
            memo_.clear();
        }
        const auto found = connections_.find(&connection);
        ended_.push_back(std::move(found->second));
        connections_.erase(found);
    }

    int epoll_;
    int listener_ = -1;
    std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
    std::vector<std::unique_ptr<Connection>> ended_;
    std::vector<Connection*> subscribers_;
    std::unordered_map<std::string, std::vector<Connection*>> memo_;
    std::vector<Connection*> to_flush_;
    std::vector<std::unique_ptr<std::vector<char>>> buffers_;
    std::size_t buffers_used_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Routes MQTT 3.1.1 at QoS 0 and does nothing else; prints port=<number>"};
    CLI11_PARSE(app, argc, argv);
    RoutedFloor floor;
    floor.run();
}
