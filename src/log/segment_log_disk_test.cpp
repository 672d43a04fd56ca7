// SPDX-License-Identifier: Apache-2.0
// Goal:   with log.mode = disk nothing is durable before its sync, everything is after it, and a
//         disk that fails or is full costs what the rules say and nothing else.
// Method: the steps called by hand over files in memory with injected faults and power cuts; a
//         scripted run repeated with every write, sync and create failing once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/gap.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/segment_log.h"

namespace firehose::log {
namespace {

using testing::ElementsAre;

[[nodiscard]] std::unique_ptr<Block> durable_block(const std::string& payload) {
    BlockBuilder builder;
    static_cast<void>(builder.add({.qos = 1, .topic = "a/b", .payload = as_bytes(payload)}));
    return builder.take();
}

/// A kept log with everything that it refers to.
struct Rig {
    explicit Rig(SegmentLogOptions options = {}, const MemoryFaults& faults = {}) {
        options.mode = LogMode::disk;
        options.seed = 7;
        files.set_faults(faults);
        log = std::make_unique<SegmentLog>(options, files, clock, KeptLog{.log_id = 9});
        appender = log->add_appender(appender_waker);
        reader = log->add_reader(reader_waker);
    }

    Ticket append(const std::string& payload) {
        return log->append(appender, durable_block(payload));
    }
    Ticket append_droppable(const std::string& payload) {
        return log->append(appender, block_of({payload}));
    }
    void write_all() {
        while (log->write_step()) continue;
    }
    /// Time passes until the disk is tried again.
    void retry() {
        clock.monotonic_now.since_start += SegmentLog::kRetryDelayMax;
        write_all();
    }
    [[nodiscard]] std::vector<std::uint64_t> durable_tickets() {
        std::vector<Outcome> out;
        log->take_outcomes(appender, out);
        std::vector<std::uint64_t> tickets;
        for (const Outcome& outcome : out) {
            if (outcome.kind != Outcome::Kind::durable) continue;
            tickets.push_back(static_cast<std::uint64_t>(outcome.ticket));
        }
        return tickets;
    }
    [[nodiscard]] bool was_refused() {
        std::vector<Outcome> out;
        log->take_outcomes(appender, out);
        return !out.empty() && out.back().kind == Outcome::Kind::refused;
    }
    /// Everything from `from` to the end, read as a reader does.
    [[nodiscard]] std::vector<std::string> read_all(Seq from) {
        std::vector<std::string> payloads;
        while (true) {
            std::vector<BlockRef> blocks;
            ReadStatus status = log->read(from, 1 << 20, blocks);
            if (status == ReadStatus::not_in_memory) {
                EXPECT_TRUE(log->request(reader, from, 1 << 20, 1));
                EXPECT_TRUE(log->read_step());
                ReadAnswer answer = std::move(log->take_answers(reader).at(0));
                status = answer.status;
                blocks = std::move(answer.blocks);
            }
            if (status == ReadStatus::too_old) payloads.emplace_back("(too old)");
            if (status != ReadStatus::blocks) return payloads;
            for (const std::string& payload : payloads_of(blocks)) payloads.push_back(payload);
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

TEST(DiskLog, NothingIsDurableBeforeItsSync) {
    Rig rig;
    EXPECT_EQ(rig.log->end(), Seq{1});
    rig.append("a");
    rig.append("b");
    EXPECT_EQ(rig.log->end(), Seq{3});
    EXPECT_EQ(rig.log->durable_end(), Seq{1});
    EXPECT_THAT(rig.durable_tickets(), ElementsAre());
    const auto syncs = rig.log->metrics().syncs_total;
    const int woken = rig.appender_waker.count;
    const int reader_woken = rig.reader_waker.count;
    ASSERT_TRUE(rig.log->write_step());
    EXPECT_EQ(rig.log->metrics().syncs_total, syncs + 1);  // One covers all that waited.
    EXPECT_EQ(rig.log->durable_end(), Seq{3});
    EXPECT_THAT(rig.durable_tickets(), ElementsAre(1, 2));
    EXPECT_GT(rig.appender_waker.count, woken);
    EXPECT_GT(rig.reader_waker.count, reader_woken);
    EXPECT_FALSE(rig.log->write_step());
}

TEST(DiskLog, ASegmentHasANameAndAReservationBeforeItsFirstBlock) {
    Rig rig;
    ASSERT_EQ(*rig.files.list(), std::vector<std::string>{segment_name(1, false)});
    rig.files.lose_unsynced();
    const auto header = decode_segment_header(rig.files.contents(0));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->log_id, 9u);
    EXPECT_EQ(header->first_seq, Seq{1});
    EXPECT_GE(number(header->seq_limit), 1 + kReservedMin);
}

TEST(DiskLog, EveryWriteReservesAtLeastSixteenMillionSeqsAhead) {
    Rig rig;
    std::uint64_t offset = kSegmentHeaderBytes;
    for (int i = 0; i < 3; ++i) {
        rig.append("x");
        rig.write_all();
        const ByteBuffer bytes = rig.files.contents(0);
        const auto salt = decode_segment_header(bytes)->salt;
        const auto header = decode_block_header(ByteSpan{bytes}.subspan(offset), salt, offset);
        ASSERT_TRUE(header);
        EXPECT_GE(number(header->seq_limit), number(header->end_seq()) + kReservedMin);
        EXPECT_EQ(header->durable_before, offset);
        offset += kBlockHeaderBytes + header->stored_bytes;
    }
}

TEST(DiskLog, AStopWritesAClosingHeaderAndRefusesWhatComesLater) {
    Rig rig;
    rig.append("a");
    while (rig.log->close_step()) continue;
    EXPECT_THAT(rig.durable_tickets(), ElementsAre(1));
    rig.files.lose_unsynced();
    const ByteBuffer bytes = rig.files.contents(0);
    const std::size_t at = bytes.size() - kBlockHeaderBytes;
    const auto header =
        decode_block_header(ByteSpan{bytes}.subspan(at), decode_segment_header(bytes)->salt, at);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->kind, BlockKind::closing);
    EXPECT_EQ(header->first_seq, Seq{2});
    rig.append("b");
    EXPECT_TRUE(rig.was_refused());
}

TEST(DiskLog, AfterAHoleItBeginsWithAGapRecordOfTheCrash) {
    StandingClock clock;
    MemoryFileSystem files;
    CountingWaker waker;
    SegmentLog log{
        {.mode = LogMode::disk}, files, clock, KeptLog{.end_seq = Seq{50}, .next_seq = Seq{1'000}}};
    EXPECT_EQ(log.oldest(), Seq{50});
    EXPECT_EQ(log.end(), Seq{1'001});
    const AppenderId appender = log.add_appender(waker);
    static_cast<void>(log.append(appender, block_of({"a"})));
    std::vector<BlockRef> blocks;
    ASSERT_EQ(log.read(Seq{60}, 1 << 20, blocks), ReadStatus::blocks);
    EXPECT_EQ(gap_of(blocks.at(0)->record(0)),
              (Gap{.from = Seq{50}, .to = Seq{999}, .reason = GapReason::crash}));
    EXPECT_EQ(blocks.at(1)->first_seq(), Seq{1'001});
    while (log.write_step()) continue;
    EXPECT_EQ(log.durable_end(), Seq{1'002});
}

TEST(DiskLog, ReadsBackWhatLeftMemoryAcrossSegments) {
    Rig rig{{.memory_bytes = 1'000, .segment_bytes = 2'000}};
    for (int i = 0; i < 150; ++i) {
        rig.append(std::to_string(i));
        rig.write_all();
    }
    EXPECT_GT(rig.log->metrics().segments, 5u);
    EXPECT_LE(rig.log->metrics().memory_bytes, 1'000u);
    EXPECT_EQ(rig.read_all(Seq{1}), numbers(0, 150));
}

TEST(DiskLog, AnOldSegmentIsClosed) {
    Rig rig{{.segment_age = Microseconds{1'000}}};
    rig.append("a");
    rig.write_all();
    rig.clock.wall_now = rig.clock.wall_now + Microseconds{1'000};
    rig.write_all();
    rig.append("b");
    rig.write_all();
    EXPECT_EQ(rig.log->metrics().segments, 2u);
    EXPECT_THAT(rig.read_all(Seq{1}), ElementsAre("a", "b"));
}

TEST(DiskLog, AfterAFailedSyncWritesWhatWasNotSyncedToANewSegmentAtOnce) {
    Rig rig;
    rig.append("a");
    rig.write_all();
    rig.files.set_faults({.syncs_to_fail = 1});
    rig.append("b");
    rig.write_all();
    EXPECT_TRUE(rig.log->takes_durable());
    EXPECT_EQ(rig.log->durable_end(), Seq{3});
    EXPECT_THAT(rig.durable_tickets(), ElementsAre(1, 2));
    EXPECT_EQ(rig.log->metrics().segments, 2u);
    EXPECT_FALSE(rig.log->metrics().is_failing);
    EXPECT_THAT(rig.read_all(Seq{1}), ElementsAre("a", "b"));
}

TEST(DiskLog, WhileTheDiskFailsNothingIsDurableAndServiceReturnsByItself) {
    Rig rig;
    rig.append("a");
    rig.write_all();
    rig.files.set_faults({.syncs_to_fail = SIZE_MAX});
    rig.append("b");
    rig.write_all();
    EXPECT_FALSE(rig.log->takes_durable());
    EXPECT_TRUE(rig.log->metrics().is_degraded);
    EXPECT_EQ(rig.log->durable_end(), Seq{2});
    rig.append_droppable("c");
    rig.retry();
    EXPECT_FALSE(rig.log->takes_durable());
    rig.files.set_faults({});
    rig.retry();
    EXPECT_TRUE(rig.log->takes_durable());
    EXPECT_THAT(rig.durable_tickets(), ElementsAre(1, 2, 3));
    EXPECT_EQ(rig.log->durable_end(), Seq{4});
    EXPECT_THAT(rig.read_all(Seq{1}), ElementsAre("a", "b", "c"));
}

TEST(DiskLog, WhileDegradedTheOldestQos0BecomesAGapThatDurableEndPasses) {
    Rig rig{{.unwritten_bytes_max = 10'000}};
    rig.files.set_faults({.writes_to_fail = SIZE_MAX});
    const std::string payload(900, 'x');
    for (int i = 0; i < 40; ++i) {
        rig.append_droppable(payload);
        rig.log->write_step();
    }
    EXPECT_EQ(rig.log->metrics().blocks_refused_total, 0u);
    EXPECT_GT(rig.log->metrics().records_dropped_total, 20u);
    EXPECT_LE(rig.log->metrics().unwritten_bytes, 10'000u);
    const Seq passed = rig.log->durable_end();
    EXPECT_GT(passed, Seq{20});
    const auto before = rig.read_all(Seq{1});
    EXPECT_EQ(before.at(0), "(gap)");
    rig.files.set_faults({});
    rig.retry();
    EXPECT_EQ(rig.log->durable_end(), Seq{41});
    EXPECT_EQ(rig.durable_tickets().back(), 40u);
    EXPECT_EQ(rig.read_all(Seq{1}), before);
}

TEST(DiskLog, EveryWriteAndSyncMayFailOnceAndNothingAppendedIsLost) {
    for (std::size_t kind = 0; kind < 3; ++kind) {
        for (int at = 0; at < 15; ++at) {
            SCOPED_TRACE(std::to_string(kind) + " fails at " + std::to_string(at));
            Rig rig{{.memory_bytes = 500, .segment_bytes = 600}};
            for (int i = 0; i < 15; ++i) {
                if (i == at) {
                    rig.files.set_faults({.writes_to_fail = kind == 0 ? 1u : 0u,
                                          .syncs_to_fail = kind == 1 ? 1u : 0u,
                                          .creates_to_fail = kind == 2 ? 1u : 0u});
                }
                rig.append(std::to_string(i));
                rig.write_all();
                ASSERT_EQ(number(rig.log->durable_end()), static_cast<std::uint64_t>(i) + 2);
            }
            ASSERT_EQ(rig.read_all(Seq{1}), numbers(0, 15));
        }
    }
}

TEST(DiskLog, HistoryGoesOnlyBelowWhatViewsAndSessionsNeed) {
    Rig rig{{.memory_bytes = 100, .segment_bytes = 1'000, .bytes_max = 3'000, .hold_bytes = 6'000}};
    rig.log->set_needed_from(Seq{20}, Seq{40});
    for (int i = 0; i < 60; ++i) {
        rig.append(std::to_string(i));
        rig.write_all();
    }
    while (rig.log->expire_step()) continue;
    EXPECT_GT(rig.log->oldest(), Seq{5});
    EXPECT_LE(rig.log->oldest(), Seq{20});
    rig.log->set_needed_from(Seq{60}, Seq{40});
    while (rig.log->expire_step()) continue;
    EXPECT_GT(rig.log->oldest(), Seq{25});
    EXPECT_LE(rig.log->oldest(), Seq{40});
    const auto first = static_cast<int>(number(rig.log->oldest())) - 1;
    EXPECT_EQ(rig.read_all(rig.log->oldest()), numbers(first, 60 - first));
}

}  // namespace
}  // namespace firehose::log
