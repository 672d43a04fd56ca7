// SPDX-License-Identifier: Apache-2.0
#include "bus/feed_table.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::bus {

Feed* FeedTable::find(const FeedKey& key) {
    const auto found = feeds_.find(key);
    return found == feeds_.end() ? nullptr : found->second.get();
}

Feed& FeedTable::make(FeedKey key, const session::Subscriptions& subscriptions) {
    auto feed = std::make_unique<Feed>(key, subscriptions);
    const auto [at, is_new] = feeds_.emplace(std::move(key), std::move(feed));
    FH_ASSERT(is_new);
    return *at->second;
}

void FeedTable::remove(Feed& feed) {
    FH_ASSERT(feed.members().empty());
    bytes_ -= feed.bytes();
    std::erase(dirty_, &feed);
    const std::size_t removed = feeds_.erase(FeedKey{feed.key()});
    FH_ASSERT(removed == 1);
}

void FeedTable::append(Feed& feed, const PlacedRecord& placed, bool retain_as_published) {
    bytes_ += feed.append(placed, retain_as_published, pool_);
    if (!std::exchange(feed.is_dirty_, true)) dirty_.push_back(&feed);
}

std::vector<Feed*> FeedTable::take_dirty() {
    for (Feed* feed : dirty_) feed->is_dirty_ = false;
    return std::exchange(dirty_, {});
}

void FeedTable::drop_all(Feed& feed) {
    bytes_ -= feed.drop_all(pool_);
}

Feed* FeedTable::over_window() const {
    if (bytes_ <= window_bytes_) return nullptr;
    const auto largest = std::max_element(
        feeds_.begin(), feeds_.end(),
        [](const auto& a, const auto& b) { return a.second->bytes() < b.second->bytes(); });
    return largest == feeds_.end() ? nullptr : largest->second.get();
}

void FeedTable::drop_chunk(Feed& feed) {
    bytes_ -= feed.drop_chunk(pool_);
}

}  // namespace firehose::bus
