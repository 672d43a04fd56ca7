// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "log/block.h"
#include "log/file.h"
#include "log/log.h"
#include "log/sealed_format.h"
#include "log/segment_reader.h"

/// Reads sealed segments: what they hold, which frames a reader needs, and the blocks of a frame.
///
/// A SealedFile is the few words that are kept of a segment; frames and topics are read from
/// the file when they are asked for (segment_store.h has a bounded cache over them). Every byte is
/// checked before it is believed. Damage: a bad frame is one block of one gap record, at its last
/// seq; a bad table is made again from the frames' headers; with a bad dictionary every frame may
/// hold every topic.
/// Ownership: refers to no file: the caller passes it, and it is the one that was opened.
/// Threads:   the caller's; all is const.
/// Cost:      open reads 320 bytes; frames() 64 bytes a frame (256 KiB of plain records);
///            frames_wanted() the dictionary; read_frame() the frame.
/// Source:    docs/formats/segment.md, "Sealed segment".
namespace firehose::log {

enum class SealedProblem : std::uint8_t {
    unreadable,  // The file gave an error.
    not_sealed,  // A whole header of a plain segment.
    no_header,   // Both copies of the header are damaged: nothing can be found in it.
};

class SealedFile {
public:
    [[nodiscard]] static Result<SealedFile, SealedProblem> open(File& file);

    /// first_seq, end_seq, first_time, last_time, records, number, log id.
    [[nodiscard]] const SegmentHeader& header() const noexcept { return header_; }
    [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }
    /// Both headers and the footer are as written. What recovery asks before it removes the plain
    /// file; frames may still be damaged.
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }
    /// Of the index, if its footer is intact.
    [[nodiscard]] const std::optional<IndexFooter>& index() const noexcept { return index_; }

private:
    SegmentHeader header_;
    std::optional<IndexFooter> index_;
    std::uint64_t file_bytes_ = 0;
    bool is_whole_ = false;
};

/// The frames of a segment, in order, without a hole but those of the seqs themselves.
struct SealedFrames {
    std::vector<Frame> frames;  // Lost ones too: `Frame::is_lost`.
    bool is_rebuilt = false;    // The table was damaged; numbers do not fit the dictionary.
    std::uint64_t read_errors = 0;

    /// The number of the first frame that ends after `seq`; frames.size() when there is none.
    [[nodiscard]] std::size_t frame_of(Seq seq) const noexcept;
    /// The number of the first frame with a block at `time` or later; frames.size() for none.
    [[nodiscard]] std::size_t frame_at(WallTime time) const noexcept;
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(*this) + frames.capacity() * sizeof(Frame);
    }
};

[[nodiscard]] SealedFrames read_frames(File& file, const SealedFile& segment);

/// The topic dictionary, as it is read: nothing when it is damaged.
using TopicDictionary = std::optional<ByteBuffer>;
[[nodiscard]] TopicDictionary read_topics(File& file, const SealedFile& segment);

/// Which frames may hold a message that `interest` wants, or a gap record: one element a frame of
/// `frames`. Lost frames always.
[[nodiscard]] std::vector<bool> frames_wanted(const TopicDictionary& topics,
                                              const SealedFile& segment, const SealedFrames& frames,
                                              const TopicInterest& interest);

/// One topic of the dictionary, for inspection: in byte order, until `visit` returns false.
struct TopicPostings {
    std::string_view topic;
    std::span<const std::uint32_t> frames;
};
class TopicVisitor {
public:
    virtual ~TopicVisitor() = default;
    [[nodiscard]] virtual bool visit(const TopicPostings& topic) = 0;
};
/// False: the dictionary is damaged (some topics may have been visited).
[[nodiscard]] bool visit_topics(File& file, const SealedFile& segment, TopicVisitor& visitor);

struct FrameRead {
    std::vector<BlockRef> blocks;  // In place of a damaged frame one block of one gap record.
    std::uint64_t read_errors = 0;
    std::uint64_t records_damaged = 0;
    std::size_t memory_bytes = 0;  // Of the blocks.
    /// The file could not be read: what is missing may be there another time.
    bool is_io_error = false;
};
[[nodiscard]] FrameRead read_frame(File& file, const Frame& frame);

/// The blocks that end after `from`, until `bytes_max`: at least one if there is one. Everything
/// at once and uncached: for recovery, inspection and tests.
[[nodiscard]] SegmentRead read_sealed(File& file, const SealedFile& segment, Seq from,
                                      std::size_t bytes_max);

}  // namespace firehose::log
