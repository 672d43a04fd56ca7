// SPDX-License-Identifier: Apache-2.0
// Goal:   SegmentLog keeps its contract: seq and time at append, a bounded window in memory, the
//         rest read back from segments as it was appended, faults without a hole that nobody sees.
// Method: its steps called by hand over files in memory with injected faults; no threads, no time
//         but the test's.
#include "log/segment_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/gap.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"

namespace firehose::log {
namespace {

using testing::ElementsAre;

constexpr Seq kStart{1'000};

/// A log with everything that it refers to.
struct Rig {
    explicit Rig(SegmentLogOptions options = {}) {
        options.first_seq = kStart;
        options.seed = 7;
        log = std::make_unique<SegmentLog>(options, files, clock);
        appender = log->add_appender(appender_waker);
        reader = log->add_reader(reader_waker);
    }

    Ticket append(const std::vector<std::string>& payloads) {
        return log->append(appender, block_of(payloads));
    }
    /// `count` blocks of one record, "0", "1", ... from `from` on; each is written at once.
    void append_numbers(int from, int count) {
        for (int i = from; i < from + count; ++i) {
            append({std::to_string(i)});
            log->write_step();
        }
    }
    [[nodiscard]] std::vector<Outcome> outcomes() {
        std::vector<Outcome> out;
        log->take_outcomes(appender, out);
        return out;
    }
    /// One answer, from memory or disk.
    [[nodiscard]] ReadAnswer ask(Seq from, std::size_t bytes_max = 1 << 20) {
        EXPECT_TRUE(log->request(reader, from, bytes_max, 42));
        EXPECT_TRUE(log->read_step());
        auto answers = log->take_answers(reader);
        EXPECT_EQ(answers.size(), 1u);
        EXPECT_EQ(answers.at(0).cookie, 42u);
        return std::move(answers.at(0));
    }
    /// Everything from `from` to the end, read as a reader does.
    [[nodiscard]] std::vector<std::string> read_all(Seq from, std::size_t bytes_max = 1 << 20) {
        std::vector<std::string> payloads;
        while (true) {
            std::vector<BlockRef> blocks;
            ReadStatus status = log->read(from, bytes_max, blocks);
            if (status == ReadStatus::not_in_memory) {
                ReadAnswer answer = ask(from, bytes_max);
                status = answer.status;
                blocks = std::move(answer.blocks);
            }
            if (status == ReadStatus::too_old) payloads.emplace_back("(too old)");
            if (status != ReadStatus::blocks) return payloads;
            for (const std::string& payload : payloads_of(blocks)) payloads.push_back(payload);
            EXPECT_GT(blocks.back()->end_seq(), from);
            from = blocks.back()->end_seq();
        }
    }

    StandingClock clock;
    MemoryFileSystem files;
    CountingWaker appender_waker;
    CountingWaker reader_waker;
    std::unique_ptr<SegmentLog> log;
    AppenderId appender{};
    ReaderId reader{};
};

[[nodiscard]] std::vector<std::string> numbers(int from, int count) {
    std::vector<std::string> texts;
    for (int i = from; i < from + count; ++i) texts.push_back(std::to_string(i));
    return texts;
}

TEST(SegmentLog, GivesSeqsInOrderOfTheAppendsAndWakesThoseWhoWait) {
    Rig rig;
    EXPECT_EQ(rig.append({"a", "b"}), Ticket{1});
    EXPECT_EQ(rig.append({"c"}), Ticket{2});
    EXPECT_EQ(rig.log->end(), kStart + 3);
    EXPECT_EQ(rig.log->durable_end(), kStart + 3);
    EXPECT_EQ(rig.log->oldest(), kStart);
    EXPECT_EQ(rig.reader_waker.count, 2);
    EXPECT_EQ(rig.appender_waker.count, 0);  // Who appends looks by itself.

    const auto outcomes = rig.outcomes();
    ASSERT_EQ(outcomes.size(), 4u);
    EXPECT_EQ(outcomes[0].kind, Outcome::Kind::placed);
    EXPECT_EQ(outcomes[1].kind, Outcome::Kind::durable);
    EXPECT_EQ(outcomes[2].ticket, Ticket{2});
    EXPECT_EQ(outcomes[2].first_seq, kStart + 2);
    EXPECT_TRUE(rig.outcomes().empty());
}

TEST(SegmentLog, ReadsFromTheBlockThatHoldsThePosition) {
    Rig rig;
    rig.append({"a", "b"});
    rig.append({"c"});
    std::vector<BlockRef> blocks;
    ASSERT_EQ(rig.log->read(kStart + 1, 1 << 20, blocks), ReadStatus::blocks);
    EXPECT_THAT(payloads_of(blocks), ElementsAre("a", "b", "c"));
    blocks.clear();
    ASSERT_EQ(rig.log->read(kStart, 1, blocks), ReadStatus::blocks);
    EXPECT_EQ(blocks.size(), 1u);
    blocks.clear();
    EXPECT_EQ(rig.log->read(kStart + 3, 1, blocks), ReadStatus::at_end);
    EXPECT_EQ(rig.log->read(Seq{999}, 1, blocks), ReadStatus::too_old);
    EXPECT_TRUE(blocks.empty());
}

TEST(SegmentLog, WithoutAFirstSeqBeginsAtTheWallClocksMicroseconds) {
    StandingClock clock;
    MemoryFileSystem files;
    const SegmentLog log{{}, files, clock};
    EXPECT_EQ(log.end(), Seq{1'700'000'000'000'000});
    EXPECT_LT(number(log.end()), std::uint64_t{1} << 53);
}

TEST(SegmentLog, TimeNeverGoesBack) {
    Rig rig;
    const WallTime start = rig.clock.wall_now;
    rig.append({"a"});
    rig.clock.wall_now = start + Microseconds{-5};
    rig.append({"b"});
    rig.clock.wall_now = start + Microseconds{9};
    rig.append({"c"});
    std::vector<BlockRef> blocks;
    ASSERT_EQ(rig.log->read(kStart, 1 << 20, blocks), ReadStatus::blocks);
    EXPECT_EQ(blocks[1]->time(), start);
    EXPECT_EQ(blocks[2]->time(), start + Microseconds{9});
}

TEST(SegmentLog, WhatLeftMemoryIsReadBackAsItWasAppended) {
    for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{1}, std::size_t{500}}) {
        Rig rig{{.memory_bytes = 1'000, .segment_bytes = 2'000}};
        rig.append_numbers(0, 150);
        std::vector<BlockRef> blocks;
        ASSERT_EQ(rig.log->read(kStart, 1, blocks), ReadStatus::not_in_memory);
        EXPECT_EQ(rig.read_all(kStart, piece), numbers(0, 150));
        EXPECT_EQ(rig.read_all(kStart + 123, piece), numbers(123, 27));
        const LogMetrics metrics = rig.log->metrics();
        EXPECT_LE(metrics.memory_bytes, 1'000u);
        EXPECT_GT(metrics.segments, 5u);
        EXPECT_EQ(metrics.read_errors_total, 0u);
    }
}

TEST(SegmentLog, ABlockFromDiskEqualsTheOneFromMemory) {
    Rig rig{{.memory_bytes = 0}};
    rig.append({"x", "", std::string(100'000, 'y')});
    std::vector<BlockRef> before;
    ASSERT_EQ(rig.log->read(kStart, 1, before), ReadStatus::blocks);
    ASSERT_TRUE(rig.log->write_step());
    const ReadAnswer after = rig.ask(kStart + 2);
    ASSERT_EQ(after.status, ReadStatus::blocks);
    ASSERT_EQ(after.blocks.size(), 1u);
    EXPECT_EQ(after.blocks[0]->first_seq(), kStart);
    EXPECT_EQ(after.blocks[0]->time(), before[0]->time());
    EXPECT_EQ(as_text(after.blocks[0]->bytes()), as_text(before[0]->bytes()));
}

TEST(SegmentLog, PastBytesMaxTheOldestSegmentGoesAndOldestMovesUp) {
    Rig rig{{.memory_bytes = 500, .segment_bytes = 1'000, .bytes_max = 5'000}};
    rig.append_numbers(0, 500);
    const Seq oldest = rig.log->oldest();
    EXPECT_GT(oldest, kStart);
    EXPECT_LE(rig.log->metrics().disk_bytes, 5'000u);
    EXPECT_EQ(rig.files.files_open(), rig.log->metrics().segments);
    const int first = static_cast<int>(number(oldest) - number(kStart));
    EXPECT_EQ(rig.read_all(oldest), numbers(first, 500 - first));
    EXPECT_THAT(rig.read_all(kStart), ElementsAre("(too old)"));
    EXPECT_EQ(rig.ask(kStart).status, ReadStatus::too_old);
}

TEST(SegmentLog, WhatIsStillInMemoryStaysReadableWhenItsSegmentGoes) {
    Rig rig{{.memory_bytes = 1 << 20, .segment_bytes = 500, .bytes_max = 1'000}};
    rig.append_numbers(0, 100);
    EXPECT_GT(rig.log->metrics().segments_dropped_total, 0u);
    EXPECT_EQ(rig.log->oldest(), kStart);
    EXPECT_EQ(rig.read_all(kStart), numbers(0, 100));
}

TEST(SegmentLog, RefusesPastUnwrittenBytesMaxAndSaysSoBefore) {
    Rig rig{{.unwritten_bytes_max = 20'000}};
    int appended = 0;
    while (!rig.log->is_full()) {
        rig.append({std::string(900, 'x')});
        ASSERT_LT(++appended, 100);
    }
    EXPECT_EQ(rig.log->metrics().blocks_refused_total, 0u);
    while (rig.log->metrics().blocks_refused_total == 0) {
        rig.append({std::string(900, 'x')});
        ASSERT_LT(++appended, 100);
    }
    EXPECT_LE(rig.log->metrics().unwritten_bytes, 21'500u);  // One block past it.
    const auto outcomes = rig.outcomes();
    EXPECT_EQ(outcomes.back().kind, Outcome::Kind::refused);
    EXPECT_EQ(outcomes.back().ticket, Ticket{static_cast<std::uint64_t>(appended)});
    const Seq end = rig.log->end();
    EXPECT_EQ(end, kStart + static_cast<std::uint64_t>(appended - 1));  // No seq was used.

    const int woken = rig.appender_waker.count;
    while (rig.log->write_step()) continue;
    EXPECT_FALSE(rig.log->is_full());
    EXPECT_GT(rig.appender_waker.count, woken);
    rig.append({"y"});
    EXPECT_EQ(rig.log->end(), end + 1);
}

TEST(SegmentLog, ABlockLargerThanItsBoundsStillPasses) {
    Rig rig{{.memory_bytes = 100, .unwritten_bytes_max = 100, .segment_bytes = 200}};
    rig.append({std::string(1'000, 'x')});
    ASSERT_TRUE(rig.log->write_step());
    rig.append({std::string(1'000, 'y')});
    ASSERT_TRUE(rig.log->write_step());
    EXPECT_THAT(rig.read_all(kStart),
                ElementsAre(std::string(1'000, 'x'), std::string(1'000, 'y')));
}

TEST(SegmentLog, ShortWritesAndReadsChangeNothing) {
    Rig rig{{.memory_bytes = 500, .segment_bytes = 3'000}};
    rig.files.set_faults({.write_bytes_max = 7, .read_bytes_max = 5});
    rig.append_numbers(0, 100);
    EXPECT_EQ(rig.read_all(kStart), numbers(0, 100));
    EXPECT_EQ(rig.log->metrics().write_errors_total, 0u);
}

TEST(SegmentLog, AFailedWriteLosesNothingThatIsInMemory) {
    Rig rig{{.memory_bytes = 500, .segment_bytes = 100'000}};
    rig.append_numbers(0, 50);
    rig.files.set_faults({.writes_to_fail = 1});
    rig.append({"50"});
    EXPECT_FALSE(rig.log->write_step());
    EXPECT_TRUE(rig.log->metrics().is_failing);
    EXPECT_FALSE(rig.log->write_step());  // Not before the delay.
    rig.clock.monotonic_now.since_start += SegmentLog::kRetryDelay;
    EXPECT_TRUE(rig.log->write_step());
    EXPECT_FALSE(rig.log->metrics().is_failing);
    rig.append_numbers(51, 10);

    // The segment on which it failed was given up, so history begins with what memory had.
    const int first = static_cast<int>(number(rig.log->oldest()) - number(kStart));
    EXPECT_GT(first, 0);
    EXPECT_LE(first, 50);
    EXPECT_EQ(rig.read_all(rig.log->oldest()), numbers(first, 61 - first));
    EXPECT_EQ(rig.log->metrics().blocks_lost_total, 0u);
}

TEST(SegmentLog, OnAFullDiskTheOldestHistoryGoesFirst) {
    Rig rig{{.memory_bytes = 500, .segment_bytes = 2'000}};
    rig.files.set_faults({.bytes_max = 7'000});
    for (int i = 0; i < 500; ++i) {
        rig.append({std::to_string(i)});
        rig.log->write_step();
        rig.clock.monotonic_now.since_start += SegmentLog::kRetryDelay;
    }
    while (rig.log->write_step()) continue;
    EXPECT_GT(rig.log->metrics().write_errors_total, 0u);
    EXPECT_EQ(rig.log->metrics().blocks_lost_total, 0u);
    const int first = static_cast<int>(number(rig.log->oldest()) - number(kStart));
    EXPECT_GT(first, 300);
    EXPECT_EQ(rig.read_all(rig.log->oldest()), numbers(first, 500 - first));
}

TEST(SegmentLog, OnADiskThatKeepsFailingItIsAWindowInMemory) {
    Rig rig{{.memory_bytes = 2'000, .unwritten_bytes_max = 10'000}};
    rig.append_numbers(0, 100);
    rig.files.set_faults({.writes_to_fail = SIZE_MAX});
    rig.append_numbers(100, 200);
    EXPECT_EQ(rig.log->metrics().blocks_refused_total, 0u);
    EXPECT_GT(rig.log->metrics().blocks_lost_total, 0u);
    EXPECT_LE(rig.log->metrics().memory_bytes, 2'000u);
    EXPECT_FALSE(rig.log->is_full());
    const int first = static_cast<int>(number(rig.log->oldest()) - number(kStart));
    EXPECT_GT(first, 250);
    EXPECT_EQ(rig.read_all(rig.log->oldest()), numbers(first, 300 - first));
    EXPECT_EQ(rig.ask(kStart + 50).status, ReadStatus::too_old);

    rig.files.set_faults({});
    rig.clock.monotonic_now.since_start += SegmentLog::kRetryDelay;
    rig.append_numbers(300, 100);
    const int after = static_cast<int>(number(rig.log->oldest()) - number(kStart));
    EXPECT_EQ(rig.read_all(rig.log->oldest()), numbers(after, 400 - after));
}

TEST(SegmentLog, AFlippedBitCostsAtMostItsRecordOrBlockAndIsSeen) {
    Rig rig{{.memory_bytes = 0}};
    for (int i = 0; i < 4; ++i) {
        rig.append({std::to_string(2 * i), std::to_string(2 * i + 1)});
        ASSERT_TRUE(rig.log->write_step());
    }
    const std::size_t size = rig.files.contents(0).size();
    for (std::uint64_t bit = kSegmentHeaderBytes * 8; bit < size * 8; bit += 3) {
        SCOPED_TRACE(bit);
        rig.files.flip_bit(0, bit);
        const auto read = rig.read_all(kStart);
        int wrong = 0;
        int gaps = 0;
        for (const std::string& payload : read) gaps += payload == "(gap)" ? 1 : 0;
        for (const std::string& number : numbers(0, 8)) {
            wrong += std::count(read.begin(), read.end(), number) == 1 ? 0 : 1;
        }
        ASSERT_GE(wrong, 1);
        ASSERT_LE(wrong, 2);
        ASSERT_GE(gaps, 1);
        ASSERT_EQ(read.size() - static_cast<std::size_t>(gaps), 8u - static_cast<unsigned>(wrong));
        rig.files.flip_bit(0, bit);
    }
    EXPECT_EQ(rig.read_all(kStart), numbers(0, 8));
}

TEST(SegmentLog, AGapRecordSaysWhichSeqsAreLost) {
    Rig rig{{.memory_bytes = 0}};
    rig.append({"a", "b"});
    rig.append({"c", "d", "e"});
    rig.append({"f"});
    ASSERT_TRUE(rig.log->write_step());
    const std::size_t first_block = kBlockHeaderBytes + block_of({"a", "b"})->bytes().size();
    rig.files.flip_byte(0, kSegmentHeaderBytes + first_block + 20);  // In the second's header.
    const ReadAnswer answer = rig.ask(kStart);
    ASSERT_THAT(payloads_of(answer.blocks), ElementsAre("a", "b", "(gap)", "f"));
    EXPECT_EQ(gap_of(answer.blocks[1]->record(0)),
              (Gap{.from = kStart + 2, .to = kStart + 4, .reason = GapReason::not_stored}));
    // Who asks from inside sees the rest of the gap.
    EXPECT_EQ(gap_of(rig.ask(kStart + 3).blocks.at(0)->record(0)),
              (Gap{.from = kStart + 3, .to = kStart + 4, .reason = GapReason::not_stored}));
    EXPECT_EQ(rig.log->metrics().read_errors_total, 2u);
}

TEST(SegmentLog, ACutFileIsAGapToItsEnd) {
    Rig rig{{.memory_bytes = 0}};
    rig.append_numbers(0, 4);
    const std::size_t size = rig.files.contents(0).size();
    for (std::size_t cut = size; cut-- > kSegmentHeaderBytes;) {
        SCOPED_TRACE(cut);
        rig.files.cut_at(0, cut);
        const auto read = rig.read_all(kStart);
        ASSERT_FALSE(read.empty());
        ASSERT_EQ(read.back(), "(gap)");
        ASSERT_EQ(std::vector<std::string>(read.begin(), read.end() - 1),
                  numbers(0, static_cast<int>(read.size()) - 1));
    }
}

TEST(SegmentLog, AReaderThatAsksTooMuchIsToldSo) {
    Rig rig;
    for (std::size_t i = 0; i < SegmentLog::kRequestsMax; ++i) {
        ASSERT_TRUE(rig.log->request(rig.reader, kStart, 1, i));
    }
    EXPECT_FALSE(rig.log->request(rig.reader, kStart, 1, 0));
    while (rig.log->read_step()) continue;
    EXPECT_FALSE(rig.log->request(rig.reader, kStart, 1, 0));  // Answers count until taken.
    EXPECT_EQ(rig.log->take_answers(rig.reader).size(), SegmentLog::kRequestsMax);
    EXPECT_TRUE(rig.log->request(rig.reader, kStart, 1, 0));
}

TEST(SegmentLog, RequestsOfSeveralReadersTakeTurns) {
    Rig rig;
    CountingWaker other_waker;
    const ReaderId other = rig.log->add_reader(other_waker);
    ASSERT_TRUE(rig.log->request(rig.reader, kStart, 1, 1));
    ASSERT_TRUE(rig.log->request(rig.reader, kStart, 1, 2));
    ASSERT_TRUE(rig.log->request(other, kStart, 1, 3));
    ASSERT_TRUE(rig.log->read_step());
    ASSERT_TRUE(rig.log->read_step());
    EXPECT_EQ(other_waker.count, 1);
    EXPECT_EQ(rig.log->take_answers(other).size(), 1u);
    ASSERT_TRUE(rig.log->read_step());
    EXPECT_FALSE(rig.log->read_step());
    EXPECT_EQ(rig.log->take_answers(rig.reader).size(), 2u);
}

}  // namespace
}  // namespace firehose::log
