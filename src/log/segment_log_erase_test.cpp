// SPDX-License-Identifier: Apache-2.0
// Goal:   what is taken back leaves the memory and every file, whatever it was in and whatever
//         fails on the way; everything else stays as it was, at its seq. Times lead to positions.
// Method: the steps of a kept log called by hand over files in memory; every operation of an
//         erasing failing once; the files read byte by byte afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/sealed_reader.h"
#include "log/segment_log.h"

namespace firehose::log {
namespace {

/// Some seqs; and `keep` records that hold a secret.
class Seqs final : public EraseSelection {
public:
    explicit Seqs(std::set<std::uint64_t> seqs) : seqs_(std::move(seqs)) {}
    [[nodiscard]] Seq first() const override { return Seq{*seqs_.begin()}; }
    [[nodiscard]] bool covers(Seq seq, const Record& record) const override {
        return record.kind == RecordKind::keep
                   ? as_text(record.payload).find("SECRET") != std::string_view::npos
                   : seqs_.contains(number(seq));
    }
    [[nodiscard]] bool may_cover(Seq from, Seq end) const override {
        const auto at = seqs_.lower_bound(number(from));
        return at != seqs_.end() && *at < number(end);
    }
    [[nodiscard]] bool may_cover(std::string_view topic) const override {
        return topic == "secrets";
    }

private:
    const std::set<std::uint64_t> seqs_;
};

constexpr std::uint64_t kRecords = 60;

/// A log of 60 records in segments of some ten, every seventh secret; number 50 is a `keep` record
/// of a secret.
struct Rig {
    explicit Rig(LogMode mode = LogMode::disk, std::size_t memory_bytes = 1) {
        log = std::make_unique<SegmentLog>(SegmentLogOptions{.mode = mode,
                                                             .memory_bytes = memory_bytes,
                                                             .segment_bytes = 2'000,
                                                             .first_seq = Seq{1},
                                                             .seed = 7},
                                           files, clock, KeptLog{.log_id = 9});
        appender = log->add_appender(waker);
        reader = log->add_reader(waker);
        for (std::uint64_t seq = 1; seq <= kRecords; ++seq) add(seq);
    }

    void add(std::uint64_t seq) {
        const bool is_secret = seq % 7 == 0;
        const bool is_keep = seq == 50;
        const std::string payload = (is_secret || is_keep ? "SECRET" : "public") +
                                    std::to_string(seq) + std::string(40, '.');
        BlockBuilder builder;
        static_cast<void>(builder.add({.kind = is_keep ? RecordKind::keep : RecordKind::message,
                                       .qos = 1,
                                       .topic = is_secret ? "secrets" : "often",
                                       .properties = as_bytes(payload),
                                       .payload = as_bytes(payload),
                                       .publisher = PublisherId{77}}));
        if (is_secret) secrets.insert(seq);
        clock.wall_now.since_epoch += Microseconds{1'000};
        times.push_back(clock.wall_now);
        static_cast<void>(log->append(appender, builder.take()));
        write_all();
        expected.push_back(is_secret || is_keep ? "" : payload);
    }
    void write_all() {
        while (log->write_step()) continue;
    }
    void seal_all() {
        while (log->seal_step()) continue;
    }
    void begin() { log->begin_erase(std::make_shared<Seqs>(secrets)); }
    /// False: it did not come to an end.
    [[nodiscard]] bool erase() {
        for (int i = 0; i < 2'000; ++i) {
            const EraseStep step = log->erase_step();
            if (step == EraseStep::done) return true;
            if (step == EraseStep::waits) write_all();
        }
        return false;
    }
    [[nodiscard]] std::vector<BlockRef> read() {
        std::vector<BlockRef> all;
        Seq from = log->oldest();
        while (from < log->end()) {
            EXPECT_TRUE(log->request(reader, from, 300, 1));
            EXPECT_TRUE(log->read_step());
            const ReadAnswer answer = std::move(log->take_answers(reader).at(0));
            EXPECT_EQ(answer.status, ReadStatus::blocks);
            if (answer.status != ReadStatus::blocks || answer.up_to <= from) break;
            all.insert(all.end(), answer.blocks.begin(), answer.blocks.end());
            from = answer.up_to;
        }
        return all;
    }
    /// Everything that is not secret is there, byte for byte; of the rest seq, topic and publisher.
    void expect_erased() {
        const std::vector<BlockRef> blocks = read();
        EXPECT_EQ(payloads_of(blocks), expected);
        std::uint64_t seq = 1;
        for (const BlockRef& block : blocks) {
            EXPECT_EQ(block->first_seq(), Seq{seq});
            for (std::size_t i = 0; i < block->count(); ++i, ++seq) {
                const Record record = block->record(i);
                const bool is_secret = secrets.contains(seq) || seq == 50;
                EXPECT_EQ(record.is_erased, is_secret) << seq;
                EXPECT_EQ(record.properties.empty(), is_secret);
                EXPECT_EQ(record.publisher, PublisherId{77});
                EXPECT_EQ(record.topic, secrets.contains(seq) ? "secrets" : "often");
                std::size_t size = 0;
                EXPECT_TRUE(is_record_intact(block->record_bytes(i), size));
            }
        }
        EXPECT_FALSE(has_secret());
        EXPECT_EQ(log->metrics().read_errors_total, 0u);
    }
    /// Whether any file in the folder holds a byte of one.
    [[nodiscard]] bool has_secret() {
        bool found = false;
        const std::vector<std::string> names = *files.list();
        for (const std::string& name : names) {
            EXPECT_FALSE(name.ends_with(".tmp"));
            const ByteBuffer bytes = files.contents(*files.number_of(name));
            found = found || as_text(bytes).find("SECRET") != std::string_view::npos;
            const auto file = *files.open(name);
            const auto sealed = SealedFile::open(*file);
            if (!sealed) continue;
            for (const BlockRef& block : read_sealed(*file, *sealed, Seq{}, SIZE_MAX).blocks) {
                found = found || as_text(block->bytes()).find("SECRET") != std::string_view::npos;
            }
        }
        return found;
    }

    StandingClock clock;
    MemoryFileSystem files;
    CountingWaker waker;
    std::unique_ptr<SegmentLog> log;
    AppenderId appender{};
    ReaderId reader{};
    std::vector<std::string> expected;
    std::vector<WallTime> times;
    std::set<std::uint64_t> secrets;
};

TEST(ErasingLog, TakesRecordsOutOfPlainSealedAndOpenSegments) {
    for (const bool is_sealed : {false, true}) {
        Rig rig;
        if (is_sealed) rig.seal_all();
        ASSERT_TRUE(rig.has_secret());
        rig.begin();
        ASSERT_TRUE(rig.erase());
        rig.expect_erased();
        EXPECT_EQ(rig.log->erase_progress().records, rig.secrets.size() + 1);
        rig.add(61);
        rig.expect_erased();
    }
}

TEST(ErasingLog, TakesRecordsOutOfTheMemory) {
    for (const LogMode mode : {LogMode::disk, LogMode::memory}) {
        Rig rig{mode, std::size_t{1} << 20};
        rig.begin();
        ASSERT_TRUE(rig.erase());
        std::vector<BlockRef> blocks;
        ASSERT_EQ(rig.log->read(Seq{1}, SIZE_MAX, blocks), ReadStatus::blocks);
        EXPECT_EQ(payloads_of(blocks), rig.expected);
        const std::size_t cost = rig.log->metrics().memory_bytes;
        std::size_t sum = 0;
        for (const BlockRef& block : blocks) sum += block->memory_bytes();
        EXPECT_EQ(cost, sum);
        rig.expect_erased();
    }
}

TEST(ErasingLog, TakesRecordsOutOfUnlinkedSegments) {
    Rig rig{LogMode::memory};
    rig.begin();
    ASSERT_TRUE(rig.erase());
    rig.expect_erased();
    rig.add(61);
    rig.expect_erased();
}

TEST(ErasingLog, WaitsForWhatIsNotWrittenYet) {
    Rig rig;
    BlockBuilder builder;
    static_cast<void>(builder.add({.topic = "often", .payload = as_bytes("last")}));
    static_cast<void>(rig.log->append(rig.appender, builder.take()));
    rig.begin();
    EXPECT_EQ(rig.log->erase_step(), EraseStep::waits);
    rig.write_all();
    EXPECT_TRUE(rig.erase());
}

TEST(ErasingLog, WritesNothingAgainTheSecondTime) {
    Rig rig;
    rig.seal_all();
    rig.begin();
    ASSERT_TRUE(rig.erase());
    const std::size_t created = rig.files.files_created();
    rig.begin();
    ASSERT_TRUE(rig.erase());
    EXPECT_EQ(rig.files.files_created(), created);
    EXPECT_EQ(rig.log->erase_progress().records, 0u);
    rig.expect_erased();
}

TEST(ErasingLog, LeavesSegmentsWithoutAnyOfItAlone) {
    Rig rig;
    rig.seal_all();
    const std::size_t created = rig.files.files_created();
    rig.secrets = {14};
    rig.begin();
    ASSERT_TRUE(rig.erase());
    // Its segment, the one of the `keep` record, and the open one.
    EXPECT_LE(rig.files.files_created(), created + 3);
    EXPECT_EQ(rig.log->erase_progress().records, 2u);
}

TEST(ErasingLog, GoesOnWhereAnythingFailed) {
    for (const bool is_sealed : {false, true}) {
        for (int step = 0; step < 60; step += step < 8 ? 1 : 5) {
            for (int fault = 0; fault < 6; ++fault) {
                SCOPED_TRACE(std::to_string(step) + " " + std::to_string(fault));
                Rig rig;
                if (is_sealed) rig.seal_all();
                rig.begin();
                bool is_done = false;
                for (int i = 0; i < step && !is_done; ++i) {
                    const EraseStep now = rig.log->erase_step();
                    is_done = now == EraseStep::done;
                    if (now == EraseStep::waits) rig.write_all();
                }
                if (is_done) break;
                MemoryFaults faults;
                faults.writes_to_fail = fault == 0 ? 1 : 0;
                faults.reads_to_fail = fault == 1 ? 1 : 0;
                faults.syncs_to_fail = fault == 2 ? 1 : 0;
                faults.creates_to_fail = fault == 3 ? 1 : 0;
                faults.renames_to_fail = fault == 4 ? 1 : 0;
                faults.folder_syncs_to_fail = fault == 5 ? 1 : 0;
                rig.files.set_faults(faults);
                is_done = rig.log->erase_step() == EraseStep::done;
                rig.files.set_faults({});
                ASSERT_TRUE(is_done || rig.erase());
                rig.expect_erased();
            }
        }
    }
}

TEST(ErasingLog, SealingStandsStillMeanwhile) {
    Rig rig;
    EXPECT_TRUE(rig.log->seal_step());  // Half way through the first segment.
    rig.begin();
    bool is_done = false;
    for (int i = 0; i < 2'000 && !is_done; ++i) {
        const EraseStep step = rig.log->erase_step();
        is_done = step == EraseStep::done;
        if (step == EraseStep::waits) rig.write_all();
        static_cast<void>(rig.log->seal_step());
    }
    ASSERT_TRUE(is_done);
    rig.seal_all();
    rig.expect_erased();
}

TEST(ErasingLog, ADroppedSegmentDoesNotComeBack) {
    for (int step = 0; step < 30; step += 3) {
        SCOPED_TRACE(step);
        Rig rig;
        rig.seal_all();
        const auto names = (*rig.files.list()).size();
        rig.begin();
        for (int i = 0; i < step; ++i) static_cast<void>(rig.log->erase_step());
        // As a full disk makes it: the oldest goes, whoever is at it.
        MemoryFaults full;
        full.bytes_max = 1;
        rig.files.set_faults(full);
        BlockBuilder builder;
        static_cast<void>(builder.add({.topic = "often", .payload = as_bytes("last")}));
        static_cast<void>(rig.log->append(rig.appender, builder.take()));
        static_cast<void>(rig.log->write_step());
        rig.files.set_faults({});
        rig.clock.monotonic_now.since_start += SegmentLog::kRetryDelayMax;
        rig.write_all();
        const auto from = rig.log->oldest();
        EXPECT_GT(from, Seq{1});
        ASSERT_TRUE(rig.erase());
        EXPECT_FALSE(rig.has_secret());
        const std::vector<BlockRef> left = rig.read();
        ASSERT_FALSE(left.empty());
        EXPECT_EQ(left.front()->first_seq(), from);
        EXPECT_LE((*rig.files.list()).size(), names + 2);
    }
}

TEST(ErasingLog, LeavesDamageWhereNothingIsToBeErased) {
    Rig rig;
    const std::string name = "00000000000000000001.open";
    const std::size_t number = *rig.files.number_of(name);
    rig.files.flip_byte(number, kSegmentHeaderBytes + kBlockHeaderBytes + 30);
    const ByteBuffer damaged = rig.files.contents(number);
    rig.secrets = {49};
    rig.begin();
    ASSERT_TRUE(rig.erase());
    ASSERT_TRUE(rig.files.number_of(name).has_value());
    EXPECT_EQ(rig.files.contents(*rig.files.number_of(name)), damaged);
}

TEST(SegmentLog, FindsTheFirstPositionAtOrAfterATime) {
    for (const bool is_sealed : {false, true}) {
        for (const std::size_t memory :
             {std::size_t{1}, std::size_t{2'000}, std::size_t{1} << 20}) {
            Rig rig{LogMode::disk, memory};
            if (is_sealed) rig.seal_all();
            for (std::uint64_t seq = 1; seq <= kRecords; ++seq) {
                const WallTime time = rig.times[seq - 1];
                EXPECT_EQ(rig.log->seq_at(time), Seq{seq});
                EXPECT_EQ(rig.log->seq_at(time + Microseconds{1}), Seq{seq + 1});
            }
            EXPECT_EQ(rig.log->seq_at(WallTime{}), Seq{1});
        }
    }
}

TEST(SegmentLog, FindsATimeAmongManyBlocksOfASegment) {
    StandingClock clock;
    MemoryFileSystem files;
    CountingWaker waker;
    SegmentLog log{{.mode = LogMode::disk, .memory_bytes = 1, .seed = 7}, files, clock, KeptLog{}};
    const AppenderId appender = log.add_appender(waker);
    const WallTime start = clock.wall_now;
    for (int i = 0; i < 60; ++i) {
        clock.wall_now = start + Microseconds{i / 2 * 10};
        static_cast<void>(log.append(appender, block_of({std::string(7'000, 'x')})));
    }
    while (log.write_step()) continue;
    for (std::uint64_t i = 0; i < 30; i += 3) {
        const auto micros = Microseconds{static_cast<std::int64_t>(i) * 10};
        EXPECT_EQ(log.seq_at(start + micros), Seq{1 + 2 * i});
        EXPECT_EQ(log.seq_at(start + micros + Microseconds{1}), Seq{1 + 2 * (i + 1)});
    }
}

}  // namespace
}  // namespace firehose::log
