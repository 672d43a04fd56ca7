// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <optional>
#include <string>

/// Asking a person, and reading secrets without showing them.
///
/// Threads: the main thread. Reads byte by byte, so that nothing of what follows the line is lost.
namespace firehose::cli {

/// Turns the terminal's echo off while it lives.
class NoEcho {
public:
    NoEcho();
    ~NoEcho();
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;

    [[nodiscard]] bool is_on() const noexcept { return is_on_; }

private:
    termios before_{};
    bool is_on_;
};

/// One line of standard input without its end; nullopt at the end of the input, or when it is
/// longer than a password can be.
[[nodiscard]] std::optional<std::string> read_line();

/// `read_line` after a prompt on standard error.
[[nodiscard]] std::optional<std::string> ask(const char* prompt);

}  // namespace firehose::cli
