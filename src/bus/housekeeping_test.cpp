// SPDX-License-Identifier: Apache-2.0
// Goal:   history goes when it is due, and whatever went, the store and the rest of the log, and
//         the log alone, still say every retained message; nothing goes that a view needs.
// Method: a log on a disk in memory with small segments, a shard that only folds, a store with
//         faults; after each step a start is made beside it and compared; random histories.
#include "bus/housekeeping.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/memory_view_store.h"
#include "bus/restore.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"

namespace firehose::bus {
namespace {

using Topics = std::map<std::string, std::string>;

constexpr Microseconds kSecond{1'000'000};

class World {
public:
    explicit World(HousekeepingOptions options = {})
        : log(small_segments(), files, clock, log::KeptLog{.log_id = 1}),
          appender(log.add_appender(waker)),
          reader(log.add_reader(waker)),
          box(waker),
          housekeeping(options, log, store, retained, {&box}, waker) {}

    static log::SegmentLogOptions small_segments() {
        return {.mode = log::LogMode::disk,
                .memory_bytes = 4'096,
                .segment_bytes = 8'192,
                .bytes_max = 6 * 8'192,
                .seed = 1};
    }
    void advance(Microseconds by) {
        clock.monotonic_now = clock.monotonic_now + by;
        clock.wall_now = clock.wall_now + by;
    }

    void append(const log::Record& record) {
        log::BlockBuilder builder;
        builder.add(record);
        static_cast<void>(log.append(appender, builder.take()));
        while (log.write_step()) continue;
        outcomes.clear();
        log.take_outcomes(appender, outcomes);
    }
    void retain(std::string_view topic, std::string_view payload) {
        append({.retain = true, .topic = topic, .payload = as_bytes(payload)});
    }
    void fill(int records) {
        const std::string payload(300, 'x');
        for (int i = 0; i < records; ++i)
            append({.topic = "not/retained", .payload = as_bytes(payload)});
    }

    /// The shard's turn: folds what it can read, answers the housekeeper.
    void fold() {
        std::vector<log::BlockRef> blocks;
        while (tail < log.end()) {
            if (log.read(tail, 1 << 20, blocks) == log::ReadStatus::not_in_memory) {
                ASSERT_TRUE(log.request(reader, tail, 1 << 20, 0));
                ASSERT_TRUE(log.read_step());
                blocks = std::move(log.take_answers(reader).front().blocks);
            }
            ASSERT_FALSE(blocks.empty());
            for (const auto& block : blocks) {
                for (std::size_t i = 0; i < block->count(); ++i) {
                    retained.fold(block->first_seq() + i, block->time(), block->record(i),
                                  block->record_bytes(i));
                }
                tail = block->end_seq();
            }
            blocks.clear();
        }
        retained.forget_tombstones(tail);
    }
    void turn() {
        fold();
        if (box.requested() == 0) return;
        box.answer({.rows = {}, .true_for = log.end(), .tail = tail, .needed_from = sessions_need});
    }
    bool step() {
        turn();
        const bool is_more = housekeeping.step(clock.monotonic());
        while (log.write_step()) continue;
        return is_more;
    }
    /// What `seconds` seconds of housekeeping do.
    void pass(int seconds) {
        for (int i = 0; i < seconds * 10; ++i) {
            while (step()) continue;
            advance(kSecond / 10);
        }
    }

    [[nodiscard]] Topics topics() { return topics_of(retained); }
    static Topics topics_of(const RetainedView& view) {
        Topics out;
        RetainedView::PageQuery query{.filter = "#", .max_seq = Seq{UINT64_MAX}};
        while (true) {
            RetainedView::Page page = view.page(query);
            for (const auto& entry : page.entries) {
                std::size_t size = 0;
                const auto record = log::decode_record(entry.record_bytes, size);
                out[std::string{record->topic}] = std::string{as_text(record->payload)};
            }
            if (!page.next) return out;
            query.resume_after = std::move(page.next);
        }
    }
    /// What a start would find, with the store or without.
    Topics restarted(ViewStore* from) {
        RetainedView fresh;
        const auto restored = restore({.store = from,
                                       .log = log,
                                       .retained = fresh,
                                       .read_step = [&] { return log.read_step(); },
                                       .adopt = [](session::StoredSession&&) {}});
        EXPECT_TRUE(restored) << restored.error();
        return topics_of(fresh);
    }

    log::StandingClock clock;
    log::MemoryFileSystem files;
    log::SegmentLog log;
    log::CountingWaker waker;
    log::AppenderId appender;
    log::ReaderId reader;
    std::vector<log::Outcome> outcomes;
    RetainedView retained;
    MemoryViewStore store;
    SessionRowsBox box;
    Housekeeping housekeeping;
    Seq tail{1};
    Seq sessions_need{UINT64_MAX};
};

TEST(Housekeeping, HistoryGoesAndRetainedMessagesStay) {
    World world;
    world.retain("a", "1");
    world.retain("b", "1");
    world.retain("a", "");
    for (int i = 0; i < 20; ++i) {
        world.fill(40);
        world.pass(2);
    }
    EXPECT_GT(world.log.oldest(), Seq{400});
    EXPECT_EQ(world.topics(), (Topics{{"b", "1"}}));
    EXPECT_EQ(world.restarted(&world.store), world.topics());
    EXPECT_EQ(world.restarted(nullptr), world.topics());
    EXPECT_GT(world.housekeeping.figures().kept_records_total, 0u);
}

TEST(Housekeeping, NothingGoesBeforeARoundHasCoveredIt) {
    World world;
    world.store.faults().writes_to_fail = SIZE_MAX;
    world.retain("a", "1");
    for (int i = 0; i < 10; ++i) {
        world.fill(40);
        world.pass(15);
    }
    EXPECT_EQ(world.log.oldest(), Seq{1});
    EXPECT_GT(world.housekeeping.checkpointer().figures().failures_total, 0u);
    world.store.faults().writes_to_fail = 0;
    world.pass(40);
    EXPECT_GT(world.log.oldest(), Seq{1});
    EXPECT_EQ(world.restarted(&world.store), world.topics());
}

TEST(Housekeeping, TheFloorOfThePreviousGenerationHoldsHistoryNoLongerThanItMust) {
    World world{{.generation_interval = 1'000'000 * kSecond}};
    for (int i = 0; i < 10; ++i) {
        world.fill(40);
        world.pass(15);
    }
    EXPECT_GT(world.log.oldest(), Seq{100});
    EXPECT_GT(world.housekeeping.figures().generations_total, 1u);
    world.store.fall_back();
    EXPECT_EQ(world.restarted(&world.store), world.topics());
}

TEST(Housekeeping, ATopicClearedWhileItIsCopiedDoesNotComeBack) {
    World world;
    world.retain("a", "1");
    world.retain("b", "1");
    world.fill(120);  // Several segments.
    // Until the copies are being made: the clearing is linked, and nobody has folded it.
    bool is_cleared = false;
    for (int i = 0; i < 400 && !is_cleared; ++i) {
        world.turn();
        const auto copied = world.housekeeping.figures().kept_records_total;
        if (world.housekeeping.checkpointer().figures().rounds_total == 1 && copied == 0) {
            world.retain("a", "");
            is_cleared = true;
        }
        static_cast<void>(world.housekeeping.step(world.clock.monotonic()));
        while (world.log.write_step()) continue;
        world.advance(kSecond / 10);
    }
    ASSERT_TRUE(is_cleared);
    for (int i = 0; i < 20; ++i) {
        world.fill(40);
        world.pass(2);
        ASSERT_EQ(world.restarted(nullptr), (Topics{{"b", "1"}})) << "after " << i;
    }
    EXPECT_GT(world.log.oldest(), Seq{400});
}

TEST(Housekeeping, RetainedMessagesBeyondTheLogAreLeftToTheStore) {
    World world{{.copied_bytes_max = 10}};
    world.retain("a", "a payload that is longer than ten bytes");
    for (int i = 0; i < 10; ++i) {
        world.fill(40);
        world.pass(15);
    }
    EXPECT_GT(world.log.oldest(), Seq{100});
    EXPECT_EQ(world.housekeeping.figures().kept_records_total, 0u);
    EXPECT_EQ(world.restarted(&world.store), world.topics());
}

TEST(Housekeeping, ADiskThatTakesNothingDelaysCopiesAndLosesNone) {
    World world;
    world.retain("a", "1");
    world.fill(120);
    world.files.set_faults({.syncs_to_fail = 400});
    world.pass(30);
    world.files.set_faults({});
    for (int i = 0; i < 10; ++i) {
        world.fill(40);
        world.pass(5);
    }
    EXPECT_GT(world.log.oldest(), Seq{100});
    EXPECT_EQ(world.restarted(nullptr), world.topics());
}

TEST(Housekeeping, RandomHistoriesSurviveAnyLossOfTheStore) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE(seed);
        World world;
        Random random{seed};
        for (int i = 0; i < 400; ++i) {
            const std::string topic = "t/" + std::to_string(random.below(12));
            world.retain(topic, random.below(3) == 0 ? "" : std::to_string(i));
            if (random.below(3) == 0) world.fill(6);
            for (std::uint64_t n = random.below(8); n > 0; --n) static_cast<void>(world.step());
            world.advance(Microseconds{static_cast<std::int64_t>(random.below(900'000))});
        }
        world.pass(1);
        EXPECT_GT(world.log.oldest(), Seq{1});
        EXPECT_EQ(world.restarted(&world.store), world.topics());
        EXPECT_EQ(world.restarted(nullptr), world.topics());
    }
}

}  // namespace
}  // namespace firehose::bus
