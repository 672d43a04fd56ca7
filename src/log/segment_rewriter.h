// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "base/result.h"
#include "log/erase.h"
#include "log/file.h"
#include "log/sealed_reader.h"
#include "log/sealed_writer.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

/// Writes a segment again without what is erased: a sealed one, whatever it was.
///
/// Never in place: a torn write would damage what is not erased. A sealed segment is looked through
/// first, only the frames that may hold something, so that most are not written at all.
///
///     SegmentRewriter rewriter{*file, header, stretch, selection};
///     while (looking) step = rewriter.look_step();
///     if (rewriter.is_needed()) { rewriter.begin(*out); do step = rewriter.step(); while ... }
///
/// Ownership: refers to its files and the selection. Threads: one at a time (the housekeeper's).
/// Cost:      a step reads, compresses and writes a frame or so.
/// Errors:    any errno of the files; the output is then worthless and the caller removes it.
///            What is damaged in the source becomes gap records: `has_damage`.
/// Source:    docs/formats/segment.md, "Erasing".
namespace firehose::log {

class SegmentRewriter {
public:
    using Step = Result<bool, std::error_code>;  // True: call again.

    /// A plain segment, as Sealer takes it.
    SegmentRewriter(File& source, const SegmentHeader& header, const SegmentStretch& stretch,
                    const EraseSelection& selection, std::size_t frame_bytes = kFrameBytesTarget);
    /// A sealed one.
    SegmentRewriter(File& source, const SealedFile& sealed, const EraseSelection& selection,
                    std::size_t frame_bytes = kFrameBytesTarget);

    /// Looks for a record that is to be erased, until there is one.
    [[nodiscard]] Step look_step();
    /// After looking: a plain segment is always read to its end.
    [[nodiscard]] bool is_needed() const noexcept { return is_needed_; }

    void begin(File& out);
    /// False: the new file is whole and synced.
    [[nodiscard]] Step step();

    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }  // Erased.
    [[nodiscard]] bool has_damage() const noexcept { return has_damage_; }

private:
    [[nodiscard]] Step plain_step();
    [[nodiscard]] Step sealed_step();
    [[nodiscard]] IoResult add(const std::vector<BlockRef>& blocks);

    File& source_;
    SegmentHeader header_;
    const EraseSelection& selection_;
    const std::size_t frame_bytes_;
    std::optional<SegmentStretch> rest_;  // Of a plain segment.
    std::optional<SealedFile> sealed_;
    SealedFrames frames_;
    std::vector<std::size_t> suspects_;  // Frames to look at; the last one first.
    bool has_frames_ = false;
    std::size_t next_frame_ = 0;
    std::optional<SealedWriter> writer_;
    std::uint64_t records_ = 0;
    bool is_needed_ = false;
    bool has_damage_ = false;
};

}  // namespace firehose::log
