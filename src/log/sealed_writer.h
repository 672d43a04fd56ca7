// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>

#include "base/result.h"
#include "log/block.h"
#include "log/file.h"
#include "log/sealed_format.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

/// Writes a sealed segment: the blocks of a segment in compressed frames, with an index.
///
/// SealedWriter takes blocks and makes the file; Sealer feeds it from a plain segment in bounded
/// steps. The file is whole only once `finish` has synced it; the caller writes it under another
/// name and renames it then.
///
///     Sealer sealer{*plain, header, stretch, *out};
///     do step = sealer.step(); while (step && *step);   // One frame or so a step.
///     // rename, sync_folder, remove the plain file
///
/// Ownership: refers to its files. Threads: one at a time (the housekeeper's).
/// Cost:      a step reads, compresses and writes about 256 KiB, or one larger block; the last
///            one writes the index and syncs. Memory: one frame twice, the topic dictionary
///            (at most 4 MiB of names and 2^20 postings).
/// Errors:    any errno of the files; the output is then worthless and the caller removes it.
/// Source:    docs/formats/segment.md, "Sealed segment".
namespace firehose::log {

class SealedWriter {
public:
    /// `header`: of the plain segment; salt, number, log id, creation, first_seq and seq_limit are
    /// taken over. `frame_bytes`: plain bytes of a frame; smaller only in tests.
    SealedWriter(File& out, const SegmentHeader& header,
                 std::size_t frame_bytes = kFrameBytesTarget);
    ~SealedWriter();
    SealedWriter(SealedWriter&&) noexcept;
    SealedWriter& operator=(SealedWriter&&) noexcept;

    /// Blocks in seq order; a frame is written when the next block would not fit it.
    [[nodiscard]] IoResult add(const Block& block);
    /// Writes what is left, the index and the headers, and syncs the file. Nothing after it.
    /// `end_seq`: of the segment, at least the last block's.
    [[nodiscard]] IoResult finish(Seq end_seq);
    /// Bytes of the file so far.
    [[nodiscard]] std::uint64_t bytes() const noexcept;
    [[nodiscard]] std::uint32_t frames() const noexcept;
    /// The segment's header, as written by `finish`.
    [[nodiscard]] const SegmentHeader& header() const noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

class Sealer {
public:
    /// `stretch`: all of the plain segment: from its first block to the end of what was written.
    Sealer(File& plain, const SegmentHeader& header, const SegmentStretch& stretch, File& out,
           std::size_t frame_bytes = kFrameBytesTarget);

    /// True: call again. False: the sealed file is whole and synced.
    /// @retval std::errc::bad_message   the plain segment is damaged: it stays as it is.
    /// @retval std::errc::file_too_large  a block is too large for a frame: it stays as it is.
    [[nodiscard]] Result<bool, std::error_code> step();
    [[nodiscard]] const SealedWriter& writer() const noexcept { return writer_; }

private:
    File& plain_;
    SegmentStretch rest_;
    const std::size_t frame_bytes_;
    SealedWriter writer_;
};

}  // namespace firehose::log
