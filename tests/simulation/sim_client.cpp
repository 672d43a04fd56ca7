// SPDX-License-Identifier: Apache-2.0
#include "simulation/sim_client.h"

#include "base/assert.h"

namespace firehose::simulation {

SimClient::SimClient(Options options, Random& random)
    : options_(std::move(options)), random_(random), machine_(options_.client) {}

SimPipe& SimClient::connect(MonotonicTime now, SimPipe::Limits limits) {
    FH_ASSERT(pipe_ == nullptr);
    pipe_ = std::make_unique<SimPipe>(random_, limits);
    machine_.on_connected(now);
    return *pipe_;
}

std::vector<client::Event> SimClient::step(MonotonicTime now) {
    if (pipe_ == nullptr) return {};
    const ByteBuffer bytes = pipe_->read(1 + random_.below(options_.read_bytes_max));
    if (!bytes.empty()) machine_.on_bytes(bytes, now);
    machine_.on_tick(now);
    std::vector<client::Event> events = machine_.take_events();
    for (const client::Event& event : events) subscribe_if_needed(event);
    const std::size_t written = pipe_->write(machine_.output());
    machine_.wrote(written);
    moved_ += bytes.size() + written;
    return events;
}

void SimClient::subscribe_if_needed(const client::Event& event) {
    if (std::holds_alternative<client::Subscribed>(event)) is_subscribed_ = true;
    const auto* connected = std::get_if<client::Connected>(&event);
    if (connected == nullptr || !options_.filter) return;
    is_subscribed_ = is_subscribed_ && connected->session_present;
    if (is_subscribed_) return;
    const mqtt::Subscribe::Entry entry{.filter = *options_.filter,
                                       .options = {.qos = options_.qos}};
    FH_ASSERT(machine_.subscribe(std::span{&entry, 1}).has_value());
}

std::unique_ptr<SimPipe> SimClient::disconnect() {
    FH_ASSERT(pipe_ != nullptr);
    pipe_->close();
    machine_.on_closed();
    return std::exchange(pipe_, nullptr);
}

std::string SimClient::describe() const {
    std::string text = machine_.is_connected() ? "connected" : "not connected";
    text += ", " + std::to_string(machine_.in_flight()) + " in flight, " +
            std::to_string(machine_.output().size()) + " bytes to write";
    if (pipe_ != nullptr) text += ", " + pipe_->describe();
    return text;
}

}  // namespace firehose::simulation
