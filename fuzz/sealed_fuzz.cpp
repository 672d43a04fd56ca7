// SPDX-License-Identifier: Apache-2.0
// Target:   SealedFile, read_frames, frames_wanted, visit_topics, read_sealed.
// Property: any bytes; seqs only grow and lie in the segment. The first byte says what the others
//           are: a whole file; or changes (offset of two bytes, value) to a good one, and then
//           every record that is read is one that was sealed, and every other one is named by a
//           gap.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log/file_io.h"
#include "log/gap.h"
#include "log/memory_file.h"
#include "log/sealed_reader.h"
#include "log/sealed_writer.h"

namespace {

using namespace firehose;       // NOLINT: a fuzz target is one page.
using namespace firehose::log;  // NOLINT

constexpr std::uint64_t kFirst = 10;
constexpr std::uint64_t kEnd = 40;

void check(bool holds) {
    if (!holds) std::abort();
}

class EveryOther final : public TopicInterest {
public:
    [[nodiscard]] bool wants(std::string_view topic) const override {
        return topic.size() % 2 == 0;
    }
};
class Ignore final : public TopicVisitor {
public:
    [[nodiscard]] bool visit(const TopicPostings& /*topic*/) override { return true; }
};

[[nodiscard]] std::string payload_of(std::uint64_t seq) {
    return "payload " + std::to_string(seq);
}

/// Records of seq kFirst to kEnd - 1, one a block, some blocks a frame.
[[nodiscard]] ByteBuffer good_file() {
    MemoryFileSystem files;
    const auto file = *files.create_unlinked();
    SealedWriter writer{*file, {.salt = 77, .first_seq = Seq{kFirst}, .number = 1}, 200};
    for (std::uint64_t seq = kFirst; seq < kEnd; ++seq) {
        ByteBuffer bytes;
        const std::string payload = payload_of(seq);
        const std::string topic(1 + seq % 5, 't');
        encode_record({.topic = topic, .payload = as_bytes(payload)}, bytes);
        const WallTime time{Microseconds{static_cast<std::int64_t>(seq)}};
        check(writer.add(Block{Seq{seq}, time, std::move(bytes), {0}}).has_value());
    }
    check(writer.finish(Seq{kEnd}).has_value());
    return files.contents(0);
}

/// What is read must be ordered; gives the payloads by seq, empty ones for gaps.
[[nodiscard]] std::map<std::uint64_t, std::string> read_it(File& file, const SealedFile& segment) {
    const SealedFrames frames = read_frames(file, segment);
    const auto wanted = frames_wanted(read_topics(file, segment), segment, frames, EveryOther{});
    check(wanted.size() == frames.frames.size());
    Ignore visitor;
    static_cast<void>(visit_topics(file, segment, visitor));
    std::map<std::uint64_t, std::string> found;
    Seq seen{};
    for (const BlockRef& block : read_sealed(file, segment, Seq{}, SIZE_MAX).blocks) {
        check(block->first_seq() >= seen && block->end_seq() <= segment.header().end_seq);
        seen = block->end_seq();
        for (std::size_t i = 0; i < block->count(); ++i) {
            const auto gap = gap_of(block->record(i));
            const std::uint64_t seq = number(block->first_seq()) + i;
            if (!gap) found[seq] = as_text(block->record(i).payload);
            if (!gap || number(gap->to) - number(gap->from) > 1'000) continue;
            for (auto lost = number(gap->from); lost <= number(gap->to); ++lost) found[lost] = "";
        }
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    static const ByteBuffer kGood = good_file();
    const bool is_changed = (data[0] & 1) != 0;
    ByteBuffer bytes;
    if (is_changed) {
        bytes = kGood;
        for (std::size_t at = 1; at + 3 <= size; at += 3) {
            const std::size_t offset = (data[at] + 256u * data[at + 1]) % bytes.size();
            bytes[offset] ^= std::byte{data[at + 2]};
        }
    } else {
        std::transform(data + 1, data + size, std::back_inserter(bytes),
                       [](std::uint8_t b) { return std::byte{b}; });
    }
    MemoryFileSystem files;
    const auto file = *files.create_unlinked();
    if (!bytes.empty()) check(write_all(*file, 0, ByteSpan{bytes}).has_value());
    const auto segment = SealedFile::open(*file);
    if (!segment) return 0;
    const auto found = read_it(*file, *segment);
    if (!is_changed) return 0;
    for (std::uint64_t seq = kFirst; seq < kEnd; ++seq) {
        const auto record = found.find(seq);
        check(record != found.end());
        check(record->second.empty() || record->second == payload_of(seq));
    }
    return 0;
}
