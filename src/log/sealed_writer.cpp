// SPDX-License-Identifier: Apache-2.0
#include "log/sealed_writer.h"

#include <vector>

#include "base/assert.h"
#include "log/compress.h"
#include "log/crc32c.h"
#include "log/file_io.h"
#include "log/sealed_format.h"
#include "log/topic_dictionary.h"

namespace firehose::log {
namespace {

[[nodiscard]] Failure<std::error_code> failure(std::errc error) noexcept {
    return {std::make_error_code(error)};
}

}  // namespace

class SealedWriter::Impl {
public:
    Impl(File& out, const SegmentHeader& header, std::size_t frame_bytes)
        : out_(out), header_(header), frame_bytes_(frame_bytes) {
        header_.is_sealed = true;
    }

    [[nodiscard]] IoResult add(const Block& block) {
        FH_ASSERT(frame_.blocks == 0 || block.first_seq() >= frame_.end_seq);
        const std::size_t size = kBlockHeadBytes + block.bytes().size();
        if (size > kFrameBytesMax) return failure(std::errc::file_too_large);
        if (block.count() == 0) return {};
        if (!plain_.empty() && plain_.size() + size > frame_bytes_) {
            if (auto done = write_frame(); !done) return done;
        }
        encode_block_head({.bytes = static_cast<std::uint32_t>(block.bytes().size()),
                           .count = static_cast<std::uint32_t>(block.count()),
                           .first_seq = block.first_seq(),
                           .time = block.time()},
                          plain_);
        append(plain_, block.bytes());
        note(block);
        return {};
    }

    [[nodiscard]] IoResult finish(Seq end_seq) {
        if (!plain_.empty()) {
            if (auto done = write_frame(); !done) return done;
        }
        const ByteBuffer table = encode_frame_table(frames_);
        ByteBuffer topics;
        const ByteBuffer topics_plain = topics_.encode();
        compressor_.compress(topics_plain, topics);
        const auto frame_count = static_cast<std::uint32_t>(frames_.size());
        const IndexFooter index{
            .table_offset = end_,
            .frames = frame_count,
            .table_crc = crc32c(table),
            .topics_offset = end_ + table.size(),
            .topics_stored_bytes = static_cast<std::uint32_t>(topics.size()),
            .topics_plain_bytes = static_cast<std::uint32_t>(topics_plain.size()),
            .topics_crc = crc32c(topics),
            .covered = topics_.covered(frame_count),
            .topics = topics_.topics()};
        header_.end_seq = end_seq;
        const SegmentHeaderBytes header = encode(header_);
        const IndexFooterBytes footer = encode(index, end_ + table.size() + topics.size());
        if (auto done = write({table, topics, footer, header}); !done) return done;
        if (auto done = write_all(out_, 0, ByteSpan{header}); !done) return done;
        return out_.sync();
    }

    File& out_;
    SegmentHeader header_;
    std::uint64_t end_ = kSegmentHeaderBytes;
    std::vector<Frame> frames_;

private:
    void note(const Block& block) {
        if (frame_.blocks == 0) {
            frame_.first_seq = block.first_seq();
            frame_.first_time = block.time();
            if (frames_.empty()) header_.first_time = block.time();
        }
        frame_.end_seq = block.end_seq();
        frame_.last_time = block.time();
        header_.last_time = block.time();
        ++frame_.blocks;
        frame_.records += static_cast<std::uint32_t>(block.count());
        header_.records += block.count();
        const auto number = static_cast<std::uint32_t>(frames_.size());
        for (std::size_t i = 0; i < block.count(); ++i) {
            const Record record = block.record(i);
            if (record.kind == RecordKind::message) {
                topics_.add(record.topic, number);
            } else {
                frame_.flags |=
                    record.kind == RecordKind::gap ? Frame::kHasGaps : Frame::kHasControl;
                if (record.kind == RecordKind::keep && !record.is_erased) {
                    frame_.flags |= Frame::kHasKeep;
                }
            }
        }
    }

    [[nodiscard]] IoResult write_frame() {
        compressor_.compress(plain_, stored_);
        frame_.offset = end_;
        frame_.stored_bytes = static_cast<std::uint32_t>(stored_.size());
        frame_.plain_bytes = static_cast<std::uint32_t>(plain_.size());
        frame_.crc = crc32c(stored_);
        const FrameHeaderBytes header = encode_frame_header(frame_, header_.salt);
        if (auto done = write({header, stored_}); !done) return done;
        frames_.push_back(frame_);
        const Seq end_seq = frame_.end_seq;
        frame_ = {};
        frame_.end_seq = end_seq;
        plain_.clear();
        return {};
    }

    [[nodiscard]] IoResult write(std::vector<ByteSpan> parts) {
        std::uint64_t size = 0;
        for (const ByteSpan part : parts) size += part.size();
        if (auto done = write_all(out_, end_, std::span{parts}); !done) return done;
        end_ += size;
        return {};
    }

    const std::size_t frame_bytes_;
    Compressor compressor_;
    TopicDictionaryBuilder topics_;
    Frame frame_;  // The one that is being filled.
    ByteBuffer plain_;
    ByteBuffer stored_;
};

SealedWriter::SealedWriter(File& out, const SegmentHeader& header, std::size_t frame_bytes)
    : impl_(std::make_unique<Impl>(out, header, frame_bytes)) {}
SealedWriter::~SealedWriter() = default;
SealedWriter::SealedWriter(SealedWriter&&) noexcept = default;
SealedWriter& SealedWriter::operator=(SealedWriter&&) noexcept = default;

IoResult SealedWriter::add(const Block& block) {
    return impl_->add(block);
}
IoResult SealedWriter::finish(Seq end_seq) {
    return impl_->finish(end_seq);
}
std::uint64_t SealedWriter::bytes() const noexcept {
    return impl_->end_;
}
std::uint32_t SealedWriter::frames() const noexcept {
    return static_cast<std::uint32_t>(impl_->frames_.size());
}
const SegmentHeader& SealedWriter::header() const noexcept {
    return impl_->header_;
}

Sealer::Sealer(File& plain, const SegmentHeader& header, const SegmentStretch& stretch, File& out,
               std::size_t frame_bytes)
    : plain_(plain), rest_(stretch), frame_bytes_(frame_bytes), writer_(out, header, frame_bytes) {}

Result<bool, std::error_code> Sealer::step() {
    if (rest_.begin < rest_.end) {
        const SegmentRead read = read_segment(plain_, rest_, rest_.begin_seq, frame_bytes_);
        if (read.is_io_error) return failure(std::errc::io_error);
        // Its bytes are evidence, and may be read better another time.
        if (read.read_errors != 0 || read.records_damaged != 0) {
            return failure(std::errc::bad_message);
        }
        for (const BlockRef& block : read.blocks) {
            if (auto done = writer_.add(*block); !done) return Failure{done.error()};
            rest_.begin_seq = block->end_seq();
        }
        rest_.begin = read.end;
        return true;
    }
    if (auto done = writer_.finish(rest_.end_seq); !done) return Failure{done.error()};
    return false;
}

}  // namespace firehose::log
