// SPDX-License-Identifier: Apache-2.0
// Goal:   what sealing costs a record, and what it saves.
// Method: one plain segment in a file of --folder, of records of --bytes random-looking text or of
//         the lines of --lines; sealed by one thread; its CPU time, that of reading everything back
//         and the two sizes.
#include <CLI/CLI.hpp>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/random.h"
#include "log/file_io.h"
#include "log/memory_file.h"
#include "log/sealed_reader.h"
#include "log/sealed_writer.h"
#include "log/segment_format.h"

namespace {

using namespace firehose;       // NOLINT: a benchmark is one page.
using namespace firehose::log;  // NOLINT

[[nodiscard]] double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Half of it digits that change, half words that do not: an event's usual mixture.
[[nodiscard]] std::string text_of(std::size_t bytes, Random& random) {
    std::string text;
    while (text.size() < bytes) text += "\"value\":" + std::to_string(random.next() >> 36) + ",";
    text.resize(bytes);
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Cost of sealing a segment"};
    std::size_t records = 200'000;
    std::size_t payload_bytes = 256;
    std::size_t block_records = 8;
    std::string lines_file;
    app.add_option("--records", records);
    app.add_option("--bytes", payload_bytes);
    app.add_option("--block-records", block_records);
    app.add_option("--lines", lines_file, "Payloads from the lines of this file instead");
    CLI11_PARSE(app, argc, argv);

    Random random{1};
    std::vector<std::string> lines;
    std::ifstream in{lines_file};
    for (std::string line; std::getline(in, line);) lines.push_back(line);

    MemoryFileSystem files;
    const auto plain = *files.create_unlinked();
    const SegmentHeader header{.salt = 5, .first_seq = Seq{1}, .number = 1};
    ByteBuffer bytes;
    append(bytes, encode(header));
    std::uint64_t seq = 1;
    for (std::size_t done = 0; done < records; done += block_records) {
        ByteBuffer block;
        for (std::size_t i = 0; i < block_records; ++i) {
            const std::string payload =
                lines.empty() ? text_of(payload_bytes, random) : lines[(done + i) % lines.size()];
            const std::string topic = "gerrit/project-" + std::to_string(random.next() % 300);
            encode_record({.topic = topic, .payload = as_bytes(payload)}, block);
        }
        append(bytes, encode(BlockHeader{.stored_bytes = static_cast<std::uint32_t>(block.size()),
                                         .plain_bytes = static_cast<std::uint32_t>(block.size()),
                                         .count = static_cast<std::uint32_t>(block_records),
                                         .first_seq = Seq{seq}},
                             header.salt, bytes.size()));
        append(bytes, block);
        seq += block_records;
    }
    static_cast<void>(write_all(*plain, 0, ByteSpan{bytes}));

    const auto out = *files.create_unlinked();
    const double before = cpu_us();
    Sealer sealer{*plain,
                  header,
                  {.salt = header.salt,
                   .begin = kSegmentHeaderBytes,
                   .end = bytes.size(),
                   .begin_seq = Seq{1},
                   .end_seq = Seq{seq}},
                  *out};
    auto step = sealer.step();
    while (step && *step) step = sealer.step();
    const double sealed = cpu_us();
    if (!step) return 1;
    const auto segment = SealedFile::open(*out);
    std::size_t read = 0;
    for (const Frame& frame : read_frames(*out, *segment).frames) {
        for (const BlockRef& block : read_frame(*out, frame).blocks) read += block->count();
    }
    const double end = cpu_us();
    const auto count = static_cast<double>(seq - 1);
    std::cout << "records " << seq - 1 << ", read back " << read << "\nplain bytes a record "
              << static_cast<double>(bytes.size()) / count << "\nratio "
              << static_cast<double>(bytes.size()) / static_cast<double>(segment->file_bytes())
              << "\nsealing us a record " << (sealed - before) / count << "\nreading us a record "
              << (end - sealed) / count << "\n";
    return read == seq - 1 ? 0 : 1;
}
