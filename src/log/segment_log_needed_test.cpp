// SPDX-License-Identifier: Apache-2.0
// Goal:   a log that is kept in memory writes only what a reader that is behind still needs, and
//         whatever a reader said that it needs it can read, without a hole.
// Method: readers at work under seeds: at the end, behind, away and back; steps called by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/segment_log.h"

namespace firehose::log {
namespace {

constexpr std::size_t kMemoryBytes = 32 * 1'024;

struct EraseNothing final : EraseSelection {
    [[nodiscard]] Seq first() const override { return Seq{1}; }
    [[nodiscard]] bool covers(Seq, const Record&) const override { return false; }
    [[nodiscard]] bool may_cover(Seq, Seq) const override { return false; }
    [[nodiscard]] bool may_cover(std::string_view) const override { return false; }
};

struct Reading {
    ReaderId id{};
    CountingWaker waker;
    Seq at{};
    std::size_t next = 0;  // The number that it is to see.
};

struct Rig {
    explicit Rig(std::size_t readers)
        : log(SegmentLogOptions{.memory_bytes = kMemoryBytes,
                                .unwritten_bytes_max = 4 * kMemoryBytes,
                                .segment_bytes = 2 * kMemoryBytes,
                                .bytes_max = 1 << 20,
                                .first_seq = Seq{1},
                                .seed = 7},
              files, clock),
          appender(log.add_appender(appender_waker)),
          reading(readers) {
        for (Reading& reader : reading) {
            reader.id = log.add_reader(reader.waker);
            reader.at = Seq{1};
        }
    }

    void append() {
        std::ignore =
            log.append(appender, block_of({std::to_string(appended++) + std::string(100, '.')}));
    }
    /// What is left of the log for the reader, up to `bytes_max`.
    void read(Reading& reader, std::size_t bytes_max) {
        std::vector<BlockRef> blocks;
        ReadStatus status = log.read(reader.at, bytes_max, blocks);
        if (status == ReadStatus::not_in_memory) {
            ASSERT_TRUE(log.request(reader.id, reader.at, bytes_max, 1));
            ASSERT_TRUE(log.read_step());
            auto answers = log.take_answers(reader.id);
            status = answers.at(0).status;
            blocks = std::move(answers.at(0).blocks);
        }
        ASSERT_NE(status, ReadStatus::too_old) << "at " << number(reader.at);
        for (const std::string& payload : payloads_of(blocks)) {
            ASSERT_TRUE(payload.starts_with(std::to_string(reader.next) + ".")) << payload;
            ++reader.next;
        }
        if (!blocks.empty()) reader.at = blocks.back()->end_seq();
    }
    void tell(const Reading& reader) {
        if (log.wants_needed(reader.id)) log.note_needed(reader.id, reader.at);
    }
    void catch_up(Reading& reader) {
        while (reader.at < log.end()) {
            read(reader, 4'096);
            if (testing::Test::HasFatalFailure()) return;
        }
    }

    MemoryFileSystem files;
    StandingClock clock;
    CountingWaker appender_waker;
    SegmentLog log;
    AppenderId appender;
    std::vector<Reading> reading;
    std::size_t appended = 0;
};

TEST(SegmentLogNeeded, NothingIsWrittenWhileEverybodyKeepsUp) {
    Rig rig{2};
    for (Reading& reader : rig.reading) rig.log.note_needed(reader.id, reader.at);
    for (int i = 0; i < 5'000; ++i) {
        rig.append();
        for (Reading& reader : rig.reading) {
            ASSERT_NO_FATAL_FAILURE(rig.catch_up(reader));
            rig.tell(reader);
        }
        while (rig.log.write_step()) continue;
        ASSERT_LE(rig.log.metrics().memory_bytes, kMemoryBytes);
    }
    EXPECT_EQ(rig.log.metrics().segments_created_total, 0u);
    EXPECT_GT(number(rig.log.oldest()), 4'000u);
    EXPECT_FALSE(rig.log.is_full());
}

TEST(SegmentLogNeeded, WhatOneReaderNeedsIsWrittenAndThenForgotten) {
    Rig rig{2};
    Reading& quick = rig.reading[0];
    Reading& slow = rig.reading[1];
    for (int i = 0; i < 2'000; ++i) {
        rig.append();
        ASSERT_NO_FATAL_FAILURE(rig.catch_up(quick));
        for (Reading& reader : rig.reading) rig.tell(reader);
        while (rig.log.write_step()) continue;
    }
    EXPECT_EQ(rig.log.oldest(), Seq{1});
    EXPECT_GT(rig.log.metrics().segments, 1u);
    EXPECT_LE(rig.log.metrics().memory_bytes, kMemoryBytes + kMemoryBytes / 4);
    ASSERT_NO_FATAL_FAILURE(rig.catch_up(slow));
    EXPECT_EQ(slow.next, 2'000u);
    for (int i = 0; i < 1'000; ++i) {
        rig.append();
        for (Reading& reader : rig.reading) {
            ASSERT_NO_FATAL_FAILURE(rig.catch_up(reader));
            rig.tell(reader);
        }
        while (rig.log.write_step()) continue;
    }
    EXPECT_EQ(rig.log.metrics().segments, 0u);
    EXPECT_GT(number(rig.log.oldest()), 2'000u);
}

TEST(SegmentLogNeeded, WhoeverHasNotSaidWhatItNeedsNeedsAll) {
    Rig rig{2};
    for (int i = 0; i < 1'000; ++i) {
        rig.append();
        ASSERT_NO_FATAL_FAILURE(rig.catch_up(rig.reading[0]));
        rig.tell(rig.reading[0]);
        while (rig.log.write_step()) continue;
    }
    EXPECT_EQ(rig.log.oldest(), Seq{1});
    ASSERT_NO_FATAL_FAILURE(rig.catch_up(rig.reading[1]));
}

TEST(SegmentLogNeeded, AFullLogIsRoomyAgainOnceItsReaderHasCaughtUp) {
    Rig rig{1};
    Reading& reader = rig.reading[0];
    rig.log.note_needed(reader.id, reader.at);
    while (!rig.log.is_full()) {  // The writer does not come.
        rig.append();
        rig.tell(reader);
        ASSERT_LT(rig.appended, 5'000u);
    }
    ASSERT_NO_FATAL_FAILURE(rig.catch_up(reader));
    rig.tell(reader);  // Nothing was appended that would ask for it.
    EXPECT_FALSE(rig.log.is_full());
}

TEST(SegmentLogNeeded, AnEraseEndsThoughNobodyIsBehind) {
    Rig rig{1};
    for (int i = 0; i < 500; ++i) {
        rig.append();
        ASSERT_NO_FATAL_FAILURE(rig.catch_up(rig.reading[0]));
        rig.tell(rig.reading[0]);
        while (rig.log.write_step()) continue;
    }
    rig.append();
    rig.log.begin_erase(std::make_shared<EraseNothing>());
    EraseStep step = EraseStep::again;
    for (int i = 0; i < 1'000 && step != EraseStep::done; ++i) {
        while (rig.log.write_step()) continue;
        step = rig.log.erase_step();
    }
    EXPECT_EQ(step, EraseStep::done);
}

class SegmentLogNeededSeeds : public ::testing::TestWithParam<unsigned> {};

/// Some read little, stand still for long, say late what they need; the writer comes when it comes.
TEST_P(SegmentLogNeededSeeds, ReadersMissNothing) {
    std::mt19937 random{GetParam()};
    const auto one_of = [&](unsigned n) { return random() % n == 0; };
    Rig rig{3};
    std::vector<bool> stands(rig.reading.size());
    for (int i = 0; i < 4'000; ++i) {
        if (!rig.log.is_full()) rig.append();
        for (std::size_t r = 0; r < rig.reading.size(); ++r) {
            if (one_of(stands[r] ? 400 : 800)) stands[r] = !stands[r];
            if (!stands[r] && rig.reading[r].at < rig.log.end()) {
                ASSERT_NO_FATAL_FAILURE(rig.read(rig.reading[r], 1 + random() % 2'000));
            }
            if (one_of(3)) rig.tell(rig.reading[r]);
        }
        while (one_of(2) && rig.log.write_step()) continue;
    }
    while (rig.log.write_step()) continue;
    for (Reading& reader : rig.reading) {
        ASSERT_NO_FATAL_FAILURE(rig.catch_up(reader));
        EXPECT_EQ(reader.next, rig.appended);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SegmentLogNeededSeeds, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace firehose::log
