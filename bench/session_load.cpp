// SPDX-License-Identifier: Apache-2.0
// Makes durable sessions that are away: each connects with a name (MQTT 3.1.1, clean session 0),
// subscribes to one filter at QoS 1, and says goodbye. `--width` of them at a time.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "packets.h"
#include "process_cpu.h"

namespace firehose::bench {
namespace {

struct Options {
    std::uint16_t port = 1883;
    int pid = 0;
    unsigned first = 0;
    unsigned count = 1'000;
    unsigned width = 200;
    Login login;
    std::string password_file;
    std::string filter = "gerrit/infra/+/change-merged";
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "session_load: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

/// From an address of its own for every so many, because a port that was used rests a while.
int open_socket(std::uint16_t port, unsigned number) {
    constexpr unsigned kPerAddress = 10'000;
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number / kPerAddress);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(socket, where, sizeof address) != 0) give_up("bind");
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, where, sizeof address) != 0) give_up("connect");
    const timeval patience{.tv_sec = 30};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
}

/// CONNACK and SUBACK; the server closes after our DISCONNECT.
void expect_answers(int socket) {
    std::array<char, 9> answers{};
    if (::recv(socket, answers.data(), answers.size(), MSG_WAITALL) != 9) give_up("no answer");
    if (answers[3] != 0 || answers[8] != 1) give_up("refused");
    const std::array<char, 2> goodbye{'\xE0', '\0'};
    static_cast<void>(::send(socket, goodbye.data(), goodbye.size(), MSG_NOSIGNAL));
    static_cast<void>(::recv(socket, answers.data(), 1, 0));
    ::close(socket);
}

void make_sessions(const Options& options) {
    const std::string subscribe = subscribe_packet(options.filter, mqtt::Qos::at_least_once);
    std::vector<int> sockets;
    const double start = now_s();
    const double cpu = cpu_s(options.pid);
    for (unsigned done = 0; done < options.count; done += options.width) {
        sockets.clear();
        for (unsigned i = done; i < std::min(done + options.width, options.count); ++i) {
            const unsigned number = options.first + i;
            const std::string name = "reader-" + std::to_string(number);
            const std::string hello = connect_packet(name, options.login, false) + subscribe;
            sockets.push_back(open_socket(options.port, number));
            if (::send(sockets.back(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) {
                give_up("send");
            }
        }
        for (const int socket : sockets) expect_answers(socket);
    }
    const double seconds = now_s() - start;
    std::printf("sessions=%u seconds=%.1f rate=%.0f server_us=%.1f\n", options.count, seconds,
                options.count / seconds, (cpu_s(options.pid) - cpu) * 1e6 / options.count);
}

}  // namespace
}  // namespace firehose::bench

int main(int argc, char** argv) {
    firehose::bench::Options options;
    CLI::App app{"Durable sessions that are away"};
    app.add_option("--port", options.port);
    app.add_option("--pid", options.pid, "The server, for its CPU time");
    app.add_option("--first", options.first, "Number of the first session");
    app.add_option("--count", options.count);
    app.add_option("--width", options.width)->check(CLI::Range(1, 1'000));
    app.add_option("--user", options.login.user_name);
    app.add_option("--password-file", options.password_file);
    app.add_option("--filter", options.filter);
    CLI11_PARSE(app, argc, argv);
    std::ifstream file{options.password_file};
    std::getline(file, options.login.password);
    firehose::bench::make_sessions(options);
}
