// SPDX-License-Identifier: Apache-2.0
#include "session/will.h"

#include <algorithm>
#include <utility>

namespace firehose::session {

using Kind = WillAction::Kind;

std::ostream& operator<<(std::ostream& out, const WillAction& action) {
    switch (action.kind) {
        case Kind::nothing:
            return out << "nothing";
        case Kind::publish_now:
            return out << "publish now";
        case Kind::publish_at:
            return out << "publish at " << action.at.since_start.count() << " us";
    }
    return out;
}

void Will::arm(const mqtt::Will& will) {
    due_.reset();
    message_ = WillMessage{.topic = std::string{will.topic},
                           .payload = {will.payload.begin(), will.payload.end()},
                           .properties = {will.properties.begin(), will.properties.end()},
                           .qos = will.qos,
                           .retain = will.retain,
                           .payload_is_utf8 = will.payload_is_utf8,
                           .message_expiry_s = will.message_expiry_s,
                           .delay_s = will.delay_s};
}

void Will::set_author(std::string author) {
    if (message_) message_->author = std::move(author);
}

void Will::restore(WillMessage message, std::optional<MonotonicTime> due) {
    message_ = std::move(message);
    due_ = due;
}

void Will::disarm() noexcept {
    message_.reset();
    due_.reset();
}

WillAction Will::on_end(ConnectionEnd end, MonotonicTime now, std::uint32_t session_expiry_s) {
    if (!message_) return {};
    switch (end) {
        case ConnectionEnd::disconnected:
            disarm();  // [MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT311-3.14.4-3]
            return {};
        case ConnectionEnd::server_stopping:
            return {};
        case ConnectionEnd::disconnected_with_will:
        case ConnectionEnd::lost:
        case ConnectionEnd::taken_over:
            break;
    }
    // [MQTT-3.1.2-8]: the delay, or the session's end if that is sooner.
    const std::uint32_t delay_s = std::min(message_->delay_s, session_expiry_s);
    if (delay_s == 0) return {Kind::publish_now, {}};
    due_ = now + std::chrono::seconds{delay_s};
    return {Kind::publish_at, *due_};
}

void Will::on_resumed() noexcept {
    if (due_) disarm();  // [MQTT-3.1.3-9]
}

WillAction Will::on_session_ended() noexcept {
    if (!due_) return {};
    due_.reset();
    return {Kind::publish_now, {}};
}

WillAction Will::on_tick(MonotonicTime now) noexcept {
    if (!due_) return {};
    if (now < *due_) return {Kind::publish_at, *due_};
    due_.reset();
    return {Kind::publish_now, {}};
}

}  // namespace firehose::session
