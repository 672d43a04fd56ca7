// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "mqtt/properties.h"
#include "mqtt/utf8.h"

namespace firehose::client {
namespace {

constexpr std::size_t kTextBytesMax = 65'535;
constexpr std::size_t kInFlightMax = 60'000;  // Leaves identifiers for requests.
constexpr std::size_t kRequestsMax = 1'000;
constexpr std::size_t kCompactAbove = 65'536;

bool is_topic_name(std::string_view topic) noexcept {
    return !topic.empty() && topic.size() <= kTextBytesMax && !mqtt::has_wildcard(topic) &&
           mqtt::text_fault(topic) == mqtt::TextFault::none;
}

ByteBuffer wire_properties(std::span<const mqtt::UserProperty> properties) {
    ByteBuffer out;
    mqtt::WireWriter writer{out};
    for (const mqtt::UserProperty& property : properties) write_property(writer, property);
    return out;
}

mqtt::Publish packet_of(const Outgoing& message, ByteSpan properties) noexcept {
    return {.qos = message.qos,
            .retain = message.retain,
            .topic = message.topic,
            .properties = properties,
            .payload = message.payload};
}

}  // namespace

std::string_view name(Rejected why) noexcept {
    switch (why) {
        case Rejected::not_connected:
            return "not connected";
        case Rejected::window_full:
            return "too many unacknowledged messages";
        case Rejected::bad_topic:
            return "not a valid topic";
        case Rejected::too_large:
            return "larger than the server takes";
        case Rejected::qos_not_supported:
            return "the server does not support this QoS";
        case Rejected::retain_not_supported:
            return "the server does not support retained messages";
    }
    return "unknown";
}

Client::Client(ClientOptions options)
    : options_(std::move(options)), client_id_(options_.client_id), outbound_(packet_ids_) {
    options_.in_flight_max = std::clamp(options_.in_flight_max, std::size_t{1}, kInFlightMax);
    FH_ASSERT(options_.receive_maximum > 0);
}

void Client::on_connected(MonotonicTime now) {
    FH_ASSERT(state_ == State::closed);
    now_ = now;
    connected_at_ = now;
    state_ = State::connecting;
    send_connect();
}

void Client::on_tick(MonotonicTime now) {
    now_ = now;
    if (state_ == State::connecting && now - connected_at_ >= options_.connect_timeout) {
        break_off(mqtt::ReasonCode::unspecified_error,
                  "the server did not answer CONNECT in time; is this an MQTT port?");
        return;
    }
    if (state_ != State::connected) return;
    switch (keep_alive_.on_tick(now)) {
        case KeepAlive::Due::nothing:
            return;
        case KeepAlive::Due::ping:
            mqtt::encode_pingreq(output_);
            return;
        case KeepAlive::Due::give_up:
            break_off(mqtt::ReasonCode::keep_alive_timeout, "the server did not answer a ping");
            return;
    }
}

void Client::on_closed() {
    state_ = State::closed;
    input_.clear();
    output_.clear();
    written_ = 0;
    keep_alive_.stop();
    for (const auto& [packet_id, request] : requests_) packet_ids_.give_back(packet_id);
    requests_.clear();
}

Result<Token, Rejected> Client::publish(const Outgoing& message) {
    ByteBuffer properties;
    if (options_.version == mqtt::Version::v5) {
        properties = wire_properties(message.user_properties);
        append(properties, message.properties);
    }
    if (const auto why = refusal(message, properties)) return Failure{*why};
    const Token token = next_token();
    if (message.qos == mqtt::Qos::at_most_once) {
        encode(packet_of(message, properties), options_.version, output_);
        keep_alive_.on_sent(now_);
        events_.emplace_back(Published{.token = token});
        return token;
    }
    outbound_.add(token, {.topic = std::string{message.topic},
                          .payload = {message.payload.begin(), message.payload.end()},
                          .properties = std::move(properties),
                          .qos = message.qos,
                          .retain = message.retain});
    pump();
    return token;
}

std::optional<Rejected> Client::refusal(const Outgoing& message,
                                        ByteSpan properties) const noexcept {
    if (!is_topic_name(message.topic)) return Rejected::bad_topic;
    if (!can_publish(message.qos)) {
        return message.qos == mqtt::Qos::at_most_once ? Rejected::not_connected
                                                      : Rejected::window_full;
    }
    if (message.qos > server_.qos_max) return Rejected::qos_not_supported;  // [MQTT-3.2.2-11]
    if (message.retain && !server_.has_retain) {
        return Rejected::retain_not_supported;  // [MQTT-3.2.2-14]
    }
    const std::size_t size = mqtt::encoded_size(packet_of(message, properties), options_.version);
    if (size > mqtt::kVarintMax || (server_.packet_bytes_max && size > *server_.packet_bytes_max)) {
        return Rejected::too_large;  // [MQTT-3.2.2-15]
    }
    return std::nullopt;
}

bool Client::can_publish(mqtt::Qos qos) const noexcept {
    if (qos == mqtt::Qos::at_most_once) return state_ == State::connected;
    return outbound_.size() < options_.in_flight_max;
}

Result<Token, Rejected> Client::subscribe(std::span<const mqtt::Subscribe::Entry> entries,
                                          std::span<const mqtt::UserProperty> user_properties,
                                          std::optional<std::uint32_t> subscription_id) {
    FH_ASSERT(!entries.empty());
    for (const auto& entry : entries) {
        if (entry.filter.empty() || entry.filter.size() > kTextBytesMax) {
            return Failure{Rejected::bad_topic};
        }
    }
    std::uint16_t packet_id = 0;
    auto token = start_request(Awaited::suback, entries.size(), packet_id);
    if (!token) return token;
    encode(mqtt::Subscribe{.packet_id = packet_id,
                           .entries = {entries.begin(), entries.end()},
                           .subscription_id = subscription_id,
                           .user_properties = {user_properties.begin(), user_properties.end()}},
           options_.version, output_);
    return token;
}

Result<Token, Rejected> Client::unsubscribe(std::span<const std::string_view> filters) {
    FH_ASSERT(!filters.empty());
    std::uint16_t packet_id = 0;
    auto token = start_request(Awaited::unsuback, filters.size(), packet_id);
    if (!token) return token;
    encode(mqtt::Unsubscribe{.packet_id = packet_id, .filters = {filters.begin(), filters.end()}},
           options_.version, output_);
    return token;
}

Result<Token, Rejected> Client::start_request(Awaited answer, std::size_t count,
                                              std::uint16_t& packet_id) {
    if (state_ != State::connected) return Failure{Rejected::not_connected};
    if (requests_.size() >= kRequestsMax) return Failure{Rejected::window_full};
    const Token token = next_token();
    packet_id = packet_ids_.take();
    requests_.emplace(packet_id, Request{.token = token, .answer = answer, .count = count});
    keep_alive_.on_sent(now_);
    return token;
}

void Client::disconnect(mqtt::ReasonCode reason) {
    if (state_ != State::connecting && state_ != State::connected) return;
    break_off(reason, "disconnected by this client");
}

ByteSpan Client::output() const noexcept {
    return ByteSpan{output_}.subspan(written_);
}

void Client::wrote(std::size_t count) {
    FH_ASSERT(count <= output_.size() - written_);
    written_ += count;
    if (written_ == output_.size()) {
        output_.clear();
        written_ = 0;
    } else if (written_ > kCompactAbove && written_ > output_.size() / 2) {
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(written_));
        written_ = 0;
    }
}

std::vector<Event> Client::take_events() {
    return std::exchange(events_, {});
}

std::optional<MonotonicTime> Client::next_tick() const noexcept {
    if (state_ == State::connecting) return connected_at_ + options_.connect_timeout;
    if (state_ == State::connected) return keep_alive_.next_tick();
    return std::nullopt;
}

void Client::send_connect() {
    mqtt::Connect connect{
        .version = options_.version,
        .keep_alive_s = static_cast<std::uint16_t>(
            std::clamp<std::chrono::seconds::rep>(options_.keep_alive.count(), 0, 65'535)),
        .client_id = client_id_};
    // 5.0 keeps the session that the first CONNECT made for as long as its expiry says; in 3.1.1
    // the flag also decides how long it lives, so it stays what it was.
    const bool is_first = options_.version != mqtt::Version::v5 || !had_session_;
    connect.clean_start = is_first && options_.clean_start;
    if (options_.user_name) connect.user_name = *options_.user_name;
    if (options_.password) connect.password = as_bytes(*options_.password);
    if (options_.will) {
        connect.will = mqtt::Will{.topic = options_.will->topic,
                                  .payload = as_bytes(options_.will->payload),
                                  .qos = options_.will->qos,
                                  .retain = options_.will->retain,
                                  .delay_s = options_.will->delay_s,
                                  .properties = options_.will->properties};
    }
    if (options_.version == mqtt::Version::v5) {
        connect.session_expiry_s = options_.session_expiry_s;
        connect.receive_maximum = options_.receive_maximum;
        for (const auto& [name, value] : options_.user_properties) {
            connect.user_properties.push_back({name, value});
        }
        connect.maximum_packet_size =
            static_cast<std::uint32_t>(std::min(options_.packet_bytes_max, mqtt::kVarintMax + 5));
    }
    encode(connect, output_);
}

void Client::pump() {
    if (state_ != State::connected) return;
    while (outbound_.send_next(options_.version, output_)) keep_alive_.on_sent(now_);
}

void Client::break_off(mqtt::ReasonCode reason, std::string text) {
    const bool has_words =
        options_.version == mqtt::Version::v5 || reason == mqtt::ReasonCode::success;
    if (state_ == State::connected && has_words) {
        encode(mqtt::Disconnect{.reason = reason}, options_.version, output_);
    }
    state_ = State::over;
    events_.emplace_back(HangUp{.reason = reason, .text = std::move(text)});
}

Token Client::next_token() noexcept {
    return static_cast<Token>(++last_token_);
}

}  // namespace firehose::client
