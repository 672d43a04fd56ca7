// SPDX-License-Identifier: Apache-2.0
#include "source/event_outbox.h"

#include <utility>

namespace firehose::source {

namespace {
/// Counts the container's share too, or a million empty events would cost nothing.
std::size_t size_of(const Event& event) {
    return sizeof(Event) + event.topic.size() + event.payload.size();
}
}  // namespace

bool EventOutbox::put(Event event) {
    flush();
    if (waiting_.empty() && sink_.publish(std::move(event))) return true;
    // A Sink that answers false has left the event as it was.
    const std::size_t size = size_of(event);
    if (size > bytes_max_ - bytes_) return false;
    bytes_ += size;
    waiting_.push_back(std::move(event));
    return true;
}

std::size_t EventOutbox::flush() {
    std::size_t taken = 0;
    while (!waiting_.empty()) {
        const std::size_t size = size_of(waiting_.front());
        if (!sink_.publish(std::move(waiting_.front()))) break;
        waiting_.pop_front();
        bytes_ -= size;
        ++taken;
    }
    return taken;
}

}  // namespace firehose::source
