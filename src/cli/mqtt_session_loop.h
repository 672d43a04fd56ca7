// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "client/client.h"
#include "source/backoff.h"
#include "source/tcp_connect.h"

/// The blocking loop of the command-line tools: one client::Client over TCP, driven by poll(2).
///
/// Connects, moves bytes and time, hands on events, and comes back after a lost connection with
/// back-off and jitter. The first attempt is not repeated: a wrong name should say so at once.
/// Ownership: of the connection; the handler and `stop` outlive the loop.
/// Threads:   the one that calls `run`; `stop` may be set from a signal handler.
/// Bounds:    while more than kOutputBytesMax are unsent, the handler is not asked for more.
namespace firehose::cli {

inline constexpr std::size_t kOutputBytesMax = 1U << 20U;

class MqttSessionHandler {
public:
    virtual ~MqttSessionHandler() = default;

    virtual void on_event(const client::Event& event) = 0;
    /// Once a turn, when everything that arrived was handed on: a place to publish and to flush.
    virtual void on_turn() {}
    /// A descriptor to watch for input now, or -1.
    [[nodiscard]] virtual int input_fd() { return -1; }
    virtual void on_input() {}
};

struct SessionLoopOptions {
    std::string command;  // "firehose sub": begins each line on standard error.
    source::TcpTarget target;
    bool reconnects = true;
    std::optional<Microseconds> time_limit;  // For everything.
    client::ClientOptions client;
};

enum class SessionEnd : std::uint8_t {
    finished,     // The handler called `finish`.
    interrupted,  // `stop` was set.
    timed_out,    // The time limit.
    failed,       // Said on standard error.
};

class MqttSessionLoop {
public:
    MqttSessionLoop(SessionLoopOptions options, MqttSessionHandler& handler,
                    source::StopSignal& stop);
    ~MqttSessionLoop();
    MqttSessionLoop(const MqttSessionLoop&) = delete;
    MqttSessionLoop& operator=(const MqttSessionLoop&) = delete;

    /// Runs to the end and says goodbye to the server where there is one.
    [[nodiscard]] SessionEnd run();
    /// What is unsent is still sent; then `run` returns.
    void finish() noexcept { is_finished_ = true; }
    /// As `finish`, after a sentence on standard error; `run` returns `failed`.
    void fail(const std::string& sentence);

    [[nodiscard]] client::Client& client() noexcept { return client_; }
    [[nodiscard]] bool is_output_full() const noexcept {
        return client_.output().size() >= kOutputBytesMax;
    }

private:
    [[nodiscard]] bool is_over() const noexcept;
    void connect();
    void serve_connection();
    /// One poll and what it brings. False when the connection is gone.
    [[nodiscard]] bool turn();
    [[nodiscard]] bool read_some();
    [[nodiscard]] bool write_some();
    void hand_on_events();
    void on_refused(const client::Refused& refused);
    void on_hang_up(const client::HangUp& hang_up);
    void lose(const std::string& reason);
    void say_goodbye();
    void close();
    void say(const std::string& sentence) const;
    [[nodiscard]] int poll_ms(std::optional<MonotonicTime> also_at);

    SessionLoopOptions options_;
    MqttSessionHandler& handler_;
    source::StopSignal& stop_;
    SystemClock clock_;
    client::Client client_;
    source::Backoff backoff_;
    std::optional<MonotonicTime> deadline_;
    MonotonicTime connected_at_;
    int fd_ = -1;
    bool had_session_ = false;  // CONNACK came once.
    bool is_finished_ = false;
    bool is_hopeless_ = false;
    std::string last_words_;  // Why the server ended the connection.
};

/// Sets `stop` at SIGINT and SIGTERM. Call once; `stop` lives as long as the program.
void stop_at_signals(source::StopSignal& stop);

}  // namespace firehose::cli
