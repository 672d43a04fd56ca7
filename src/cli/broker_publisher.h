// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/locked.h"
#include "base/mailbox.h"
#include "base/time.h"
#include "client/client.h"
#include "source/backoff.h"
#include "source/event.h"
#include "source/tcp_connect.h"

/// A source's way into any MQTT broker: one connection, in order, reconnecting for ever.
///
/// A Sink towards the source's thread: events cross by a small mailbox, and what does not fit stays
/// with the source. `run` is the main thread's loop. Publishes that the broker has not acknowledged
/// are sent again after a reconnect, to the same session: QoS 2 stays exactly once.
/// Threads:  publish and on_state on the source's; the rest on the thread that calls `run`.
/// Lifetime: outlives its source; `stop` outlives it.
namespace firehose::cli {

struct BrokerOptions {
    std::string host = "localhost";
    std::uint16_t port = 1883;
    mqtt::Qos qos = mqtt::Qos::exactly_once;
    std::string status_topic;  // Retained "online" and "offline"; empty: none.
    client::ClientOptions client;
};

class BrokerPublisher final : public source::Sink {
public:
    BrokerPublisher(BrokerOptions options, source::StopSignal& stop);
    ~BrokerPublisher() override;
    BrokerPublisher(const BrokerPublisher&) = delete;
    BrokerPublisher& operator=(const BrokerPublisher&) = delete;

    [[nodiscard]] bool publish(source::Event&& event) override;
    void on_state(source::SourceState state, std::string_view reason) override;

    /// Asked after each turn; a sentence ends `run`.
    using Hopeless = std::function<std::optional<std::string>()>;
    /// Publishes until `stop` is set.
    /// @return why it cannot go on, or nothing after a wish to stop.
    [[nodiscard]] std::optional<std::string> run(const Hopeless& hopeless);
    /// Publishes what is left, for at most `patience`, and says goodbye.
    /// @return events that were not acknowledged.
    [[nodiscard]] std::size_t drain(Microseconds patience);

    [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

private:
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    void open();
    void close(const std::string& reason);
    void turn(Microseconds longest);
    void exchange_bytes(Microseconds longest);
    void on_event(const client::Event& event);
    void on_refused(const client::Refused& refused);
    void on_published(const client::Published& published);
    void publish_what_fits();
    void publish_status();
    [[nodiscard]] bool publish_one(const source::Event& event);

    BrokerOptions options_;
    source::StopSignal& stop_;
    SystemClock clock_;
    std::optional<client::Client> client_;  // Always there; replaced once, to speak 3.1.1.
    source::Backoff backoff_;
    MonotonicTime opened_;
    MonotonicTime open_at_;
    int fd_ = -1;
    bool was_connected_ = false;
    bool is_draining_ = false;
    std::optional<std::string> fatal_;
    Mailbox<source::Event> inbox_;
    std::deque<source::Event> pending_;
    Locked<std::optional<source::SourceState>> new_state_;
    source::SourceState state_ = source::SourceState::offline;
    bool status_is_due_ = false;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace firehose::cli
