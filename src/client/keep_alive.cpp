// SPDX-License-Identifier: Apache-2.0
#include "client/keep_alive.h"

#include <algorithm>

namespace firehose::client {

void KeepAlive::start(MonotonicTime now, std::chrono::seconds keep_alive,
                      std::chrono::seconds ping_timeout) noexcept {
    period_ = Microseconds{keep_alive} * 3 / 4;
    timeout_ = ping_timeout;
    last_sent_ = now;
    last_heard_ = now;
    pinged_at_.reset();
}

void KeepAlive::on_heard(MonotonicTime now) noexcept {
    last_heard_ = now;
    pinged_at_.reset();
}

KeepAlive::Due KeepAlive::on_tick(MonotonicTime now) noexcept {
    const auto at = next_tick();
    if (!at || now < *at) return Due::nothing;
    if (pinged_at_) return Due::give_up;
    pinged_at_ = now;
    last_sent_ = now;
    return Due::ping;
}

std::optional<MonotonicTime> KeepAlive::next_tick() const noexcept {
    if (period_ == Microseconds{0}) return std::nullopt;
    if (pinged_at_) return *pinged_at_ + timeout_;
    return std::min(last_sent_, last_heard_) + period_;
}

}  // namespace firehose::client
