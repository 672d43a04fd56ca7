// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "log/block.h"
#include "log/record.h"

/// What is to be erased, and how far that got.
///
/// An erased record keeps its seq, its topic and its size; its payload and properties are zeros, a
/// flag says so, and its checksum holds. Readers are given it without payload.
/// Threads: a selection is immutable and asked from the housekeeper's; the rest are values.
/// Source:  docs/formats/segment.md, "Erasing"; rule **Taking something back**.
namespace firehose::log {

class EraseSelection {
public:
    virtual ~EraseSelection() = default;

    /// Nothing below is covered.
    [[nodiscard]] virtual Seq first() const = 0;
    /// Asked of messages and `keep` records.
    [[nodiscard]] virtual bool covers(Seq seq, const Record& record) const = 0;
    /// False: no message of [from, end) is covered; what a `keep` record holds may be.
    [[nodiscard]] virtual bool may_cover(Seq from, Seq end) const = 0;
    /// False: no message of that topic is covered.
    [[nodiscard]] virtual bool may_cover(std::string_view topic) const = 0;
};

/// Whether the record is to be erased and is not yet.
[[nodiscard]] bool is_to_erase(const EraseSelection& selection, Seq seq, const Record& record);

/// The block with its covered records erased, counted in `records`; itself when there are none.
[[nodiscard]] BlockRef without_erased(const BlockRef& block, const EraseSelection& selection,
                                      std::uint64_t& records);

enum class EraseStep : std::uint8_t {
    again,  // Call again.
    waits,  // For the writer, for a reader, or `EraseProgress::problem`: call again after a while.
    done,   // Neither the memory nor a file of the log holds any of it.
};

struct EraseProgress {
    std::uint64_t bytes = 0;  // Of the segments that are looked through.
    std::uint64_t bytes_done = 0;
    std::uint64_t records = 0;  // Erased in segments.
    std::uint64_t segments_rewritten = 0;
    std::string problem;  // Why the last step failed; empty: it did not.
};

}  // namespace firehose::log
