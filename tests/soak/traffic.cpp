// SPDX-License-Identifier: Apache-2.0
#include "traffic.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace firehose::soak {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTopicStart = "soak/";
constexpr std::size_t kPadding = 300;  // About what a small Gerrit event is.

client::ClientOptions client_options(unsigned index) {
    client::ClientOptions options;
    options.version = index % 2 == 0 ? mqtt::Version::v5 : mqtt::Version::v311;
    // Under sanitizers and on a busy machine everything takes its time.
    options.connect_timeout = 30s;
    options.ping_timeout = 30s;
    return options;
}

void subscribe_to_all(MqttLink& link, mqtt::Qos qos) {
    const std::array<mqtt::Subscribe::Entry, 1> entries{{{.filter = "#", .options = {.qos = qos}}}};
    static_cast<void>(link.client().subscribe(entries));
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}  // namespace

std::string NumberCheck::on_message(const client::Message& message) {
    if (!message.topic.starts_with(kTopicStart)) return {};
    const std::string_view text = as_text(message.payload);
    const std::uint64_t number = number_in(text);
    sent_at_ = Microseconds{number_in(text.substr(text.find(' ') + 1))};
    const std::uint64_t expected = has_begun_ ? last_ + 1 : number;
    if (number == expected && !message.dup) {
        has_begun_ = true;
        last_ = number;
        return {};
    }
    const char* what = number > expected ? "missed messages" : "got an old message again";
    return std::string{what} + ": expected number " + std::to_string(expected) + ", got " +
           std::to_string(number) + (message.dup ? " (DUP)" : "") + " on " + message.topic;
}

SteadyReader::SteadyReader(Stage stage, unsigned index)
    : stage_(stage), qos_(index / 2 % 2 == 0 ? mqtt::Qos::at_most_once : mqtt::Qos::at_least_once) {
    const bool is_tcp = index % 2 == 0;
    name_ = "steady reader " + std::to_string(index) + (is_tcp ? " (TCP" : " (WebSocket") +
            ", QoS " + std::to_string(static_cast<int>(qos_)) + ")";
    check_.expect_from(1);
    link_ = std::make_unique<MqttLink>(
        stage_.loop, stage_.random, *this,
        LinkOptions{.transport = is_tcp ? Transport::tcp : Transport::websocket,
                    .client = client_options(index / 4)});
    link_->open(stage_.target.host, is_tcp ? stage_.target.mqtt_port : stage_.target.http_port);
}

void SteadyReader::on_event(MqttLink& link, client::Event& event) {
    if (std::holds_alternative<client::Connected>(event)) subscribe_to_all(link, qos_);
    if (const auto* answer = std::get_if<client::Subscribed>(&event)) {
        is_subscribed_ = true;
        if (static_cast<unsigned>(answer->reasons.at(0)) > 2) {
            stage_.report.problems.push_back(name_ + ": SUBACK refuses #");
        }
    }
    if (const auto* message = std::get_if<client::Message>(&event)) {
        const std::uint64_t before = check_.last();
        const std::string problem = check_.on_message(*message);
        if (!problem.empty()) stage_.report.problems.push_back(name_ + " " + problem);
        if (check_.last() == before) return;
        ++stage_.report.delivered;
        stage_.report.slowest =
            std::max(stage_.report.slowest, stage_.loop.now().since_start - check_.sent_at());
    }
}

void SteadyReader::on_over(MqttLink& /*link*/, const std::string& reason) {
    stage_.report.problems.push_back(name_ + " lost its connection: " + reason);
}

Publisher::Publisher(Stage stage, std::string user_name, std::string password) : stage_(stage) {
    client::ClientOptions options = client_options(0);
    options.client_id = "soak-publisher";
    if (!user_name.empty()) {
        options.user_name = std::move(user_name);
        options.password = std::move(password);
    }
    link_ = std::make_unique<MqttLink>(stage_.loop, stage_.random, *this,
                                       LinkOptions{.client = std::move(options)});
    link_->open(stage_.target.host, stage_.target.mqtt_port);
}

void Publisher::publish_up_to(std::uint64_t count) {
    Report& report = stage_.report;
    while (report.published < count && link_->client().can_publish(mqtt::Qos::at_least_once)) {
        const std::uint64_t number = report.published + 1;
        const std::string topic = std::string{kTopicStart} + std::to_string(number % 16) + "/event";
        const std::string payload = std::to_string(number) + " " +
                                    std::to_string(stage_.loop.now().since_start.count()) + " " +
                                    std::string(kPadding, 'x');
        const auto token = link_->client().publish(
            {.topic = topic, .payload = as_bytes(payload), .qos = mqtt::Qos::at_least_once});
        if (!token) {
            report.problems.push_back("publisher: " + std::string{client::name(token.error())});
            return;
        }
        report.published = number;
    }
    link_->flush();
}

void Publisher::on_event(MqttLink& /*link*/, client::Event& event) {
    Report& report = stage_.report;
    if (std::holds_alternative<client::Connected>(event)) is_connected_ = true;
    if (const auto* refused = std::get_if<client::Refused>(&event)) {
        report.problems.push_back("publisher: CONNECT refused, reason " +
                                  std::to_string(static_cast<int>(refused->reason)));
    }
    if (const auto* done = std::get_if<client::Published>(&event)) {
        ++report.acknowledged;
        // 0x10: no subscriber; a broker may say so.
        if (static_cast<unsigned>(done->reason) >= 0x80) {
            report.problems.push_back("publisher: PUBLISH refused, reason " +
                                      std::to_string(static_cast<int>(done->reason)) +
                                      "; may this user write soak/# ?");
        }
    }
}

void Publisher::on_over(MqttLink& /*link*/, const std::string& reason) {
    stage_.report.problems.push_back("the publisher lost its connection: " + reason);
}

RestlessReader::RestlessReader(Stage stage, unsigned index)
    : stage_(stage), name_("restless reader " + std::to_string(index)) {
    begin_again_soon();
}

void RestlessReader::begin() {
    Random& random = stage_.random;
    plan_ = static_cast<Plan>(random.below(kPlans));
    checks_ = random.chance(20);
    check_ = {};
    LinkOptions options{.transport = Transport::websocket,
                        .client = client_options(static_cast<unsigned>(random.below(2)))};
    if (plan_ == Plan::half_upgrade) options.cut_at = CutAt::upgrade;
    if (plan_ == Plan::half_connect) options.cut_at = CutAt::connect;
    if (plan_ == Plan::half_subscribe) options.cut_at = CutAt::subscribe;
    link_ = std::make_unique<MqttLink>(stage_.loop, random, *this, std::move(options));
    ++stage_.report.connections;
    link_->open(stage_.target.host, stage_.target.http_port);
    timer_ = stage_.loop.after(Microseconds{static_cast<std::int64_t>(random.below(4'000'000))},
                               [this] { end(); });
}

void RestlessReader::on_event(MqttLink& link, client::Event& event) {
    if (std::holds_alternative<client::Connected>(event)) {
        const bool is_qos1 = stage_.random.chance(25);
        subscribe_to_all(link, is_qos1 ? mqtt::Qos::at_least_once : mqtt::Qos::at_most_once);
        if (is_qos1) checks_ = true;  // Acknowledges only if it reads.
    } else if (std::holds_alternative<client::Subscribed>(event)) {
        ++stage_.report.subscribed;
        if (plan_ == Plan::stop_reading) return link.stop_reading();
        if (!checks_) link.ignore_input();
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        const std::string problem = check_.on_message(*message);
        if (!problem.empty()) stage_.report.problems.push_back(name_ + " " + problem);
        ++stage_.report.checked;
    }
}

void RestlessReader::end() {
    timer_ = {};
    switch (plan_) {
        case Plan::close_frame:
        case Plan::polite:
            // The server closes, or the stream's linger ends: on_over either way.
            return link_->say_goodbye(plan_ == Plan::polite);
        case Plan::half_upgrade:
        case Plan::half_connect:
        case Plan::half_subscribe:
        case Plan::hard_close:
        case Plan::stop_reading:
            link_->vanish(stage_.random.chance(50));
            return begin_again_soon();
    }
}

void RestlessReader::begin_again_soon() {
    timer_ =
        stage_.loop.after(Microseconds{static_cast<std::int64_t>(stage_.random.below(1'000'000))},
                          [this] { begin(); });
}

void RestlessReader::on_over(MqttLink& /*link*/, const std::string& /*reason*/) {
    if (timer_.serial != 0) stage_.loop.cancel(timer_);
    begin_again_soon();
}

}  // namespace firehose::soak
