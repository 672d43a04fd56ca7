// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.h"
#include "net/tcp_stream.h"

/// For net's tests: a loop, a listener on a port that the kernel picks, and a plain blocking-free
/// client socket on the other side, driven turn by turn on one thread.
///
/// Lifetime: one test. Threads: one.
namespace firehose::net {

/// Writes down what a stream told it.
class StreamLog final : public ByteStreamHandler {
public:
    void on_bytes(ByteSpan bytes) override {
        received += as_text(bytes);
        if (then_bytes) then_bytes();
    }
    void on_writable() override {
        ++writable;
        if (then_writable) then_writable();
    }
    void on_closed(const std::string& why) override {
        ++closed;
        reason = why;
        if (then_closed) then_closed();
    }

    std::string received;
    int writable = 0;
    int closed = 0;
    std::string reason;
    std::function<void()> then_bytes;
    std::function<void()> then_writable;
    std::function<void()> then_closed;
};

class Loopback {
public:
    explicit Loopback(ListenOptions options = {.host = "127.0.0.1"});

    /// Turns until `is_true` or, a failure, after five seconds.
    [[nodiscard]] bool turn_until(const std::function<bool()>& is_true);
    /// A raw non-blocking client socket, and the accepted stream with its log as handler.
    [[nodiscard]] FileDescriptor connect();

    SystemClock clock;
    std::unique_ptr<EventLoop> loop;
    StreamLog log;
    std::unique_ptr<TcpStream> stream;
    std::unique_ptr<Listener> listener;
};

/// Everything that the raw socket has to read now.
[[nodiscard]] std::string read_all(const FileDescriptor& socket);
void write_all(const FileDescriptor& socket, std::string_view text);
/// Closes so that the other side sees a reset.
void reset_connection(FileDescriptor& socket);

}  // namespace firehose::net
