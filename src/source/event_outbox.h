// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "source/event.h"

/// What a source has read and its Sink has not taken yet, in order and bounded.
///
/// A source must not stop reading because the log is slow: Gerrit keeps 128 events a listener and
/// then throws away. When `bytes_max` are full the newest event is dropped and counted: a gap.
/// Threads: the source's own.
/// Invariant: events reach the Sink in the order they came; bytes() <= bytes_max.
namespace firehose::source {

class EventOutbox {
public:
    EventOutbox(Sink& sink, std::size_t bytes_max) noexcept : sink_(sink), bytes_max_(bytes_max) {}

    /// Hands the event on, behind what waits. False: there was no room and it is lost.
    [[nodiscard]] bool put(Event event);

    /// Offers again what waits; returns how many events the Sink took.
    std::size_t flush();

    [[nodiscard]] bool is_empty() const noexcept { return waiting_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return waiting_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

private:
    Sink& sink_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::deque<Event> waiting_;
};

}  // namespace firehose::source
