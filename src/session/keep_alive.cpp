// SPDX-License-Identifier: Apache-2.0
#include "session/keep_alive.h"

#include <algorithm>

namespace firehose::session {

KeepAlive::KeepAlive(std::uint16_t keep_alive_s, MonotonicTime now) noexcept
    : allowed_(std::chrono::milliseconds{1'500} * keep_alive_s), last_(now) {}

void KeepAlive::on_packet(MonotonicTime now) noexcept {
    last_ = now;
    if (held_since_) held_since_ = now;
}

void KeepAlive::on_held(MonotonicTime now) noexcept {
    if (!held_since_) held_since_ = now;
}

void KeepAlive::on_released(MonotonicTime now) noexcept {
    if (!held_since_) return;
    last_ = last_ + (now - *held_since_);
    held_since_.reset();
}

bool KeepAlive::is_expired(MonotonicTime now) const noexcept {
    const auto at = deadline();
    return at && now >= *at;  // [MQTT-3.1.2-22]
}

std::optional<MonotonicTime> KeepAlive::deadline() const noexcept {
    if (held_since_ || allowed_ == Microseconds{0}) return std::nullopt;
    return last_ + allowed_;
}

Microseconds KeepAlive::held_max(Microseconds stall_max) const noexcept {
    if (allowed_ == Microseconds{0}) return stall_max;
    return std::min(stall_max, allowed_ / 3);  // A third of 1.5 keep alives is half of one.
}

}  // namespace firehose::session
