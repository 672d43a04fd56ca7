// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace firehose::cli {
namespace {

constexpr std::size_t kPasswordBytesMax = 65'535;

}  // namespace

NoEcho::NoEcho() : is_on_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_on_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    is_on_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
}

NoEcho::~NoEcho() {
    if (is_on_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

std::optional<std::string> read_line() {
    std::string line;
    char byte = 0;
    while (true) {
        const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            if (line.empty()) return std::nullopt;
            return line;
        }
        if (byte == '\n') {
            if (line.ends_with('\r')) line.pop_back();
            return line;
        }
        line += byte;
        if (line.size() > kPasswordBytesMax) return std::nullopt;
    }
}

std::optional<std::string> ask(const char* prompt) {
    std::fputs(prompt, stderr);
    return read_line();
}

}  // namespace firehose::cli
