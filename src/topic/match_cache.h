// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "topic/subscription_index.h"

/// A subscription index that remembers which subscribers a topic name matched, so that a name is
/// matched once.
///
/// Invalidation is exact: a filter that is added or removed takes the names that it matches out of
/// the cache, and no others.
/// Lifetime: a returned span is valid until the next call.
/// Threads:  one.
/// Cost:     a hit is one hash and one comparison; where two names share a place in `recent_`, a
/// map
///           look-up, so no choice of names makes it slow. A change looks at the cached names that
///           begin as its filter does. Memory is bounded by `names_max` names and `ids_max` ids in
///           all. What does not fit makes room by second chance: names that were hit since the hand
///           last passed stay one round more. A name with more ids than `ids_max` is matched each
///           time.
/// Invariant: match() answers what index().match() answers, without those that `keep` refused,
///           sorted and without repetitions.
namespace firehose::topic {

class MatchCache {
public:
    struct Limits {
        std::size_t names_max = 8'192;
        std::size_t ids_max = 262'144;
    };

    MatchCache() : MatchCache(Limits{}) {}
    explicit MatchCache(Limits limits) : limits_(limits) {}

    /// As SubscriptionIndex.
    bool add(std::string_view filter, SubscriberId id);
    bool remove(std::string_view filter, SubscriberId id);
    [[nodiscard]] const SubscriptionIndex& index() const noexcept { return index_; }

    /// Subscribers of the name for which `keep(id)` holds; it is asked once a name: who changes its
    /// mind calls `clear`.
    template <class Keep>
    [[nodiscard]] std::span<const SubscriberId> match(std::string_view name, Keep&& keep) {
        if (const Entry* known = find(name)) return known->ids;
        match_index(name);
        std::erase_if(scratch_, [&](SubscriberId id) { return !keep(id); });
        return remember(name);
    }
    [[nodiscard]] std::span<const SubscriberId> match(std::string_view name) {
        return match(name, [](SubscriberId) { return true; });
    }

    /// Forgets all names.
    void clear() noexcept;

    [[nodiscard]] std::size_t name_count() const noexcept { return ring_.size(); }
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }
    [[nodiscard]] std::uint64_t misses() const noexcept { return misses_; }

private:
    struct Entry {
        std::string name;
        std::size_t hash = 0;
        std::vector<SubscriberId> ids;
        bool was_hit = false;
    };
    using Ring = std::list<Entry>;
    using ByName = std::map<std::string_view, Ring::iterator>;

    [[nodiscard]] const Entry* find(std::string_view name);
    [[nodiscard]] Entry*& recent(std::size_t hash) noexcept;
    void match_index(std::string_view name);
    [[nodiscard]] std::span<const SubscriberId> remember(std::string_view name);
    void forget(std::string_view filter);
    [[nodiscard]] ByName::iterator erase(ByName::iterator at);
    void make_room(std::size_t ids);
    void evict_one();

    SubscriptionIndex index_;
    Limits limits_;
    Ring ring_;
    Ring::iterator hand_ = ring_.end();
    ByName by_name_;              // Views into the ring's names.
    std::vector<Entry*> recent_;  // By hash: the entry that was found there last, or null.
    std::size_t id_count_ = 0;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
    std::vector<SubscriberId> scratch_;
};

}  // namespace firehose::topic
