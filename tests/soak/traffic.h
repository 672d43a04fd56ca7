// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt_link.h"

/// Who takes part in a soak: one publisher that numbers its messages, readers that stay and check
/// the numbers, and readers that come and go without manners.
///
/// Ownership: of the main program; each owns its link. Threads: the loop's.
/// Invariant: a problem is noted once, in Report::problems, with who saw it; the run then ends.
namespace firehose::soak {

struct Target {
    std::string host = "127.0.0.1";
    std::uint16_t mqtt_port = 1883;
    std::uint16_t http_port = 8080;
};

/// What happened, for the last line and the exit code.
struct Report {
    std::uint64_t published = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t delivered = 0;  // To steady readers.
    std::uint64_t checked = 0;    // By readers that come and go.
    std::uint64_t connections = 0;
    std::uint64_t subscribed = 0;
    Microseconds slowest{0};  // From publish to a steady reader.
    std::vector<std::string> problems;
};

/// What both need: the loop, chance, the server's address and the report.
struct Stage {
    net::EventLoop& loop;
    Random& random;
    const Target& target;
    Report& report;
};

/// Checks that numbers come as 1, 2, 3 ... from the first one on.
class NumberCheck {
public:
    /// What is wrong with `message`, if anything; messages on other topics are passed over.
    [[nodiscard]] std::string on_message(const client::Message& message);
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
    [[nodiscard]] Microseconds sent_at() const noexcept { return sent_at_; }
    void expect_from(std::uint64_t number) noexcept { last_ = number - 1, has_begun_ = true; }

private:
    std::uint64_t last_ = 0;
    Microseconds sent_at_{0};
    bool has_begun_ = false;
};

/// Stays for the whole run; must miss nothing.
class SteadyReader final : public LinkHandler {
public:
    SteadyReader(Stage stage, unsigned index);
    [[nodiscard]] bool is_subscribed() const noexcept { return is_subscribed_; }
    [[nodiscard]] std::uint64_t last() const noexcept { return check_.last(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    void tick() { link_->tick(); }

private:
    void on_event(MqttLink& link, client::Event& event) override;
    void on_over(MqttLink& link, const std::string& reason) override;

    Stage stage_;
    std::string name_;
    mqtt::Qos qos_;
    NumberCheck check_;
    bool is_subscribed_ = false;
    std::unique_ptr<MqttLink> link_;
};

/// Numbers its messages from 1 and publishes them at QoS 1.
class Publisher final : public LinkHandler {
public:
    Publisher(Stage stage, std::string user_name, std::string password);
    [[nodiscard]] bool is_connected() const noexcept { return is_connected_; }
    /// Publishes until `count` are out, as far as the window of unacknowledged ones allows.
    void publish_up_to(std::uint64_t count);
    void tick() { link_->tick(); }

private:
    void on_event(MqttLink& link, client::Event& event) override;
    void on_over(MqttLink& link, const std::string& reason) override;

    Stage stage_;
    bool is_connected_ = false;
    std::unique_ptr<MqttLink> link_;
};

/// Connects over WebSocket, subscribes to everything, and drops: again and again.
class RestlessReader final : public LinkHandler {
public:
    RestlessReader(Stage stage, unsigned index);
    ~RestlessReader() override { stage_.loop.cancel(timer_); }
    RestlessReader(const RestlessReader&) = delete;
    RestlessReader& operator=(const RestlessReader&) = delete;
    void tick() {
        if (link_) link_->tick();
    }

private:
    /// How this connection will end.
    enum class Plan : std::uint8_t {
        half_upgrade,
        half_connect,
        half_subscribe,
        hard_close,
        stop_reading,
        close_frame,
        polite,
    };
    static constexpr unsigned kPlans = 7;

    void begin();
    void end();
    void begin_again_soon();
    void on_event(MqttLink& link, client::Event& event) override;
    void on_over(MqttLink& link, const std::string& reason) override;

    Stage stage_;
    std::string name_;
    Plan plan_ = Plan::polite;
    bool checks_ = false;
    NumberCheck check_;
    net::TimerId timer_;
    std::unique_ptr<MqttLink> link_;
};

}  // namespace firehose::soak
