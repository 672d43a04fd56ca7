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

/// Remembers which subscribers a topic name matched, so that a name is matched once.
///
/// Invalidation is exact in its simple first form: the whole cache is dropped as soon as the
/// index's epoch has moved, that is, on any change of any subscription.
/// Lifetime: a returned span is valid until the next call.
/// Threads:  belongs to the shard of its index.
/// Cost:     a hit is one map look-up; memory is bounded by `names_max` names and `ids_max` ids
///           in all. What does not fit makes room by second chance: names that were hit since the
///           hand last passed stay one round more. A name with more ids than `ids_max` is matched
///           each time.
/// Invariant: match() answers what index.match() answers, sorted and without repetitions.
namespace firehose::topic {

class MatchCache {
public:
    struct Limits {
        std::size_t names_max = 8'192;
        std::size_t ids_max = 262'144;
    };

    MatchCache(const SubscriptionIndex& index, Limits limits) : index_(index), limits_(limits) {}

    [[nodiscard]] std::span<const SubscriberId> match(std::string_view name);

    [[nodiscard]] std::size_t name_count() const noexcept { return ring_.size(); }
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }
    [[nodiscard]] std::uint64_t misses() const noexcept { return misses_; }

private:
    struct Entry {
        std::string name;
        std::vector<SubscriberId> ids;
        bool was_hit = false;
    };
    using Ring = std::list<Entry>;

    void clear();
    void make_room(std::size_t ids);
    void evict_one();

    const SubscriptionIndex& index_;
    Limits limits_;
    Ring ring_;
    Ring::iterator hand_ = ring_.end();
    std::map<std::string_view, Ring::iterator> by_name_;  // Views into the ring's names.
    std::size_t id_count_ = 0;
    std::uint64_t epoch_ = 0;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
    std::vector<SubscriberId> scratch_;
};

}  // namespace firehose::topic
