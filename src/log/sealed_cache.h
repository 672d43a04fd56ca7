// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "base/locked.h"
#include "log/kept_segment.h"
#include "log/sealed_reader.h"

/// What was read of sealed segments lately: frame tables, dictionaries and decoded frames, for all
/// readers.
///
/// Bounded by bytes; the least recently used goes first, and one entry larger than the bound is
/// not kept at all. A segment itself keeps only the words of a SealedFile.
/// Ownership: outlives the SealedSegments that it made. What it gives out is shared, immutable.
/// Threads:   any; no file is read and nothing decompressed inside the lock, so two readers may
///            read the same frame at the same time.
/// Invariant: nothing that could not be read is kept: another time it may be readable.
namespace firehose::log {

class SealedCache {
public:
    explicit SealedCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// A segment that reads through this cache. Its file is passed to each read.
    [[nodiscard]] std::shared_ptr<SealedSegment> add(const SealedFile& segment);

    struct Figures {
        std::size_t bytes = 0;
        std::uint64_t hits_total = 0;
        std::uint64_t misses_total = 0;
    };
    [[nodiscard]] Figures figures() const;

private:
    class Segment;
    /// A frame's number in a segment; kTable for its frame table, kTopics for its dictionary.
    using Key = std::pair<std::uint64_t, std::size_t>;
    struct Entry {
        Key key;
        std::shared_ptr<const void> value;
        std::size_t bytes = 0;
    };
    struct State {
        std::list<Entry> entries;  // Newest first.
        std::map<Key, std::list<Entry>::iterator> by_key;
        std::uint64_t last_id = 0;
        Figures figures;
    };

    [[nodiscard]] std::shared_ptr<const void> find(const Key& key);
    void keep(const Key& key, std::shared_ptr<const void> value, std::size_t bytes);
    void forget(std::uint64_t id);

    const std::size_t bytes_max_;
    Locked<State> state_;
};

}  // namespace firehose::log
