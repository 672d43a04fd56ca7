// SPDX-License-Identifier: Apache-2.0
#include "retained_probe.h"

#include <array>
#include <utility>
#include <variant>

namespace firehose::crash {
namespace {

constexpr std::uint64_t kClearOneIn = 5;

}  // namespace

std::string kept_topic(std::size_t publisher) {
    return "kept/" + std::to_string(publisher);
}

std::string kept_value(std::uint64_t number) {
    return number % kClearOneIn == 0 ? std::string{} : "value " + std::to_string(number);
}

RetainedProbe::RetainedProbe(net::EventLoop& loop)
    : peer_(loop, *this, 0, {.client_id = "stranger", .keep_alive = std::chrono::seconds{0}}) {}

void RetainedProbe::ask(std::uint16_t port, const std::vector<std::uint64_t>& last) {
    awaited_.clear();
    problem_.clear();
    is_subscribed_ = false;
    for (std::size_t i = 0; i < last.size(); ++i) {
        const std::string value = kept_value(last[i]);
        if (!value.empty()) awaited_.emplace(kept_topic(i), value);
    }
    is_asking_ = true;
    peer_.connect(port);
}

std::string RetainedProbe::conclude() {
    is_asking_ = false;
    peer_.drop(false);
    if (problem_.empty() && !awaited_.empty()) {
        const auto& [topic, value] = *awaited_.begin();
        problem_ = "no retained message on " + topic + ", where \"" + value + "\" is due, and " +
                   std::to_string(awaited_.size() - 1) + " more";
    }
    return std::exchange(problem_, {});
}

void RetainedProbe::on_event(Peer& peer, client::Event& event) {
    if (std::holds_alternative<client::Connected>(event)) {
        const std::array<mqtt::Subscribe::Entry, 1> entries{
            {{.filter = "kept/+", .options = {.qos = mqtt::Qos::at_least_once}}}};
        if (!peer.client().subscribe(entries)) problem_ = "the stranger cannot subscribe";
    } else if (std::holds_alternative<client::Subscribed>(event)) {
        is_subscribed_ = true;
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        on_message(*message);
    }
}

void RetainedProbe::on_message(const client::Message& message) {
    const std::string value{as_text(message.payload)};
    const auto found = awaited_.find(message.topic);
    if (found == awaited_.end() || found->second != value || !message.retain) {
        problem_ = "a retained message \"" + value + "\" on " + message.topic;
        problem_ += found == awaited_.end() ? ", where none is due"
                                            : ", where \"" + found->second + "\" is due";
        return;
    }
    awaited_.erase(found);
}

void RetainedProbe::on_lost(Peer&, const std::string& reason) {
    if (is_asking_ && problem_.empty()) problem_ = "the stranger lost its connection: " + reason;
}

}  // namespace firehose::crash
