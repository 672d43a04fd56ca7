// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "bus/acl.h"
#include "bus/identity.h"
#include "topic/match_cache.h"

/// Who at the tail wants a topic: feeds, and clients that read by themselves.
///
/// A subscriber is registered with all its filters and gets a slot; a topic's list of slots that
/// may read it is computed once and cached until a filter that matches it comes or goes, or rights
/// change.
/// Threads: the shard's. Cost: one hash look-up for a topic seen before.
namespace firehose::bus {

class Client;
class Feed;

class TailIndex {
public:
    using Slot = topic::SubscriberId;
    using Subscriber = std::variant<std::monostate, Feed*, Client*>;

    TailIndex() = default;
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
        const auto may_read = [&](Slot slot) {
            const Entry& entry = entries_[slot];
            return entry.acl->may_read(entry.reader, topic);
        };
        for (const Slot slot : cache_.match(topic, may_read)) visit(entries_[slot].subscriber);
    }
    /// What an ACL says has changed.
    void on_rights_changed() noexcept { cache_.clear(); }

private:
    struct Entry {
        Subscriber subscriber;
        Identity reader;
        const Acl* acl = nullptr;
    };
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
    topic::MatchCache cache_;
};

}  // namespace firehose::bus
