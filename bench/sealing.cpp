// SPDX-License-Identifier: Apache-2.0
// Goal:   what sealing costs a record, and what it saves.
// Method: one plain segment in an unlinked file of --folder, of records of --bytes (--kind: events
//         of a build service, or little but digits) or of the lines of --lines; sealed into another
//         by one thread, --rounds times: its CPU time in all and in the kernel, of which reading,
//         writing and syncing the files is the most; that of reading everything back; and the two
//         sizes. Medians.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/random.h"
#include "log/file_io.h"
#include "log/posix_file.h"
#include "log/sealed_reader.h"
#include "log/sealed_writer.h"
#include "log/segment_format.h"

namespace {

using namespace firehose;       // NOLINT: a benchmark is one page.
using namespace firehose::log;  // NOLINT

struct Cpu {
    double all_us = 0;
    double kernel_us = 0;
};

[[nodiscard]] Cpu cpu() {
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    const auto us = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return {us(used.ru_utime) + us(used.ru_stime), us(used.ru_stime)};
}

[[nodiscard]] double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Little but numbers that change: what a compressor finds hardest of what is published.
[[nodiscard]] std::string readings(std::size_t bytes, Random& random) {
    std::string text;
    while (text.size() < bytes) text += "\"value\":" + std::to_string(random.next() >> 36) + ",";
    text.resize(bytes);
    return text;
}

/// What a build service says of a build: half of it changes, an id of 16 random bytes in it.
[[nodiscard]] std::string event(std::size_t bytes, Random& random) {
    static constexpr std::string_view kJobs[] = {"unit", "lint", "docs", "tox-py311",
                                                 "integration"};
    static constexpr std::string_view kPipelines[] = {"check", "gate", "post"};
    static constexpr std::string_view kResults[] = {"SUCCESS", "FAILURE", "TIMED_OUT"};
    const auto number = [&](std::uint64_t below) { return std::to_string(random.below(below)); };
    const auto one_of = [&](const auto& names) {
        return std::string{names[random.below(std::size(names))]};
    };
    std::string text = "{\"type\":\"build-finished\",\"project\":\"infra/project-" + number(60) +
                       "\",\"branch\":\"main\",\"change\":" + number(900'000) +
                       ",\"patchset\":" + number(30) + ",\"pipeline\":\"" + one_of(kPipelines) +
                       "\",\"job\":\"" + one_of(kJobs) + "\",\"uuid\":\"";
    for (int i = 0; i < 32; ++i) text += "0123456789abcdef"[random.below(16)];
    text += "\",\"result\":\"" + one_of(kResults) + "\",\"start\":1790000" + number(1'000) + "." +
            number(1'000'000) + ",\"duration\":" + number(5'000) + "}";
    while (text.size() < bytes) text += text.substr(0, bytes - text.size());
    text.resize(bytes);
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Cost of sealing a segment"};
    std::size_t records = 200'000;
    std::size_t payload_bytes = 256;
    std::size_t block_records = 8;
    unsigned rounds = 5;
    std::string kind = "event";
    std::string folder = ".";
    std::string lines_file;
    app.add_option("--records", records);
    app.add_option("--bytes", payload_bytes);
    app.add_option("--block-records", block_records);
    app.add_option("--rounds", rounds);
    app.add_option("--kind", kind)->check(CLI::IsMember({"event", "readings"}));
    app.add_option("--folder", folder, "Where the two files are");
    app.add_option("--lines", lines_file, "Payloads from the lines of this file instead");
    CLI11_PARSE(app, argc, argv);

    Random random{1};
    std::vector<std::string> lines;
    std::ifstream in{lines_file};
    for (std::string line; std::getline(in, line);) lines.push_back(line);

    PosixFileSystem files{folder};
    const auto plain = *files.create_unlinked();
    const SegmentHeader header{.salt = 5, .first_seq = Seq{1}, .number = 1};
    ByteBuffer bytes;
    append(bytes, encode(header));
    std::uint64_t seq = 1;
    for (std::size_t done = 0; done < records; done += block_records) {
        ByteBuffer block;
        for (std::size_t i = 0; i < block_records; ++i) {
            const std::string payload = !lines.empty()    ? lines[(done + i) % lines.size()]
                                        : kind == "event" ? event(payload_bytes, random)
                                                          : readings(payload_bytes, random);
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

    const auto count = static_cast<double>(seq - 1);
    std::vector<double> sealing;
    std::vector<double> kernel;
    std::vector<double> reading;
    std::uint64_t sealed_bytes = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        const auto out = *files.create_unlinked();
        const Cpu before = cpu();
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
        const Cpu sealed = cpu();
        if (!step) return 1;
        const auto segment = SealedFile::open(*out);
        std::size_t read = 0;
        for (const Frame& frame : read_frames(*out, *segment).frames) {
            for (const BlockRef& block : read_frame(*out, frame).blocks) read += block->count();
        }
        if (read != seq - 1) return 1;
        sealing.push_back((sealed.all_us - before.all_us) / count);
        kernel.push_back((sealed.kernel_us - before.kernel_us) / count);
        reading.push_back((cpu().all_us - sealed.all_us) / count);
        sealed_bytes = segment->file_bytes();
    }
    std::cout << "records " << seq - 1 << ", blocks of " << block_records
              << "\nplain bytes a record " << static_cast<double>(bytes.size()) / count
              << "\nratio " << static_cast<double>(bytes.size()) / static_cast<double>(sealed_bytes)
              << "\nsealing us a record " << median(sealing) << ", of it in the kernel "
              << median(kernel) << "\nreading us a record " << median(reading) << "\n";
}
