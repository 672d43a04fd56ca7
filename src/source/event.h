// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

/// What a source hands on, and to whom.
///
/// An Event owns its bytes: the line that it came from is gone when it is published. A Sink is the
/// way into this bus (src/app) or into another broker (`firehose source`).
/// Threads: a Sink is called on its source's thread only, one call at a time; it outlives the
///          source's `stop`.
/// Source:  design.md section 7, rule **Names beginning with `$`, and our own** for the status.
namespace firehose::source {

struct Event {
    std::string topic;                    // A valid topic name, at most 65,535 bytes.
    std::string payload;                  // Valid UTF-8; Gerrit's bytes, untouched.
    std::optional<WallTime> origin_time;  // The event's own time, if it told one.

    friend bool operator==(const Event&, const Event&) = default;
};

/// Online: the stream is open. Offline: it is not, and what happens there meanwhile is missed.
enum class SourceState : std::uint8_t { offline, online };

[[nodiscard]] std::string_view name(SourceState state) noexcept;

class Sink {
public:
    virtual ~Sink() = default;

    /// Takes the event and answers true; or answers false at once when there is no room, and
    /// leaves the event as it is: the source keeps it and asks again soon. Never blocks.
    /// QoS 2 and not retained, so that the subscriber's QoS decides.
    [[nodiscard]] virtual bool publish(Event&& event) = 0;

    /// Called at each transition, and once with `offline` by `stop`. `reason` is for people, and
    /// says what to do about it where something can be done. Meant for the retained topic
    /// `firehose/source/<name>/status`. Never blocks.
    virtual void on_state(SourceState state, std::string_view reason) = 0;
};

}  // namespace firehose::source
