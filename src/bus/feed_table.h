// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "bus/feed.h"

/// The feeds of one shard, by key, and the window that bounds their chunks together.
///
/// Ownership: owns the feeds; a feed without members is removed by its last member.
/// Threads:   the shard's. Memory: chunks of all feeds in sum, `window_bytes` and one chunk, and
/// the
///            pool of empty ones.
namespace firehose::bus {

class FeedTable {
public:
    explicit FeedTable(std::size_t window_bytes) : window_bytes_(window_bytes) {}

    [[nodiscard]] Feed* find(const FeedKey& key);
    [[nodiscard]] Feed& make(FeedKey key, const session::Subscriptions& subscriptions);
    void remove(Feed& feed);
    [[nodiscard]] std::size_t size() const noexcept { return feeds_.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    /// Appends to a feed and keeps the books; the feed is flushed at the end of the turn.
    void append(Feed& feed, const PlacedRecord& placed, bool retain_as_published);
    /// Feeds that got bytes since the last call.
    [[nodiscard]] std::vector<Feed*> take_dirty();
    /// All members are at the end: nothing needs the bytes.
    void drop_all(Feed& feed);

    /// While the window is exceeded: the feed whose oldest chunk must go.
    [[nodiscard]] Feed* over_window() const;
    void drop_chunk(Feed& feed);

    template <class Visit>
    void for_each(Visit&& visit) {
        for (auto& [key, feed] : feeds_) visit(*feed);
    }

private:
    std::size_t window_bytes_;
    std::size_t bytes_ = 0;
    std::map<FeedKey, std::unique_ptr<Feed>> feeds_;
    std::vector<Feed*> dirty_;
    ChunkPool pool_;
};

}  // namespace firehose::bus
