// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/command.h"

namespace firehose::cli {
namespace {

void complain() {
    std::fprintf(stderr, "firehose: cannot go into the background: %s\n", std::strerror(errno));
}

/// One byte comes: the exit code. None: the background process died.
[[noreturn]] void wait_and_exit(int pipe) {
    unsigned char code = kExitFailed;
    while (::read(pipe, &code, 1) < 0 && errno == EINTR) {
    }
    std::_Exit(code);
}

}  // namespace

std::optional<Daemon> Daemon::begin() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        complain();
        return std::nullopt;
    }
    net::FileDescriptor reads{ends[0]};
    net::FileDescriptor writes{ends[1]};
    const pid_t first = ::fork();
    if (first < 0) {
        complain();
        return std::nullopt;
    }
    if (first > 0) {
        writes = {};
        wait_and_exit(reads.get());
    }
    // A session of its own, and then no leader of one, so that no terminal can become its own.
    if (::setsid() < 0) std::_Exit(kExitFailed);
    const pid_t second = ::fork();
    if (second != 0) std::_Exit(second < 0 ? kExitFailed : kExitOk);
    return Daemon{std::move(writes)};
}

void Daemon::tell_ready() {
    std::fflush(nullptr);
    const net::FileDescriptor nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        std::ignore = ::dup2(nothing.get(), stream);
    }
    tell_failed(kExitOk);
}

void Daemon::tell_failed(int exit_code) {
    const auto code = static_cast<unsigned char>(exit_code);
    if (starter_.get() >= 0) std::ignore = ::write(starter_.get(), &code, 1);
    starter_ = {};
}

}  // namespace firehose::cli
