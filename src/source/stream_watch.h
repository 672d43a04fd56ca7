// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.h"

/// Is the other side of a quiet stream still there?
///
/// Gerrit may have nothing to say for hours, and a firewall may have forgotten the connection
/// meanwhile. So every `keep_alive` of silence the other side is asked to answer; when nothing at
/// all has come for `silence_max`, the stream is dead whatever TCP believes.
/// Threads: none; told the time.
namespace firehose::source {

struct StreamWatchOptions {
    Microseconds keep_alive = std::chrono::seconds{60};
    Microseconds silence_max = std::chrono::seconds{195};  // Three questions and some patience.
};

class StreamWatch {
public:
    enum class Step : unsigned char { wait, ask, give_up };

    StreamWatch(StreamWatchOptions options, MonotonicTime now) noexcept
        : options_(options), heard_(now), asked_(now) {}

    /// Any bytes came, answers included.
    void on_bytes(MonotonicTime now) noexcept { heard_ = asked_ = now; }

    /// What to do at `now`. `ask` is said once per `keep_alive` of silence.
    [[nodiscard]] Step on_time(MonotonicTime now) noexcept;

    /// How long `on_time` will have nothing new to say, unless bytes come.
    [[nodiscard]] Microseconds quiet_for(MonotonicTime now) const noexcept;

private:
    StreamWatchOptions options_;
    MonotonicTime heard_;
    MonotonicTime asked_;  // Invariant: heard_ <= asked_.
};

}  // namespace firehose::source
