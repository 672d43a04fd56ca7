// SPDX-License-Identifier: Apache-2.0
// The floor of durable publishing: a server without MQTT in it. It appends what its connections
// send to one file, syncs once for all that came in the meantime, and answers.
//
//   durable_floor <file> --packet-bytes N --id-at K    serves the load generator: the first packet
//       of a connection is answered by a CONNACK, every N bytes after it by the PUBACK of the
//       identifier at K. What follows from MQTT ends there. Prints its port; ends when all closed.
//   durable_floor <file> --alone S                     no sockets: for S seconds appends the
//       packets of `--waiters` at once and syncs. What the disk alone allows.
// `--zeroed` writes zeros over the file first, so that a sync need not journal its growth.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "process_cpu.h"

namespace firehose::bench {
namespace {

struct Options {
    std::string file;
    std::size_t packet_bytes = 0;
    std::size_t id_at = 0;
    unsigned waiters = 100;
    double alone = 0;
    bool zeroed = false;
};

constexpr std::size_t kZeroedBytes = 1024UL * 1024 * 1024;

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "durable_floor: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

class Appender {
public:
    Appender(const std::string& path, bool zeroed)
        : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600)) {
        if (file_ < 0) give_up(path.c_str());
        if (!zeroed) return;
        const std::string zeros(1024UL * 1024, '\0');
        for (std::size_t done = 0; done < kZeroedBytes; done += zeros.size()) put(zeros);
        if (::fsync(file_) != 0 || ::lseek(file_, 0, SEEK_SET) != 0) give_up("zeroing");
    }
    ~Appender() { ::close(file_); }
    Appender(const Appender&) = delete;
    Appender& operator=(const Appender&) = delete;

    void append(const std::string& bytes) {
        put(bytes);
        if (::fdatasync(file_) != 0) give_up("fdatasync");
    }

private:
    void put(const std::string& bytes) const {
        if (::write(file_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
            give_up("write");
        }
    }

    int file_;
};

struct Connection {
    int socket = -1;
    bool is_greeted = false;
    std::string input;    // Less than a packet.
    std::string answers;  // To what is in this turn's batch.
};

class Server {
public:
    explicit Server(const Options& options)
        : options_(options),
          file_(options.file, options.zeroed),
          epoll_(::epoll_create1(0)),
          door_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
        sockaddr_in address{.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const where = reinterpret_cast<sockaddr*>(&address);
        if (::bind(door_, where, length) != 0 || ::listen(door_, SOMAXCONN) != 0 ||
            ::getsockname(door_, where, &length) != 0) {
            give_up("listen");
        }
        epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, door_, &event);
        std::printf("port=%u\n", static_cast<unsigned>(ntohs(address.sin_port)));
        std::fflush(stdout);
    }

    void run() {
        while (!has_served_ || open_ > 0) {
            std::array<epoll_event, 1024> events;
            const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) {
                void* const who = events[static_cast<std::size_t>(i)].data.ptr;
                who == nullptr ? accept() : read(*static_cast<Connection*>(who));
            }
            if (batch_.empty()) continue;
            file_.append(batch_);
            batch_.clear();
            for (Connection* one : waiting_) {
                static_cast<void>(
                    ::send(one->socket, one->answers.data(), one->answers.size(), MSG_NOSIGNAL));
                one->answers.clear();
            }
            waiting_.clear();
        }
    }

private:
    void accept() {
        const int socket = ::accept4(door_, nullptr, nullptr, SOCK_NONBLOCK);
        if (socket < 0) return;
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections_.push_back(std::make_unique<Connection>(Connection{.socket = socket}));
        epoll_event event{.events = EPOLLIN, .data = {.ptr = connections_.back().get()}};
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
        has_served_ = true;
        ++open_;
    }

    void read(Connection& one) {
        static std::array<char, 256UL * 1024> buffer;
        const ssize_t n = ::recv(one.socket, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            ::close(one.socket);
            --open_;
            return;
        }
        one.input.append(buffer.data(), static_cast<std::size_t>(n));
        if (!one.is_greeted) return greet(one);
        std::size_t done = 0;
        const bool was_waiting = !one.answers.empty();
        for (; one.input.size() - done >= options_.packet_bytes; done += options_.packet_bytes) {
            one.answers += {'\x40', '\x02', one.input[done + options_.id_at],
                            one.input[done + options_.id_at + 1]};
        }
        batch_.append(one.input, 0, done);
        one.input.erase(0, done);
        if (!was_waiting && !one.answers.empty()) waiting_.push_back(&one);
    }

    static void greet(Connection& one) {
        one.is_greeted = true;
        one.input.clear();
        static_cast<void>(::send(one.socket, "\x20\x02\x00\x00", 4, MSG_NOSIGNAL));
    }

    const Options& options_;
    Appender file_;
    int epoll_;
    int door_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection*> waiting_;
    std::string batch_;
    std::size_t open_ = 0;
    bool has_served_ = false;
};

void run_alone(const Options& options) {
    Appender file{options.file, options.zeroed};
    const std::string batch(options.packet_bytes * options.waiters, 'x');
    const double start = now_s();
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    std::size_t syncs = 0;
    while (now_s() - start < options.alone &&
           (!options.zeroed || (syncs + 1) * batch.size() < kZeroedBytes)) {
        file.append(batch);
        ++syncs;
    }
    const double seconds = now_s() - start;
    const auto messages = static_cast<double>(syncs * options.waiters);
    std::printf("messages=%.0f seconds=%.3f rate=%.0f server_us=%.3f sync_us=%.1f\n", messages,
                seconds, messages / seconds,
                (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / messages,
                seconds * 1e6 / static_cast<double>(syncs));
}

}  // namespace
}  // namespace firehose::bench

int main(int argc, char** argv) {
    firehose::bench::Options options;
    CLI::App app{"The floor of durable publishing: no MQTT, one file, one sync for all that wait"};
    app.add_option("file", options.file)->required();
    app.add_option("--packet-bytes", options.packet_bytes)->required();
    app.add_option("--id-at", options.id_at);
    app.add_option("--waiters", options.waiters);
    app.add_option("--alone", options.alone, "Seconds");
    app.add_flag("--zeroed", options.zeroed);
    CLI11_PARSE(app, argc, argv);
    if (options.alone > 0) {
        firehose::bench::run_alone(options);
    } else {
        firehose::bench::Server{options}.run();
    }
}
