// SPDX-License-Identifier: Apache-2.0
#include "cli/mqtt_session_loop.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/random.h"

namespace firehose::cli {
namespace {

constexpr std::size_t kReadBytes = 65'536;
constexpr Microseconds kGoodbye = std::chrono::seconds{2};
constexpr source::BackoffOptions kBackoff{.first = std::chrono::milliseconds{500},
                                          .longest = std::chrono::seconds{30},
                                          .good_after = std::chrono::seconds{60}};

using mqtt::ReasonCode;

/// Refusals that the next attempt would meet again.
bool is_permanent(ReasonCode reason) noexcept {
    switch (reason) {
        case ReasonCode::unsupported_protocol_version:
        case ReasonCode::client_identifier_not_valid:
        case ReasonCode::bad_user_name_or_password:
        case ReasonCode::not_authorized:
        case ReasonCode::banned:
        case ReasonCode::bad_authentication_method:
        case ReasonCode::session_taken_over:
        case ReasonCode::packet_too_large:
        case ReasonCode::malformed_packet:
        case ReasonCode::protocol_error:
            return true;
        default:
            return false;
    }
}

const char* remedy(ReasonCode reason) noexcept {
    switch (reason) {
        case ReasonCode::unsupported_protocol_version:
            return "; try --protocol 311";
        case ReasonCode::bad_user_name_or_password:
            return "; check --username and the password";
        case ReasonCode::not_authorized:
            return "; the server wants --username, or this user may not connect";
        case ReasonCode::session_taken_over:
            return "; another client uses the same --id";
        default:
            return "";
    }
}

std::string errno_text() {
    return std::generic_category().message(errno);
}

source::StopSignal* stop_of_signals = nullptr;

void on_signal(int /*number*/) {
    const int saved = errno;
    stop_of_signals->set();  // A store and a write(2): both allowed in a handler.
    errno = saved;
}

}  // namespace

void stop_at_signals(source::StopSignal& stop) {
    stop_of_signals = &stop;
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // A second Ctrl-C ends it at once.
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

MqttSessionLoop::MqttSessionLoop(SessionLoopOptions options, MqttSessionHandler& handler,
                                 source::StopSignal& stop)
    : options_(std::move(options)),
      handler_(handler),
      stop_(stop),
      client_(options_.client),
      backoff_(kBackoff, random_seed()) {}

MqttSessionLoop::~MqttSessionLoop() {
    close();
}

SessionEnd MqttSessionLoop::run() {
    if (options_.time_limit) deadline_ = clock_.monotonic() + *options_.time_limit;
    while (!is_over()) {
        connect();
        if (fd_ < 0) continue;
        serve_connection();
        close();
    }
    if (is_hopeless_) return SessionEnd::failed;
    if (is_finished_) return SessionEnd::finished;
    return stop_.is_set ? SessionEnd::interrupted : SessionEnd::timed_out;
}

void MqttSessionLoop::fail(const std::string& sentence) {
    say(sentence);
    is_hopeless_ = true;
}

bool MqttSessionLoop::is_over() const noexcept {
    if (is_finished_ || is_hopeless_ || stop_.is_set) return true;
    SystemClock clock;
    return deadline_ && clock.monotonic() >= *deadline_;
}

void MqttSessionLoop::connect() {
    source::TcpTarget target = options_.target;
    if (deadline_) target.timeout = std::min(target.timeout, *deadline_ - clock_.monotonic());
    auto fd = source::tcp_connect(target, stop_, clock_);
    if (!fd) {
        if (!stop_.is_set) lose(fd.error());
        return;
    }
    fd_ = *fd;
    connected_at_ = clock_.monotonic();
    last_words_.clear();
    client_.on_connected(connected_at_);
}

void MqttSessionLoop::serve_connection() {
    bool is_open = true;
    while (is_open && !is_over()) {
        is_open = turn();
        hand_on_events();
        if (!last_words_.empty()) is_open = false;
        if (is_open && client_.is_connected()) handler_.on_turn();
        hand_on_events();
    }
    if (is_over() && is_open) {
        say_goodbye();
    } else if (!is_over()) {
        lose(last_words_.empty() ? "the server closed the connection" : last_words_);
    }
}

bool MqttSessionLoop::turn() {
    const int input = client_.is_connected() ? handler_.input_fd() : -1;
    const bool wants_output = !client_.output().empty();
    std::array<pollfd, 3> fds{
        pollfd{fd_, static_cast<short>(wants_output ? POLLIN | POLLOUT : POLLIN), 0},
        pollfd{stop_.is_set ? -1 : stop_.wake.fd(), POLLIN, 0}, pollfd{input, POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), poll_ms(client_.next_tick()));
    if (ready < 0 && errno != EINTR) {
        last_words_ = "poll: " + errno_text();
        return false;
    }
    client_.on_tick(clock_.monotonic());
    if (ready <= 0) return true;
    if (fds[2].revents != 0) handler_.on_input();
    if (fds[0].revents != 0 && (fds[0].revents & POLLOUT) != fds[0].revents && !read_some()) {
        return false;
    }
    return write_some();
}

bool MqttSessionLoop::read_some() {
    std::array<std::byte, kReadBytes> buffer;
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count > 0) {
        const ByteSpan bytes = ByteSpan{buffer}.first(static_cast<std::size_t>(count));
        client_.on_bytes(bytes, clock_.monotonic());
        return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count < 0) last_words_ = errno_text();
    return false;
}

bool MqttSessionLoop::write_some() {
    while (!client_.output().empty()) {
        const ByteSpan output = client_.output();
        const ssize_t count = ::send(fd_, output.data(), output.size(), MSG_NOSIGNAL);
        if (count > 0) {
            client_.wrote(static_cast<std::size_t>(count));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return true;
        last_words_ = errno_text();
        return false;
    }
    return true;
}

void MqttSessionLoop::hand_on_events() {
    for (const client::Event& event : client_.take_events()) {
        if (std::holds_alternative<client::Connected>(event)) had_session_ = true;
        if (const auto* refused = std::get_if<client::Refused>(&event)) on_refused(*refused);
        if (const auto* hang_up = std::get_if<client::HangUp>(&event)) on_hang_up(*hang_up);
        handler_.on_event(event);
    }
}

void MqttSessionLoop::on_refused(const client::Refused& refused) {
    last_words_ = "the server refused the connection: " + std::string{name(refused.reason)};
    if (!refused.text.empty()) last_words_ += " (" + refused.text + ")";
    last_words_ += remedy(refused.reason);
    if (is_permanent(refused.reason)) fail(last_words_);
}

void MqttSessionLoop::on_hang_up(const client::HangUp& hang_up) {
    last_words_ = hang_up.text;
    if (hang_up.reason != ReasonCode::success) {
        last_words_ += " [" + std::string{name(hang_up.reason)} + "]";
    }
    last_words_ += remedy(hang_up.reason);
    if (is_permanent(hang_up.reason)) fail(last_words_);
}

void MqttSessionLoop::lose(const std::string& reason) {
    const std::string where =
        options_.target.host + " port " + std::to_string(options_.target.port) + ": ";
    const std::string what = reason.starts_with("cannot reach") ? reason : where + reason;
    if (!had_session_ || !options_.reconnects) {
        fail(what);
        return;
    }
    close();
    const Microseconds open_for =
        connected_at_ == MonotonicTime{} ? Microseconds{0} : clock_.monotonic() - connected_at_;
    const Microseconds wait = backoff_.after(open_for);
    connected_at_ = {};
    say(what + "; trying again in " +
        std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()) + " s");
    const MonotonicTime retry_at = clock_.monotonic() + wait;
    while (!is_over() && clock_.monotonic() < retry_at) {
        pollfd woken{stop_.wake.fd(), POLLIN, 0};
        static_cast<void>(::poll(&woken, 1, poll_ms(retry_at)));
    }
}

/// DISCONNECT, all that is unsent, then a half-close: a close with unread bytes would reset the
/// connection and could take away what the server has not read yet.
void MqttSessionLoop::say_goodbye() {
    client_.disconnect();
    const MonotonicTime give_up = clock_.monotonic() + kGoodbye;
    bool is_half_closed = false;
    while (clock_.monotonic() < give_up) {
        if (!write_some()) return;
        if (client_.output().empty() && !is_half_closed) {
            ::shutdown(fd_, SHUT_WR);
            is_half_closed = true;
        }
        pollfd socket{fd_, static_cast<short>(is_half_closed ? POLLIN : POLLIN | POLLOUT), 0};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(give_up - clock_.monotonic());
        static_cast<void>(::poll(&socket, 1, static_cast<int>(std::max<long>(left.count(), 0))));
        if ((socket.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_some()) return;
    }
}

void MqttSessionLoop::close() {
    if (fd_ < 0) return;
    ::close(fd_);
    fd_ = -1;
    client_.on_closed();
}

void MqttSessionLoop::say(const std::string& sentence) const {
    std::fprintf(stderr, "%s: %s\n", options_.command.c_str(), sentence.c_str());
}

int MqttSessionLoop::poll_ms(std::optional<MonotonicTime> also_at) {
    constexpr std::chrono::milliseconds kLongest{60'000};
    const MonotonicTime now = clock_.monotonic();
    std::chrono::milliseconds wait = kLongest;
    for (const auto& at : {also_at, deadline_}) {
        if (!at) continue;
        wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*at - now));
    }
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(wait.count(), 0));
}

}  // namespace firehose::cli
