// SPDX-License-Identifier: Apache-2.0
#include "cli/broker_publisher.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/log.h"
#include "base/random.h"

namespace firehose::cli {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kInboxEvents = 32;            // What does not fit waits in the source.
constexpr std::size_t kOutputBytesMax = 1U << 20U;  // QoS 0 has no window of its own.
constexpr Microseconds kTurnMax = 1s;

client::ClientOptions client_options(const BrokerOptions& options) {
    client::ClientOptions result = options.client;
    if (!options.status_topic.empty()) {
        result.will = client::WillMessage{options.status_topic,
                                          std::string{name(source::SourceState::offline)},
                                          mqtt::Qos::at_least_once, true};
    }
    return result;
}

}  // namespace

BrokerPublisher::BrokerPublisher(BrokerOptions options, source::StopSignal& stop)
    : options_(std::move(options)),
      stop_(stop),
      client_(std::in_place, client_options(options_)),
      backoff_({.good_after = 30s}, random_seed()),
      open_at_(clock_.monotonic()),
      inbox_(kInboxEvents, &stop.wake) {}

BrokerPublisher::~BrokerPublisher() {
    if (is_open()) ::close(fd_);
}

bool BrokerPublisher::publish(source::Event&& event) {
    return inbox_.post(std::move(event));
}

void BrokerPublisher::on_state(source::SourceState state, std::string_view) {
    new_state_.with([&](std::optional<source::SourceState>& value) { value = state; });
    stop_.wake.wake();
}

std::optional<std::string> BrokerPublisher::run(const Hopeless& hopeless) {
    while (!stop_.is_set) {
        turn(kTurnMax);
        if (fatal_) return fatal_;
        if (std::optional<std::string> why = hopeless()) return why;
    }
    return std::nullopt;
}

std::size_t BrokerPublisher::drain(Microseconds patience) {
    is_draining_ = true;
    const MonotonicTime deadline = clock_.monotonic() + patience;
    const auto is_done = [&] {
        return inbox_.is_empty() && pending_.empty() && client_->in_flight() == 0 &&
               client_->output().empty();
    };
    while (is_open() && !fatal_) {
        publish_what_fits();  // The state that the source ended with, at least.
        const Microseconds left = deadline - clock_.monotonic();
        if (is_done() || left <= Microseconds{0}) break;
        turn(std::min<Microseconds>(left, 50ms));
    }
    const std::size_t left = pending_.size() + client_->in_flight();
    if (is_open()) {
        client_->disconnect();
        exchange_bytes(Microseconds{0});
        close("stopped");
    }
    return left;
}

void BrokerPublisher::turn(Microseconds longest) {
    const MonotonicTime now = clock_.monotonic();
    if (!is_open() && now >= open_at_ && !is_draining_) open();
    publish_what_fits();
    exchange_bytes(longest);
    if (is_open()) client_->on_tick(clock_.monotonic());
    for (const client::Event& event : client_->take_events()) {
        on_event(event);
        if (!is_open()) return;
    }
}

void BrokerPublisher::open() {
    const Result<int, std::string> fd =
        source::tcp_connect({.host = options_.host, .port = options_.port}, stop_, clock_);
    opened_ = clock_.monotonic();
    if (!fd) {
        close(fd.error());
        return;
    }
    fd_ = *fd;
    client_->on_connected(opened_);
}

void BrokerPublisher::close(const std::string& reason) {
    if (is_open()) {
        ::close(std::exchange(fd_, -1));
        client_->on_closed();
    }
    const MonotonicTime now = clock_.monotonic();
    const Microseconds wait = backoff_.after(now - opened_);
    open_at_ = now + wait;
    if (is_draining_ || stop_.is_set) return;
    FH_LOG(warn, "broker_offline", {"broker", options_.host}, {"port", options_.port},
           {"reason", reason},
           {"again_in_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()});
}

void BrokerPublisher::exchange_bytes(Microseconds longest) {
    const MonotonicTime now = clock_.monotonic();
    Microseconds wait = longest;
    if (!is_open()) wait = std::min(wait, std::max(open_at_ - now, Microseconds{0}));
    if (const auto tick = client_->next_tick(); is_open() && tick) {
        wait = std::min(wait, std::max(*tick - now, Microseconds{0}));
    }
    const bool has_output = is_open() && !client_->output().empty();
    const short events = has_output ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 2> fds{pollfd{stop_.wake.fd(), POLLIN, 0}, pollfd{fd_, events, 0}};
    // A wish to stop keeps the descriptor readable while the rest is drained.
    pollfd* const first = is_draining_ ? &fds[1] : fds.data();
    const nfds_t count = (is_open() ? 2U : 1U) - (is_draining_ ? 1U : 0U);
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    static_cast<void>(::poll(first, count, static_cast<int>(timeout)));
    if ((fds[0].revents & POLLIN) != 0 && !stop_.is_set) stop_.wake.clear();
    if (!is_open()) return;

    if (has_output) {
        const ByteSpan output = client_->output();
        const ssize_t sent = ::send(fd_, output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) client_->wrote(static_cast<std::size_t>(sent));
    }
    if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
    std::array<std::byte, 65'536> buffer;  // NOLINT: filled by recv.
    const ssize_t received = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received > 0) {
        client_->on_bytes({buffer.data(), static_cast<std::size_t>(received)}, clock_.monotonic());
    } else if (received == 0) {
        close("the broker closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        close(std::generic_category().message(errno));
    }
}

void BrokerPublisher::on_event(const client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        was_connected_ = true;
        status_is_due_ = !options_.status_topic.empty();
        FH_LOG(info, "broker_online", {"broker", options_.host}, {"port", options_.port},
               {"session_present", connected->session_present ? 1 : 0});
    } else if (const auto* refused = std::get_if<client::Refused>(&event)) {
        on_refused(*refused);
    } else if (const auto* published = std::get_if<client::Published>(&event)) {
        on_published(*published);
    } else if (const auto* hang_up = std::get_if<client::HangUp>(&event)) {
        close(hang_up->text.empty() ? std::string{mqtt::name(hang_up->reason)} : hang_up->text);
    }
}

void BrokerPublisher::on_refused(const client::Refused& refused) {
    std::string why = "the broker refuses the connection: ";
    why += refused.text.empty() ? std::string{mqtt::name(refused.reason)} : refused.text;
    // Nothing was in flight yet, so the first refusal may still change how we talk.
    if (!was_connected_ && refused.reason == mqtt::ReasonCode::unsupported_protocol_version &&
        options_.client.version == mqtt::Version::v5) {
        options_.client.version = mqtt::Version::v311;
        options_.client.clean_start = false;
        close(why + "; trying MQTT 3.1.1");
        client_.emplace(client_options(options_));
        open_at_ = clock_.monotonic();
        return;
    }
    const bool is_identity = refused.reason == mqtt::ReasonCode::bad_user_name_or_password ||
                             refused.reason == mqtt::ReasonCode::not_authorized ||
                             refused.reason == mqtt::ReasonCode::client_identifier_not_valid;
    if (!was_connected_ && is_identity) fatal_ = why;
    close(why);
}

void BrokerPublisher::on_published(const client::Published& published) {
    if (static_cast<unsigned>(published.reason) < 0x80) {
        ++acknowledged_;
        return;
    }
    if (refused_++ == 0) {
        FH_LOG(warn, "publish_refused", {"reason", mqtt::name(published.reason)},
               {"note", "further ones are only counted; may the user publish on that topic?"});
    }
}

void BrokerPublisher::publish_what_fits() {
    if (!was_connected_) return;
    publish_status();
    for (;;) {
        if (pending_.empty()) {
            for (source::Event& event : inbox_.take_all()) pending_.push_back(std::move(event));
        }
        if (pending_.empty() || client_->output().size() >= kOutputBytesMax) return;
        if (!publish_one(pending_.front())) return;
        pending_.pop_front();
    }
}

void BrokerPublisher::publish_status() {
    new_state_.with([this](std::optional<source::SourceState>& value) {
        if (!value) return;
        state_ = *std::exchange(value, std::nullopt);
        status_is_due_ = !options_.status_topic.empty();
    });
    if (!status_is_due_ || !client_->can_publish(mqtt::Qos::at_least_once)) return;
    const std::string_view text = name(state_);
    status_is_due_ = !client_->publish({.topic = options_.status_topic,
                                        .payload = as_bytes(text),
                                        .qos = mqtt::Qos::at_least_once,
                                        .retain = true});
}

bool BrokerPublisher::publish_one(const source::Event& event) {
    if (!client_->can_publish(options_.qos)) return false;
    const auto token = client_->publish(
        {.topic = event.topic, .payload = as_bytes(event.payload), .qos = options_.qos});
    if (token) return true;
    if (token.error() == client::Rejected::not_connected ||
        token.error() == client::Rejected::window_full) {
        return false;
    }
    ++refused_;
    FH_LOG(warn, "publish_refused", {"reason", client::name(token.error())}, {"topic", event.topic},
           {"note", "the broker does not take it; skipped"});
    return true;
}

}  // namespace firehose::cli
