// SPDX-License-Identifier: Apache-2.0
#include "topic/match_cache.h"

#include <algorithm>

namespace firehose::topic {

std::span<const SubscriberId> MatchCache::match(std::string_view name) {
    if (epoch_ != index_.epoch()) clear();
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
        ++hits_;
        found->second->was_hit = true;
        return found->second->ids;
    }
    ++misses_;
    scratch_.clear();
    index_.match(name, scratch_);
    std::sort(scratch_.begin(), scratch_.end());
    scratch_.erase(std::unique(scratch_.begin(), scratch_.end()), scratch_.end());
    if (limits_.names_max == 0 || scratch_.size() > limits_.ids_max) return scratch_;
    make_room(scratch_.size());
    // Behind the hand: the newest entry is the last that it comes to.
    const auto entry = ring_.insert(hand_, Entry{std::string{name}, scratch_, false});
    by_name_.emplace(entry->name, entry);
    id_count_ += entry->ids.size();
    return entry->ids;
}

void MatchCache::clear() {
    by_name_.clear();
    ring_.clear();
    hand_ = ring_.end();
    id_count_ = 0;
    epoch_ = index_.epoch();
}

void MatchCache::make_room(std::size_t ids) {
    while (ring_.size() >= limits_.names_max || id_count_ + ids > limits_.ids_max) evict_one();
}

void MatchCache::evict_one() {
    while (true) {
        if (hand_ == ring_.end()) hand_ = ring_.begin();
        if (!hand_->was_hit) break;
        hand_->was_hit = false;
        ++hand_;
    }
    id_count_ -= hand_->ids.size();
    by_name_.erase(hand_->name);
    hand_ = ring_.erase(hand_);
}

}  // namespace firehose::topic
