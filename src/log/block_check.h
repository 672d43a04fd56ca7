// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "log/block.h"
#include "log/segment_format.h"

/// Which records of a block are intact, and where they are.
///
/// Where a record's length is damaged the next record is found again by what must be true of it:
/// from it on intact records fill the block to its end, and they are fewer than what is missing.
/// So bytes that a publisher chose cannot pass for a record: one record too many would be there.
/// Threads: pure functions. Cost: one pass; where a length is damaged, at most kSearchBytesMax
/// more. Source:  docs/formats/segment.md, "Reading".
namespace firehose::log {

struct BlockCheck {
    struct Place {
        std::uint32_t offset = 0;
        std::uint32_t bytes = 0;  // 0: unknown, of a record that is not intact.
        bool is_intact = false;
    };
    std::vector<Place> records;  // As many as the header counts.
    std::uint32_t damaged = 0;
    /// Behind the last intact record: so many records, so many bytes.
    std::uint32_t intact_count = 0;
    std::uint32_t intact_bytes = 0;
    bool has_slack = false;  // Bytes that belong to no record.

    [[nodiscard]] bool is_intact() const noexcept { return damaged == 0 && !has_slack; }
};

/// A header that counts more than its bytes can hold is none.
[[nodiscard]] inline bool is_count_possible(const BlockHeader& header) noexcept {
    return header.count <= header.stored_bytes / kRecordHeaderBytes;
}

inline constexpr std::size_t kSearchBytesMax = std::size_t{16} << 20;

/// `stored`: the block's bytes as far as they are there. `count`: of its header, and no more than
/// fit the bytes that it promises (`is_count_possible`).
[[nodiscard]] BlockCheck check_block(ByteSpan stored, std::uint32_t count);

/// The first `count` records as a block: with a gap record in place of each that is not intact.
[[nodiscard]] BlockRef checked_block(ByteSpan stored, const BlockHeader& header,
                                     const BlockCheck& check, std::uint32_t count);

}  // namespace firehose::log
