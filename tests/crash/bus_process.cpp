// SPDX-License-Identifier: Apache-2.0
#include "bus_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <utility>

#include "base/random.h"

namespace firehose::crash {
namespace {

constexpr int kStartMaxMs = 60'000;

/// Free now, and below the range from which the kernel gives ports to clients: it has to be free
/// again after each kill.
std::uint16_t free_port() {
    Random random{random_seed()};
    for (;;) {
        const auto port = static_cast<std::uint16_t>(15'000 + random.below(17'000));
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool is_free =
            ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(socket);
        if (is_free) return port;
    }
}

}  // namespace

BusProcess::BusProcess(std::string program, std::string folder, std::string more_options)
    : program_(std::move(program)),
      folder_(std::move(folder)),
      more_options_(std::move(more_options)),
      mqtt_port_(free_port()),
      http_port_(free_port()) {}

void BusProcess::write_config() const {
    std::ofstream{folder_ + "/firehose.toml"}
        << "data = \"" << folder_ << "/var\"\n[listen]\nmqtt = [\"127.0.0.1:" << mqtt_port_
        << "\"]\nhttp = [\"127.0.0.1:" << http_port_ << "\"]\n[auth]\npassword_file = \"" << folder_
        << "/users\"\nacl_file = \"" << folder_ << "/acl\"\n"
        << more_options_;
}

std::string BusProcess::start() {
    return begin_start() ? wait_until_ready() : "no child";
}

bool BusProcess::begin_start() {
    write_config();
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
    const std::string config = folder_ + "/firehose.toml";
    const std::string errors = folder_ + "/errors";
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        const int log = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(pipe[1], STDOUT_FILENO);
        ::dup2(log, STDERR_FILENO);
        ::close_range(STDERR_FILENO + 1, ~0U, 0);
        ::execl(program_.c_str(), program_.c_str(), "serve", "-c", config.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(pipe[1]);
    if (output_ >= 0) ::close(output_);
    output_ = pipe[0];
    return child_ > 0;
}

std::string BusProcess::wait_until_ready() {
    std::string text;
    for (;;) {
        pollfd wait{.fd = output_, .events = POLLIN};
        if (::poll(&wait, 1, kStartMaxMs) <= 0) return "it is not ready after a minute";
        std::array<char, 4096> buffer;
        const ssize_t n = ::read(output_, buffer.data(), buffer.size());
        if (n <= 0) return "it ended before it was ready";
        text.append(buffer.data(), static_cast<std::size_t>(n));
        const std::size_t ready = text.find("ready mqtt=");
        if (ready != std::string::npos && text.find('\n', ready) != std::string::npos) return {};
    }
}

bool BusProcess::kill() {
    if (!is_running()) return false;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
    return true;
}

bool BusProcess::is_running() {
    int status = 0;
    if (child_ > 0 && ::waitpid(child_, &status, WNOHANG) == child_) {
        child_ = 0;
        has_ended_well_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return child_ > 0;
}

void BusProcess::ask_to_stop() {
    if (is_running()) ::kill(child_, SIGTERM);
}

}  // namespace firehose::crash
