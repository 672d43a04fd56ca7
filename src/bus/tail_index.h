// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "bus/acl.h"
#include "bus/identity.h"
#include "topic/match_cache.h"
#include "topic/subscription_index.h"

/// Who at the tail wants a topic: feeds, and clients that read by themselves.
///
/// A subscriber is registered with all its filters and gets a slot; a topic's list of slots is
/// computed once and cached until a subscription changes; rights are asked at each delivery.
/// Threads: the shard's. Cost: one hash look-up for a topic seen since the last change.
namespace firehose::bus {

class Client;
class Feed;

class TailIndex {
public:
    using Slot = topic::SubscriberId;
    using Subscriber = std::variant<std::monostate, Feed*, Client*>;

    TailIndex() : cache_(index_, {}) {}
    TailIndex(const TailIndex&) = delete;
    TailIndex& operator=(const TailIndex&) = delete;

    /// `reader` decides the rights, by `acl`; for a feed, any member's identity (they are of one
    /// class).
    [[nodiscard]] Slot add(Subscriber subscriber, Identity reader, const Acl& acl);
    void add_filter(Slot slot, std::string_view filter);
    void remove_filter(Slot slot, std::string_view filter);
    /// The slot's filters must have been removed.
    void remove(Slot slot);
    [[nodiscard]] bool is_empty() const noexcept { return entries_.size() == free_.size(); }

    /// Calls `visit(Subscriber&)` once for each subscriber that wants the topic and may read it.
    /// `visit` must not change the index.
    template <class Visit>
    void match(std::string_view topic, Visit&& visit) {
        for (const Slot slot : cache_.match(topic)) {
            const Entry& entry = entries_[slot];
            if (entry.acl->may_read(entry.reader, topic)) visit(entry.subscriber);
        }
    }

private:
    struct Entry {
        Subscriber subscriber;
        Identity reader;
        const Acl* acl = nullptr;
    };
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
    topic::SubscriptionIndex index_;
    topic::MatchCache cache_;
};

}  // namespace firehose::bus
