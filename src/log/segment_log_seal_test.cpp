// SPDX-License-Identifier: Apache-2.0
// Goal:   sealing replaces closed segments under the readers and loses nothing, whatever fails; a
//         reader that looks for a rare topic passes over what has nothing for it.
// Method: the steps of a kept log called by hand over files in memory; every operation of a
//         sealing failing once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/sealed_cache.h"
#include "log/sealed_test_support.h"
#include "log/segment_log.h"

namespace firehose::log {
namespace {

struct Rig {
    Rig() {
        log = std::make_unique<SegmentLog>(
            SegmentLogOptions{
                .mode = LogMode::disk, .memory_bytes = 1, .segment_bytes = 2'000, .seed = 7},
            files, clock, KeptLog{.log_id = 9});
        appender = log->add_appender(waker);
        reader = log->add_reader(waker);
        for (int i = 0; i < 60; ++i) {
            BlockBuilder builder;
            const std::string payload = std::to_string(i) + std::string(40, '.');
            const std::string topic = i == 20 ? "rare" : "often/" + std::to_string(i % 5);
            static_cast<void>(
                builder.add({.qos = 1, .topic = topic, .payload = as_bytes(payload)}));
            static_cast<void>(log->append(appender, builder.take()));
            while (log->write_step()) continue;
            expected.push_back(payload);
        }
    }

    [[nodiscard]] std::vector<std::string> read(std::shared_ptr<const TopicInterest> interest) {
        std::vector<std::string> payloads;
        Seq from = log->oldest();
        while (from < log->end()) {
            EXPECT_TRUE(log->request(reader, from, 300, 1, interest));
            EXPECT_TRUE(log->read_step());
            const ReadAnswer answer = std::move(log->take_answers(reader).at(0));
            EXPECT_EQ(answer.status, ReadStatus::blocks);
            if (answer.status != ReadStatus::blocks || answer.up_to <= from) break;
            for (const std::string& text : payloads_of(answer.blocks)) payloads.push_back(text);
            from = answer.up_to;
        }
        return payloads;
    }
    [[nodiscard]] std::size_t files_with(const std::string& ending) {
        const std::vector<std::string> names = *files.list();
        std::size_t count = 0;
        for (const std::string& name : names) count += name.ends_with(ending) ? 1 : 0;
        return count;
    }

    StandingClock clock;
    MemoryFileSystem files;
    CountingWaker waker;
    std::unique_ptr<SegmentLog> log;
    AppenderId appender{};
    ReaderId reader{};
    std::vector<std::string> expected;
};

TEST(SealingLog, ReplacesEveryClosedSegmentAndReadsTheSame) {
    Rig rig;
    const std::size_t segments = rig.files_with(".open");
    ASSERT_GT(segments, 3u);
    EXPECT_EQ(rig.read(nullptr), rig.expected);
    while (rig.log->seal_step()) EXPECT_EQ(rig.read(nullptr), rig.expected);
    EXPECT_EQ(rig.files_with(".open"), 1u);
    EXPECT_EQ(rig.files_with(".sealed"), segments - 1);
    EXPECT_EQ(rig.files_with(".tmp"), 0u);
    EXPECT_EQ(rig.read(nullptr), rig.expected);
    EXPECT_EQ(rig.read(std::make_shared<PrefixInterest>("rare")),
              std::vector<std::string>{rig.expected[20]});
    EXPECT_EQ(rig.log->metrics().read_errors_total, 0u);
}

TEST(SealingLog, WhateverFailsNothingIsLost) {
    for (std::size_t step = 0; step < 20; ++step) {
        for (int fault = 0; fault < 4; ++fault) {
            SCOPED_TRACE(std::to_string(step) + " " + std::to_string(fault));
            Rig rig;
            for (std::size_t i = 0; i < step; ++i) static_cast<void>(rig.log->seal_step());
            MemoryFaults faults;
            faults.writes_to_fail = fault == 0 ? 1 : 0;
            faults.reads_to_fail = fault == 1 ? 1 : 0;
            faults.syncs_to_fail = fault == 2 ? 1 : 0;
            faults.creates_to_fail = fault == 3 ? 1 : 0;
            rig.files.set_faults(faults);
            static_cast<void>(rig.log->seal_step());
            rig.files.set_faults({});
            EXPECT_EQ(rig.read(nullptr), rig.expected);
            while (rig.log->seal_step()) continue;
            EXPECT_EQ(rig.read(nullptr), rig.expected);
            EXPECT_EQ(rig.files_with(".tmp"), 0u);
        }
        if (step > 6) step += 4;
    }
}

TEST(SealedCache, KeepsWhatWasReadUpToItsBound) {
    MemoryFileSystem files;
    std::vector<BlockRef> blocks;
    for (std::uint64_t i = 0; i < 40; ++i) {
        blocks.push_back(placed_block(Seq{1 + i}, {Microseconds{static_cast<std::int64_t>(i)}},
                                      {{"t/" + std::to_string(i), std::string(100, 'x')}}));
    }
    PlainSegment plain = plain_segment(files, blocks);
    const auto sealed = sealed_of(files, plain, 300);
    CountingFile file{*sealed};
    SealedCache cache{8'000};
    const auto segment = cache.add(*SealedFile::open(file));
    EXPECT_EQ(content_of(segment->read(file, Seq{1}, 1, nullptr).read.blocks).records.size(), 1u);
    const std::uint64_t read_once = file.bytes_read;
    EXPECT_EQ(content_of(segment->read(file, Seq{1}, 1, nullptr).read.blocks).records.size(), 1u);
    EXPECT_EQ(file.bytes_read, read_once);
    const auto all = segment->read(file, Seq{1}, SIZE_MAX, nullptr);
    EXPECT_EQ(content_of(all.read.blocks).records, content_of(blocks).records);
    EXPECT_EQ(all.up_to, Seq{41});
    EXPECT_LE(cache.figures().bytes, 8'000u);
    for (std::int64_t t = 0; t < 40; ++t) {
        EXPECT_EQ(segment->position_of(file, {Microseconds{t}}),
                  Seq{1 + static_cast<std::uint64_t>(t)});
    }
    EXPECT_EQ(segment->position_of(file, {Microseconds{40}}), Seq{41});
}

TEST(SealedCache, ARareTopicCostsItsFrameAndTheIndex) {
    MemoryFileSystem files;
    std::vector<BlockRef> blocks;
    std::string payload(200, 'x');
    std::uint32_t random = 1;
    for (std::uint64_t i = 0; i < 400; ++i) {
        for (char& c : payload) {
            random = random * 1'664'525 + 1'013'904'223;
            c = static_cast<char>(random >> 24);
        }
        blocks.push_back(
            placed_block(Seq{1 + i}, {Microseconds{1}}, {{i == 250 ? "rare" : "often", payload}}));
    }
    PlainSegment plain = plain_segment(files, blocks);
    const auto sealed = sealed_of(files, plain, 2'000);
    CountingFile file{*sealed};
    SealedCache cache{1 << 20};
    const auto segment = cache.add(*SealedFile::open(file));
    const PrefixInterest rare{"rare"};
    const auto read = segment->read(file, Seq{1}, SIZE_MAX, &rare);
    ASSERT_EQ(read.read.blocks.size(), 1u);
    EXPECT_EQ(read.read.blocks[0]->first_seq(), Seq{251});
    EXPECT_EQ(read.up_to, Seq{401});
    EXPECT_LT(file.bytes_read * 10, *file.size());
}

TEST(SealedCache, KeepsTheDictionaryWithinItsBound) {
    MemoryFileSystem files;
    std::vector<BlockRef> blocks;
    for (std::uint64_t i = 0; i < 40; ++i) {
        blocks.push_back(
            placed_block(Seq{1 + i}, {Microseconds{1}}, {{"t/" + std::to_string(i), "payload"}}));
    }
    PlainSegment plain = plain_segment(files, blocks);
    const auto sealed = sealed_of(files, plain, 300);
    CountingFile file{*sealed};
    SealedCache cache{1 << 20};
    const auto segment = cache.add(*SealedFile::open(file));
    const PrefixInterest none{"other"};
    EXPECT_TRUE(segment->read(file, Seq{1}, SIZE_MAX, &none).read.blocks.empty());
    const std::uint64_t read_once = file.bytes_read;
    EXPECT_TRUE(segment->read(file, Seq{1}, SIZE_MAX, &none).read.blocks.empty());
    EXPECT_EQ(file.bytes_read, read_once);
    EXPECT_GT(cache.figures().bytes, 0u);
}

TEST(FilteredReads, NeverPassOverAGap) {
    // Wherever it is: in memory, in a plain segment, in a sealed one.
    for (int where = 0; where < 3; ++where) {
        SCOPED_TRACE(where);
        StandingClock clock;
        MemoryFileSystem files;
        CountingWaker waker;
        SegmentLog log{{.mode = LogMode::disk,
                        .memory_bytes = where == 0 ? std::size_t{1} << 20 : 1,
                        .segment_bytes = 500,
                        .seed = 7},
                       files,
                       clock,
                       KeptLog{.log_id = 9, .end_seq = Seq{1}, .next_seq = Seq{100}}};
        const AppenderId appender = log.add_appender(waker);
        const ReaderId reader = log.add_reader(waker);
        for (int i = 0; i < 20; ++i) {
            static_cast<void>(log.append(appender, block_of({"payload"})));
            while (log.write_step()) continue;
        }
        while (where == 2 && log.seal_step()) continue;
        ASSERT_TRUE(
            log.request(reader, Seq{1}, SIZE_MAX, 1, std::make_shared<PrefixInterest>("other")));
        ASSERT_TRUE(log.read_step());
        const ReadAnswer answer = std::move(log.take_answers(reader).at(0));
        EXPECT_EQ(answer.status, ReadStatus::blocks);
        EXPECT_EQ(payloads_of(answer.blocks), std::vector<std::string>{"(gap)"});
        EXPECT_GT(answer.up_to, Seq{100});
    }
}

}  // namespace
}  // namespace firehose::log
