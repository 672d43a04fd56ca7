// SPDX-License-Identifier: Apache-2.0
#include "source/stream_watch.h"

#include <algorithm>

namespace firehose::source {

StreamWatch::Step StreamWatch::on_time(MonotonicTime now) noexcept {
    if (now - heard_ >= options_.silence_max) return Step::give_up;
    if (now - asked_ < options_.keep_alive) return Step::wait;
    asked_ = now;
    return Step::ask;
}

Microseconds StreamWatch::quiet_for(MonotonicTime now) const noexcept {
    const Microseconds until_ask = options_.keep_alive - (now - asked_);
    const Microseconds until_end = options_.silence_max - (now - heard_);
    return std::max(std::min(until_ask, until_end), Microseconds{0});
}

}  // namespace firehose::source
