// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/block.h"
#include "log/file_io.h"
#include "log/log.h"
#include "log/memory_file.h"
#include "log/sealed_reader.h"
#include "log/sealed_writer.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

/// What the tests of sealed segments share: a plain segment of given blocks, and its sealed form.
/// Threads: one test's.
namespace firehose::log {

struct TestRecord {
    std::string topic;
    std::string payload;
    RecordKind kind = RecordKind::message;
};

/// A linked block, as the log places it.
[[nodiscard]] inline BlockRef placed_block(Seq first, WallTime time,
                                           const std::vector<TestRecord>& records) {
    ByteBuffer bytes;
    std::vector<std::uint32_t> offsets;
    for (const TestRecord& record : records) {
        offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
        encode_record(
            {.kind = record.kind, .topic = record.topic, .payload = as_bytes(record.payload)},
            bytes);
    }
    return std::make_shared<const Block>(first, time, std::move(bytes), std::move(offsets));
}

struct PlainSegment {
    std::unique_ptr<File> file;
    SegmentHeader header;
    SegmentStretch stretch;
};

[[nodiscard]] inline PlainSegment plain_segment(FileSystem& files,
                                                const std::vector<BlockRef>& blocks) {
    PlainSegment segment{.file = *files.create_unlinked(),
                         .header = {.salt = 0x1122'3344'5566'7788,
                                    .created = {Microseconds{500}},
                                    .first_seq = blocks.front()->first_seq(),
                                    .seq_limit = Seq{1 << 24},
                                    .number = 7,
                                    .log_id = 99}};
    ByteBuffer bytes;
    append(bytes, encode(segment.header));
    for (const BlockRef& block : blocks) {
        const auto size = static_cast<std::uint32_t>(block->bytes().size());
        append(bytes, encode(BlockHeader{.stored_bytes = size,
                                         .plain_bytes = size,
                                         .count = static_cast<std::uint32_t>(block->count()),
                                         .first_seq = block->first_seq(),
                                         .time = block->time()},
                             segment.header.salt, bytes.size()));
        append(bytes, block->bytes());
    }
    static_cast<void>(write_all(*segment.file, 0, ByteSpan{bytes}));
    segment.stretch = {.salt = segment.header.salt,
                       .begin = kSegmentHeaderBytes,
                       .end = bytes.size(),
                       .begin_seq = segment.header.first_seq,
                       .end_seq = blocks.back()->end_seq()};
    return segment;
}

/// Seals `plain` into a new unlinked file, step by step.
[[nodiscard]] inline std::unique_ptr<File> sealed_of(FileSystem& files, PlainSegment& plain,
                                                     std::size_t frame_bytes = kFrameBytesTarget) {
    auto out = *files.create_unlinked();
    Sealer sealer{*plain.file, plain.header, plain.stretch, *out, frame_bytes};
    while (true) {
        const auto step = sealer.step();
        if (!step) return nullptr;
        if (!*step) return out;
    }
}

/// Wants the topics that begin so.
class PrefixInterest final : public TopicInterest {
public:
    explicit PrefixInterest(std::string prefix) : prefix_(std::move(prefix)) {}
    [[nodiscard]] bool wants(std::string_view topic) const override {
        return topic.substr(0, prefix_.size()) == prefix_;
    }

private:
    const std::string prefix_;
};

/// A file that counts what is read from it.
class CountingFile final : public File {
public:
    explicit CountingFile(File& file) : file_(file) {}
    [[nodiscard]] Result<std::size_t, std::error_code> write(
        std::uint64_t offset, std::span<const ByteSpan> parts) override {
        return file_.write(offset, parts);
    }
    [[nodiscard]] Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                                            std::span<std::byte> out) override {
        auto got = file_.read(offset, out);
        if (got) bytes_read += *got;
        return got;
    }
    [[nodiscard]] Result<std::uint64_t, std::error_code> size() override { return file_.size(); }
    [[nodiscard]] IoResult preallocate(std::uint64_t bytes) override {
        return file_.preallocate(bytes);
    }
    [[nodiscard]] IoResult sync() override { return file_.sync(); }
    [[nodiscard]] IoResult truncate(std::uint64_t bytes) override { return file_.truncate(bytes); }

    std::uint64_t bytes_read = 0;

private:
    File& file_;
};

/// seq -> bytes of the records in `blocks`; the seqs of gaps are collected apart.
struct Content {
    std::vector<std::pair<std::uint64_t, std::string>> records;
    std::set<std::uint64_t> gaps;
    std::vector<std::int64_t> times;
};

[[nodiscard]] Content content_of(const std::vector<BlockRef>& blocks);

}  // namespace firehose::log
