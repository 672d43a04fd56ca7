// SPDX-License-Identifier: Apache-2.0
#include "log/memory_contents.h"

#include <algorithm>

namespace firehose::log {
namespace {

constexpr std::size_t kVersionsMax = 4;  // Of a sector; in between ones are forgotten.

}  // namespace

MemoryContents::Sector MemoryContents::sector(std::uint64_t index) const {
    Sector out{};
    const std::uint64_t begin = index * kSectorBytes;
    if (begin < bytes_.size()) {
        const ByteSpan there = ByteSpan{bytes_}.subspan(begin);
        std::copy_n(there.begin(), std::min(there.size(), kSectorBytes), out.begin());
    }
    return out;
}

void MemoryContents::put_back(std::uint64_t index, const Sector& old) {
    const std::uint64_t begin = index * kSectorBytes;
    if (begin >= bytes_.size()) return;
    std::copy_n(old.begin(), std::min<std::uint64_t>(kSectorBytes, bytes_.size() - begin),
                bytes_.begin() + static_cast<std::ptrdiff_t>(begin));
}

/// Called before the bytes in [begin, end) change.
void MemoryContents::remember(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end || !survives_a_cut_) return;
    for (std::uint64_t index = begin / kSectorBytes; index <= (end - 1) / kSectorBytes; ++index) {
        Older& older = unsynced_[index];
        older.is_dirty = true;
        if (older.versions.size() == kVersionsMax) older.versions.pop_back();
        older.versions.push_back(sector(index));
    }
}

void MemoryContents::write(std::uint64_t offset, ByteSpan piece) {
    if (piece.empty()) return;
    const std::uint64_t end = offset + piece.size();
    remember(offset, end);
    if (bytes_.size() < end) {
        if (survives_a_cut_) sizes_.push_back(end);
        bytes_.resize(end);
    }
    std::copy(piece.begin(), piece.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
}

void MemoryContents::resize(std::uint64_t bytes) {
    const std::uint64_t from = survives_a_cut_ ? bytes / kSectorBytes : UINT64_MAX;
    const std::uint64_t to = (bytes_.size() + kSectorBytes - 1) / kSectorBytes;
    for (std::uint64_t index = from; index < to; ++index) {
        if (sector(index) == Sector{}) continue;  // Room that was never written.
        remember(std::max(bytes, index * kSectorBytes), (index + 1) * kSectorBytes);
    }
    if (survives_a_cut_) sizes_.push_back(bytes);
    bytes_.resize(bytes);
}

void MemoryContents::sync() {
    std::erase_if(unsynced_, [](const auto& entry) { return entry.second.is_dirty; });
    synced_size_ = bytes_.size();
    sizes_.clear();
}

void MemoryContents::fail_sync() {
    for (auto& [index, older] : unsynced_) older.is_dirty = false;
}

void MemoryContents::lose_unsynced() {
    bytes_.resize(synced_size_);
    for (const auto& [index, older] : unsynced_) put_back(index, older.versions.front());
    forget_past();
}

void MemoryContents::power_cut(Random& random) {
    // From all that was written to nothing of it.
    const unsigned percent = static_cast<unsigned>(random.below(5)) * 25;
    if (!sizes_.empty() && random.chance(percent)) {
        bytes_.resize(sizes_[random.below(sizes_.size())]);
    } else {
        bytes_.resize(synced_size_);
    }
    for (const auto& [index, older] : unsynced_) {
        if (random.chance(percent)) continue;
        const bool is_oldest = !random.chance(percent);
        put_back(index, older.versions[is_oldest ? 0 : random.below(older.versions.size())]);
    }
    forget_past();
}

void MemoryContents::forget_past() {
    unsynced_.clear();
    sizes_.clear();
    synced_size_ = bytes_.size();
}

}  // namespace firehose::log
