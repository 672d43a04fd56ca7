// SPDX-License-Identifier: Apache-2.0
#include "topic/match_cache.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <tuple>

#include "topic/topic_filter.h"

namespace firehose::topic {

bool MatchCache::add(std::string_view filter, SubscriberId id) {
    if (!index_.add(filter, id)) return false;
    forget(filter);
    return true;
}

bool MatchCache::remove(std::string_view filter, SubscriberId id) {
    if (!index_.remove(filter, id)) return false;
    forget(filter);
    return true;
}

MatchCache::Entry*& MatchCache::recent(std::size_t hash) noexcept {
    return recent_[hash & (recent_.size() - 1)];
}

const MatchCache::Entry* MatchCache::find(std::string_view name) {
    if (ring_.empty()) return nullptr;
    Entry*& place = recent(std::hash<std::string_view>{}(name));
    if (place == nullptr || place->name != name) {
        const auto known = by_name_.find(name);
        if (known == by_name_.end()) return nullptr;
        place = &*known->second;
    }
    ++hits_;
    place->was_hit = true;
    return place;
}

void MatchCache::match_index(std::string_view name) {
    ++misses_;
    scratch_.clear();
    index_.match(name, scratch_);
    std::sort(scratch_.begin(), scratch_.end());
    scratch_.erase(std::unique(scratch_.begin(), scratch_.end()), scratch_.end());
}

std::span<const SubscriberId> MatchCache::remember(std::string_view name) {
    if (limits_.names_max == 0 || scratch_.size() > limits_.ids_max) return scratch_;
    make_room(scratch_.size());
    if (recent_.empty()) recent_.resize(std::bit_ceil(limits_.names_max));
    const std::size_t hash = std::hash<std::string_view>{}(name);
    // Behind the hand: the newest entry is the last that it comes to.
    const auto entry = ring_.insert(hand_, Entry{std::string{name}, hash, scratch_, false});
    by_name_.emplace(entry->name, entry);
    recent(hash) = &*entry;
    id_count_ += entry->ids.size();
    return entry->ids;
}

void MatchCache::forget(std::string_view filter) {
    const std::string_view prefix = literal_prefix(filter);
    auto at = by_name_.lower_bound(prefix);
    while (at != by_name_.end() && at->first.starts_with(prefix)) {
        at = matches(filter, at->first) ? erase(at) : std::next(at);
    }
}

MatchCache::ByName::iterator MatchCache::erase(ByName::iterator at) {
    const Ring::iterator entry = at->second;
    if (recent(entry->hash) == &*entry) recent(entry->hash) = nullptr;
    id_count_ -= entry->ids.size();
    const auto following = by_name_.erase(at);
    if (hand_ == entry) ++hand_;
    ring_.erase(entry);
    return following;
}

void MatchCache::clear() noexcept {
    by_name_.clear();
    ring_.clear();
    hand_ = ring_.end();
    std::fill(recent_.begin(), recent_.end(), nullptr);
    id_count_ = 0;
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
    std::ignore = erase(by_name_.find(hand_->name));
}

}  // namespace firehose::topic
