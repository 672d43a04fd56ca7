// SPDX-License-Identifier: Apache-2.0
// Publishers over MQTT 3.1.1, as fast as the server acknowledges, in one thread.
//
//   --qos 1: each publisher keeps `window` publishes unacknowledged, for `seconds` after a warm-up.
//   --qos 0: each publisher sends its share of `messages`, then a PINGREQ; the time ends with the
//            last PINGRESP.
// Prints one line: name=value pairs. CPU is that of the server's process (`--pid`).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "packets.h"
#include "process_cpu.h"

namespace firehose::bench {
namespace {

struct Options {
    std::uint16_t port = 1883;
    int pid = 0;
    unsigned publishers = 100;
    unsigned window = 1;
    unsigned payload = 256;
    unsigned qos = 1;
    double seconds = 5;
    double warm_up = 1;
    std::uint64_t messages = 1'000'000;  // With QoS 0.
    std::string user_name;
    std::string password_file;
    std::string durable_reader;  // A client id: subscribes at QoS 1 and goes away, to be owed.
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "durable_load: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

constexpr double kSilenceMax = 20;
constexpr std::size_t kBatchBytes = 64 * 1024;

/// One connection. Blocking until `start`, then driven by epoll.
class Publisher {
public:
    Publisher(std::uint16_t port, const std::string& hello) {
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
        if (socket_ < 0) give_up("socket");
        sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            give_up("connect");
        }
        const int on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const timeval patience{.tv_sec = static_cast<time_t>(kSilenceMax)};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (ask(hello, 4)[3] != 0) give_up("CONNACK refuses");
    }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;
    ~Publisher() { ::close(socket_); }

    /// Sends a request and waits for its answer of `length` bytes.
    std::string ask(const std::string& request, std::size_t length) {
        out_ = request;
        flush();
        std::string answer(length, '\0');
        if (::recv(socket_, answer.data(), length, MSG_WAITALL) != static_cast<ssize_t>(length)) {
            give_up("no answer");
        }
        return answer;
    }

    void drive_by_events() { ::fcntl(socket_, F_SETFL, O_NONBLOCK); }

    [[nodiscard]] int socket() const { return socket_; }
    [[nodiscard]] bool is_blocked() const { return !out_.empty(); }

    void flush() {
        std::size_t done = 0;
        while (done < out_.size()) {
            const ssize_t n = ::send(socket_, out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) break;
            if (n < 0) give_up("send");
            done += static_cast<std::size_t>(n);
        }
        out_.erase(0, done);
    }

    /// Reads what is there; returns how many whole answers of `length` bytes came.
    [[nodiscard]] std::size_t answers(std::size_t length) {
        std::array<char, 16 * 1024> buffer;
        const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return 0;
        if (n <= 0) give_up("the server closed");
        partial_ += static_cast<std::size_t>(n);
        const std::size_t whole = partial_ / length;
        partial_ %= length;
        return whole;
    }

    PublishTemplate packet;
    std::string out_;
    std::uint16_t next_id = 1;
    std::uint64_t unsent = 0;     // QoS 0.
    bool is_ping_sent = false;    // QoS 0.
    std::vector<double> sent_at;  // QoS 1: a ring of the window's size.
    std::size_t sent = 0;
    std::size_t acked = 0;

private:
    int socket_ = -1;
    std::size_t partial_ = 0;
};

/// All of one length, so that all packets are.
std::string topic(unsigned publisher) {
    std::string digits = std::to_string(publisher);
    return "bench/" + std::string(5 - digits.size(), '0') + digits;
}

class Load {
public:
    explicit Load(const Options& options) : options_(options), epoll_(::epoll_create1(0)) {
        Login login{.user_name = options.user_name};
        if (!options.password_file.empty()) {
            std::ifstream file{options.password_file};
            std::getline(file, login.password);
        }
        if (!options.durable_reader.empty()) {
            Publisher reader{options.port, connect_packet(options.durable_reader, login, false)};
            const std::string filter{"bench/#"};
            if (reader.ask(subscribe_packet(filter, mqtt::Qos::at_least_once), 5)[4] != 1) {
                give_up("SUBACK refuses");
            }
        }
        for (unsigned i = 0; i < options.publishers; ++i) {
            const std::string name = "bench-publisher-" + std::to_string(i);
            auto& one = publishers_.emplace_back(
                std::make_unique<Publisher>(options.port, connect_packet(name, login, true)));
            one->drive_by_events();
            one->packet = publish_template(topic(i), options.payload,
                                           mqtt::Qos{static_cast<std::uint8_t>(options.qos)});
            // On edges: every answer that can come at once fits the buffer that it is read into.
            epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = i}};
            ::epoll_ctl(epoll_, EPOLL_CTL_ADD, one->socket(), &event);
        }
    }
    ~Load() { ::close(epoll_); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Closed loop: an acknowledgement lets the next publish go.
    void run_qos1() {
        for (auto& one : publishers_) {
            one->sent_at.resize(options_.window);
            publish(*one, options_.window);
        }
        const double begin = now_s();
        turn_until(begin + options_.warm_up);
        latencies_.clear();
        const std::uint64_t acked = acked_;
        const double cpu = cpu_s(options_.pid);
        const double own = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        const double start = now_s();
        turn_until(start + options_.seconds);
        const double seconds = now_s() - start;
        report(acked_ - acked, seconds, cpu_s(options_.pid) - cpu,
               seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own);
    }

    /// Open loop, slowed by TCP alone.
    void run_qos0() {
        const double cpu = cpu_s(options_.pid);
        const double own = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        const double start = now_s();
        for (auto& one : publishers_) {
            one->unsent = options_.messages / publishers_.size();
            pour(*one);
        }
        while (pongs_ < publishers_.size()) {
            turn([this](Publisher& one) {
                if (!one.is_blocked()) pour(one);
                pongs_ += one.answers(2);
            });
        }
        const double seconds = now_s() - start;
        const std::uint64_t sent = options_.messages / publishers_.size() * publishers_.size();
        settle();
        report(sent, seconds, cpu_s(options_.pid) - cpu,
               seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own);
    }

private:
    void publish(Publisher& one, std::size_t count) {
        const double now = now_s();
        for (std::size_t i = 0; i < count; ++i) {
            one.sent_at[one.sent++ % one.sent_at.size()] = now;
            one.packet.append_to(one.out_, one.next_id);
            if (++one.next_id == 0) one.next_id = 1;
        }
        one.flush();
        if (one.is_blocked()) give_up("a window does not fit the socket");
    }

    void pour(Publisher& one) {
        while (!one.is_blocked() && !one.is_ping_sent) {
            while (one.unsent > 0 && one.out_.size() < kBatchBytes) {
                one.packet.append_to(one.out_, 0);
                --one.unsent;
            }
            if (one.unsent == 0) {
                one.out_ += kPingRequest;
                one.is_ping_sent = true;
            }
            one.flush();
        }
    }

    template <class Step>
    void turn(Step step) {
        std::array<epoll_event, 256> events;
        const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(kSilenceMax * 1000));
        if (n <= 0) give_up("the server is silent");
        for (int i = 0; i < n; ++i) {
            auto& one = *publishers_[events[static_cast<std::size_t>(i)].data.u32];
            if (one.is_blocked()) one.flush();
            step(one);
        }
    }

    void turn_until(double end) {
        while (now_s() < end) {
            turn([this](Publisher& one) {
                const std::size_t count = one.answers(4);
                if (count == 0) return;
                acked_ += count;
                const double now = now_s();
                for (std::size_t i = 0; i < count; ++i) {
                    const double then = one.sent_at[one.acked++ % one.sent_at.size()];
                    latencies_.push_back(static_cast<float>(now - then));
                }
                publish(one, count);
            });
        }
    }

    /// Until the server has done what it does behind the answers.
    void settle() const {
        constexpr double kIdle = 0.005;
        constexpr int kLooksMax = 60;
        double before = cpu_s(options_.pid);
        for (int i = 0; i < kLooksMax; ++i) {
            ::usleep(250'000);
            const double after = cpu_s(options_.pid);
            if (after - before < kIdle) return;
            before = after;
        }
    }

    void report(std::uint64_t messages, double seconds, double server_cpu, double own_cpu) {
        const auto count = static_cast<double>(std::max<std::uint64_t>(messages, 1));
        std::printf("messages=%llu seconds=%.3f rate=%.0f server_us=%.3f load_us=%.3f",
                    static_cast<unsigned long long>(messages), seconds, count / seconds,
                    server_cpu * 1e6 / count, own_cpu * 1e6 / count);
        if (!latencies_.empty()) {
            std::sort(latencies_.begin(), latencies_.end());
            const auto at = [this](double part) {
                const auto last = static_cast<double>(latencies_.size() - 1);
                return static_cast<double>(latencies_[static_cast<std::size_t>(last * part)]) * 1e3;
            };
            std::printf(" p50_ms=%.3f p99_ms=%.3f max_ms=%.3f", at(0.5), at(0.99), at(1));
        }
        std::printf("\n");
    }

    const Options& options_;
    int epoll_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    std::vector<float> latencies_;
    std::uint64_t acked_ = 0;
    std::uint64_t pongs_ = 0;
};

}  // namespace
}  // namespace firehose::bench

int main(int argc, char** argv) {
    firehose::bench::Options options;
    CLI::App app{"Publishers over MQTT 3.1.1, as fast as the server acknowledges"};
    app.add_option("--port", options.port);
    app.add_option("--pid", options.pid, "The server, for its CPU time");
    app.add_option("--publishers", options.publishers)->check(CLI::Range(1, 10'000));
    app.add_option("--window", options.window)->check(CLI::Range(1, 64));
    app.add_option("--payload", options.payload)->check(CLI::Range(0, 60'000));
    app.add_option("--qos", options.qos)->check(CLI::Range(0, 1));
    app.add_option("--seconds", options.seconds)->check(CLI::Range(0.1, 600.0));
    app.add_option("--warm-up", options.warm_up)->check(CLI::Range(0.0, 60.0));
    app.add_option("--messages", options.messages, "QoS 0 only");
    app.add_option("--user", options.user_name);
    app.add_option("--password-file", options.password_file);
    app.add_option("--durable-reader", options.durable_reader);
    CLI11_PARSE(app, argc, argv);
    firehose::bench::Load load{options};
    options.qos == 0 ? load.run_qos0() : load.run_qos1();
}
