// SPDX-License-Identifier: Apache-2.0
// Target:   recover, scan_segment, read_segment, of a folder with one plain segment or two.
// Property: any bytes; a second recovery finds what the first left, cuts nothing and gives no seq
//           below; blocks only grow in seq and lie in their segment. The first byte says what the
//           others are: bit 0, changes (offset of two bytes, value) to a good file, and then every
//           record that is read is one that was written, and every other one below the end is
//           named by a gap; bit 1, blocks whose headers are made valid; neither, a whole file.
//           Bit 2: a newer segment follows.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "log/file_io.h"
#include "log/gap.h"
#include "log/memory_file.h"
#include "log/record.h"
#include "log/recovery.h"
#include "log/segment_format.h"
#include "log/segment_reader.h"

namespace {

using namespace firehose;       // NOLINT: a fuzz target is one page.
using namespace firehose::log;  // NOLINT

constexpr std::uint64_t kSalt = 77;
constexpr std::uint64_t kLogId = 9;
constexpr std::uint64_t kBlocks = 6;
constexpr std::uint64_t kNewerFirst = 5'000;
constexpr std::uint64_t kLimit = 10'000;
using Input = std::span<const std::uint8_t>;
using Found = std::map<std::uint64_t, std::string>;  // Payload by seq, empty for a gap.

void check(bool holds) {
    if (!holds) std::abort();
}

void append(ByteBuffer& out, ByteSpan bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

[[nodiscard]] std::string payload_of(std::uint64_t seq) {
    return "payload " + std::to_string(seq);
}

[[nodiscard]] ByteBuffer segment_of(std::uint64_t number, std::uint64_t first) {
    const auto header = encode(SegmentHeader{.salt = kSalt,
                                             .first_seq = Seq{first},
                                             .seq_limit = Seq{kLimit},
                                             .number = number,
                                             .log_id = kLogId});
    return {header.begin(), header.end()};
}

void append_block(ByteBuffer& file, BlockHeader header, ByteSpan records) {
    header.stored_bytes = header.plain_bytes = static_cast<std::uint32_t>(records.size());
    append(file, encode(header, kSalt, file.size()));
    append(file, records);
}

/// Blocks of one to three records from seq 1 on, and a closing header.
[[nodiscard]] ByteBuffer good_file() {
    ByteBuffer file = segment_of(1, 1);
    std::uint64_t seq = 1;
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
        ByteBuffer records;
        BlockHeader header{.first_seq = Seq{seq},
                           .durable_before = file.size(),
                           .seq_limit = Seq{kLimit},
                           .kind = BlockKind::records};
        for (header.count = 0; header.count <= block % 3; ++header.count, ++seq) {
            const std::string payload = payload_of(seq);
            encode_record({.topic = "t", .payload = as_bytes(payload)}, records);
        }
        append_block(file, header, records);
    }
    append_block(file,
                 {.first_seq = Seq{seq},
                  .durable_before = file.size(),
                  .seq_limit = Seq{kLimit},
                  .kind = BlockKind::closing},
                 {});
    return file;
}

[[nodiscard]] ByteBuffer changed_file(Input input) {
    ByteBuffer file = good_file();
    for (; input.size() >= 3; input = input.subspan(3)) {
        const std::size_t offset = input[0] + 256U * input[1];
        if (offset >= 0x8000) {
            file.resize(std::min<std::size_t>(file.size(), offset - 0x8000));
        } else if (offset < file.size()) {
            file[offset] ^= std::byte{input[2]};
        }
    }
    return file;
}

/// Each block: step of seq, count, kind and durability, length, bytes; its records' checksums are
/// the input's affair, good records are there for the taking.
[[nodiscard]] ByteBuffer built_file(Input input) {
    ByteBuffer file = segment_of(1, 1);
    std::uint64_t seq = 1;
    while (input.size() >= 4) {
        seq += input[0];
        const BlockHeader header{
            .count = input[1],
            .first_seq = Seq{seq},
            .durable_before = (input[2] & 2) != 0 ? file.size() : 0,
            .seq_limit = Seq{kLimit},
            .kind = (input[2] & 1) != 0 ? BlockKind::closing : BlockKind::records};
        const std::size_t length = std::min<std::size_t>(input[3], input.size() - 4);
        const bool is_ours = (input[2] & 4) != 0;
        ByteBuffer records;
        for (std::uint32_t i = 0; is_ours && i < header.count; ++i) {
            encode_record({.topic = "t"}, records);
        }
        for (const std::uint8_t byte : input.subspan(4, length)) records.push_back(std::byte{byte});
        append_block(file, header, records);
        if ((input[2] & 8) != 0) file.resize(file.size() - file.size() % 16);
        seq += header.count;
        input = input.subspan(4 + length);
    }
    return file;
}

void put(MemoryFileSystem& files, std::uint64_t number, const ByteBuffer& bytes) {
    const auto file = files.create(segment_name(number, false));
    if (!bytes.empty()) check(write_all(**file, 0, ByteSpan{bytes}).has_value());
}

/// What is read must be in order.
[[nodiscard]] Found read_it(const KeptSegment& segment) {
    Found found;
    const SegmentStretch stretch{.salt = segment.header.salt,
                                 .begin = kSegmentHeaderBytes,
                                 .end = segment.bytes,
                                 .begin_seq = segment.header.first_seq,
                                 .end_seq = segment.end_seq};
    Seq seen = segment.header.first_seq;
    for (const BlockRef& block : read_segment(*segment.file, stretch, Seq{}, SIZE_MAX).blocks) {
        check(block->first_seq() >= seen && block->end_seq() <= segment.end_seq);
        seen = block->end_seq();
        for (std::size_t i = 0; i < block->count(); ++i) {
            const Record record = block->record(i);
            const auto gap = gap_of(record);
            const std::uint64_t seq = number(block->first_seq()) + i;
            if (!gap) found[seq] = as_text(record.payload);
            if (!gap || number(gap->to) - number(gap->from) > kLimit) continue;
            for (auto lost = number(gap->from); lost <= number(gap->to); ++lost) found[lost] = "";
        }
    }
    return found;
}

struct Life {
    Found found;
    Recovered what;
};

[[nodiscard]] std::optional<Life> live(MemoryFileSystem& files, MemoryFileSystem& damaged) {
    auto recovered = recover(files, damaged, {.log_id = kLogId});
    if (!recovered) return {};
    Life life{.what = std::move(*recovered)};
    for (const KeptSegment& segment : life.what.log.segments) {
        check(segment.bytes <= segment.disk_bytes);
        for (auto& [seq, payload] : read_it(segment)) life.found[seq] = std::move(payload);
    }
    return life;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool is_changed = (data[0] & 1) != 0;
    const bool is_built = (data[0] & 2) != 0;
    const bool has_newer = (data[0] & 4) != 0;
    const Input input{data + 1, size - 1};
    ByteBuffer bytes;
    if (is_changed) {
        bytes = changed_file(input);
    } else if (is_built) {
        bytes = built_file(input);
    } else {
        for (const std::uint8_t byte : input) bytes.push_back(std::byte{byte});
    }
    MemoryFileSystem files;
    MemoryFileSystem damaged;
    put(files, 1, bytes);
    if (has_newer) put(files, 2, segment_of(2, kNewerFirst));

    const auto first = live(files, damaged);
    if (!first) return 0;
    const auto second = live(files, damaged);
    check(second && second->found == first->found && second->what.bytes_cut == 0);
    check(second->what.log.next_seq >= first->what.log.next_seq);
    check(second->what.log.end_seq == first->what.log.end_seq);
    check(first->what.log.next_seq >= first->what.log.end_seq);
    if (!is_changed) return 0;
    for (const KeptSegment& segment : first->what.log.segments) {
        for (auto seq = number(segment.header.first_seq); seq < number(segment.end_seq); ++seq) {
            const auto record = first->found.find(seq);
            check(record != first->found.end());
            check(record->second.empty() || record->second == payload_of(seq));
        }
    }
    return 0;
}
