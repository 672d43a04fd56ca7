// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"

/// The bytes of one file in memory, and what a power cut may leave of them.
///
/// A disk writes sectors of 512 bytes, whole or not at all, in any order. Whatever a sector held
/// since the last successful sync may be what is found after a cut; so may any size the file had.
/// A failed sync writes nothing for sure, and forgets: a later successful one does not make up for
/// it (as Linux marks the pages clean), though reading still shows the bytes.
/// Threads: the owner's lock. Cost: a write keeps what it replaces, sector by sector, until the
/// next sync; nothing where a file only grows but a mark.
namespace firehose::log {

class MemoryContents {
public:
    static constexpr std::size_t kSectorBytes = 512;

    /// `survives_a_cut`: false for a file without a name; then nothing is kept for a cut.
    explicit MemoryContents(bool survives_a_cut = true) noexcept
        : survives_a_cut_(survives_a_cut) {}

    [[nodiscard]] const ByteBuffer& bytes() const noexcept { return bytes_; }
    /// For damage by hand: on disk as well.
    [[nodiscard]] std::byte& at(std::uint64_t offset) { return bytes_.at(offset); }

    void write(std::uint64_t offset, ByteSpan piece);
    /// Shorter, or longer by zeros.
    void resize(std::uint64_t bytes);
    void sync();
    void fail_sync();

    /// Nothing that was not synced survives.
    void lose_unsynced();
    /// Some of what was not synced survives.
    void power_cut(Random& random);
    /// As written and synced by now.
    void forget_past();

private:
    using Sector = std::array<std::byte, kSectorBytes>;
    struct Older {
        std::vector<Sector> versions;  // Oldest first; that one is on disk.
        bool is_dirty = true;          // False: a sync of it failed.
    };

    void remember(std::uint64_t begin, std::uint64_t end);
    [[nodiscard]] Sector sector(std::uint64_t index) const;
    void put_back(std::uint64_t index, const Sector& old);

    bool survives_a_cut_;
    ByteBuffer bytes_;
    std::uint64_t synced_size_ = 0;
    std::vector<std::uint64_t> sizes_;         // Since the last successful sync.
    std::map<std::uint64_t, Older> unsynced_;  // By sector.
};

}  // namespace firehose::log
