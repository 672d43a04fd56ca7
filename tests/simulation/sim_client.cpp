// SPDX-License-Identifier: Apache-2.0
#include "simulation/sim_client.h"

#include <array>

#include "base/assert.h"
#include "ws/encoder.h"

namespace firehose::simulation {

SimClient::SimClient(Options options, Random& random)
    : options_(std::move(options)),
      random_(random),
      machine_(std::make_unique<client::Client>(options_.client)) {}

void SimClient::become(client::ClientOptions client) {
    FH_ASSERT(pipe_ == nullptr);
    options_.client = std::move(client);
    machine_ = std::make_unique<client::Client>(options_.client);
    is_subscribed_ = false;
}

SimPipe& SimClient::connect(MonotonicTime now, SimPipe::Limits limits) {
    FH_ASSERT(pipe_ == nullptr);
    pipe_ = std::make_unique<SimPipe>(random_, limits);
    framed_.clear();
    if (options_.is_websocket) decoder_.emplace(ws::DecoderOptions{.role = ws::Role::client});
    machine_->on_connected(now);
    return *pipe_;
}

std::vector<client::Event> SimClient::step(MonotonicTime now) {
    if (pipe_ == nullptr) return {};
    const ByteBuffer bytes = pipe_->read(1 + random_.below(options_.read_bytes_max));
    if (!bytes.empty()) take(bytes, now);
    machine_->on_tick(now);
    std::vector<client::Event> events = machine_->take_events();
    for (const client::Event& event : events) subscribe_if_needed(event);
    moved_ += bytes.size() + write();
    return events;
}

void SimClient::take(ByteSpan bytes, MonotonicTime now) {
    if (!decoder_) return machine_->on_bytes(bytes, now);
    std::array<std::byte, 1'024> scratch;
    while (true) {
        const ws::Event event = decoder_->next(bytes, scratch);
        if (event.kind == ws::Event::Kind::none || event.kind == ws::Event::Kind::closed) return;
        FH_ASSERT(event.kind != ws::Event::Kind::failed);
        if (event.kind == ws::Event::Kind::data) machine_->on_bytes(event.payload, now);
    }
}

std::size_t SimClient::write() {
    if (!options_.is_websocket) {
        const std::size_t written = pipe_->write(machine_->output());
        machine_->wrote(written);
        return written;
    }
    if (framed_.empty() && !machine_->output().empty()) {
        // Packets need not begin where frames do [MQTT-6.0.0-2].
        const std::size_t size = 1 + random_.below(machine_->output().size());
        ws::append_masked_frame(framed_, ws::Opcode::binary, machine_->output().first(size),
                                static_cast<std::uint32_t>(random_.next()));
        machine_->wrote(size);
    }
    const std::size_t written = pipe_->write(framed_);
    framed_.erase(framed_.begin(), framed_.begin() + static_cast<std::ptrdiff_t>(written));
    return written;
}

void SimClient::subscribe_if_needed(const client::Event& event) {
    if (const auto* subscribed = std::get_if<client::Subscribed>(&event)) {
        is_subscribed_ = subscribed->reasons.at(0) < mqtt::ReasonCode::unspecified_error;
        if (!is_subscribed_) subscribe();  // The disk may take it by now.
    }
    const auto* connected = std::get_if<client::Connected>(&event);
    if (connected == nullptr || !options_.filter) return;
    is_subscribed_ = is_subscribed_ && connected->session_present;
    if (!is_subscribed_) subscribe();
}

void SimClient::subscribe() {
    is_subscribed_ = false;
    if (!machine_->is_connected()) return;  // A goodbye of the server came with its CONNACK.
    const mqtt::Subscribe::Entry entry{.filter = *options_.filter,
                                       .options = {.qos = options_.qos}};
    FH_ASSERT(machine_->subscribe(std::span{&entry, 1}).has_value());
}

std::unique_ptr<SimPipe> SimClient::disconnect() {
    FH_ASSERT(pipe_ != nullptr);
    pipe_->close();
    machine_->on_closed();
    return std::exchange(pipe_, nullptr);
}

std::string SimClient::describe() const {
    std::string text = machine_->is_connected() ? "connected" : "not connected";
    text += ", " + std::to_string(machine_->in_flight()) + " in flight, " +
            std::to_string(machine_->output().size()) + " bytes to write";
    if (pipe_ != nullptr) text += ", " + pipe_->describe();
    return text;
}

}  // namespace firehose::simulation
