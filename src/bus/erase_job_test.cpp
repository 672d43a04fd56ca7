// SPDX-License-Identifier: Apache-2.0
// Goal:   what an operator takes back is given out by no door from the order on, leaves the log,
// the
//         retained view and both generations of the store, and a start goes on with what a stop
//         interrupted; what is not named stays.
// Method: a shard, a log and a store in memory; the job's steps called by hand, the doors and the
//         floors looked at between them.
#include "bus/erase_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bus/bus_test_support.h"
#include "bus/memory_view_store.h"
#include "bus/restore.h"

namespace firehose::bus::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Step = EraseJob::Step;

struct EraseBus : Bus {
    explicit EraseBus(bool is_kept = true)
        : Bus({.anonymous_sessions = AnonymousSessions::standard}, "topic readwrite #\n",
              {.mode = log::LogMode::disk, .memory_bytes = 1, .segment_bytes = 2'000, .seed = 3}),
          box(waker),
          checkpointer(store, log, retained, {&box}),
          parts{.log = log,
                .appender = log.add_appender(waker),
                .erasures = erasures,
                .retained = retained} {
        if (!is_kept) return;
        retained.track_changes();
        parts.checkpointer = &checkpointer;
        parts.store = &store;
        parts.begin_round = [this] { checkpointer.begin(); };
        parts.let_go = [this](const std::function<void()>& done) {
            shard.forget_fetched();
            done();
            return true;
        };
    }

    /// A step of the rounds, as the housekeeper takes them between those of the job.
    void keep_house() {
        if (box.requested() != 0) {
            box.answer({.true_for = log.end(), .tail = shard.tail_position()});
        }
        static_cast<void>(checkpointer.step());
    }
    void run_round() {
        checkpointer.begin();
        for (int i = 0; i < 100 && checkpointer.is_running(); ++i) keep_house();
        ASSERT_FALSE(checkpointer.is_running());
    }
    [[nodiscard]] bool finish(EraseJob& job) {
        for (int i = 0; i < 10'000; ++i) {
            const Step step = job.step(clock.monotonic());
            if (step == Step::done) return true;
            if (step == Step::waits) {
                turn();
                keep_house();
            }
        }
        return false;
    }
    /// Until the order is durable.
    void order(EraseJob& job) {
        while (!job.progress().is_taken) {
            ASSERT_NE(job.step(clock.monotonic()), Step::done);
            turn();
        }
    }
    [[nodiscard]] Peer connect(std::string_view id) {
        Peer peer{*this, mqtt::Version::v5};
        peer.connects(id, false, 1'000);
        return peer;
    }
    [[nodiscard]] bool has_in_files(std::string_view secret) {
        const std::vector<std::string> names = *files.list();
        for (const std::string& name : names) {
            const ByteBuffer bytes = files.contents(*files.number_of(name));
            if (as_text(bytes).find(secret) != std::string_view::npos) return true;
        }
        return false;
    }

    SessionRowsBox box;
    MemoryViewStore store;
    Checkpointer checkpointer;
    EraseParts parts;
};

TEST(EraseJob, NoDoorGivesOutWhatWasOrderedAndItLeavesTheFiles) {
    EraseBus bus;
    Peer reader = bus.connect("reader");
    reader.subscribes("#", mqtt::Qos::at_least_once);
    reader.vanishes();
    Peer publisher = bus.connect("publisher");
    publisher.publishes("a", "one", mqtt::Qos::at_least_once, 1);
    const Seq at = bus.log.end();
    publisher.publishes("a", "SECRET", mqtt::Qos::at_least_once, 2);
    publisher.publishes("a", "three", mqtt::Qos::at_least_once, 3);
    EXPECT_TRUE(bus.has_in_files("SECRET"));

    EraseJob job{bus.parts, {.seqs = {at}}};
    bus.order(job);
    Peer again = bus.connect("reader");
    EXPECT_THAT(again.take_payloads(), ElementsAre("one", "three"));
    ASSERT_TRUE(bus.finish(job));
    EXPECT_EQ(job.progress().records, 1u);
    EXPECT_FALSE(bus.has_in_files("SECRET"));
    EXPECT_TRUE(bus.erasures.all().empty());
    again.vanishes();
    // Not acknowledged: sent again, without it, though no door asks any more.
    Peer later = bus.connect("reader");
    EXPECT_THAT(later.take_payloads(), ElementsAre("one", "three"));
}

TEST(EraseJob, TakesTopicsWithinTheirRangeAndNoOther) {
    EraseBus bus;
    Peer publisher = bus.connect("publisher");
    publisher.publishes("s/1", "SECRET before", mqtt::Qos::at_least_once, 1);
    bus.advance(Microseconds{1'000'000});
    const WallTime from = bus.clock.wall();
    publisher.publishes("s/1", "SECRET within", mqtt::Qos::at_least_once, 2);
    publisher.publishes("t", "other", mqtt::Qos::at_least_once, 3);
    const WallTime to = bus.clock.wall();
    bus.advance(Microseconds{1'000'000});
    publisher.publishes("s/2", "SECRET after", mqtt::Qos::at_least_once, 4);
    EraseJob job{bus.parts, {.filter = "s/#", .from = {.time = from}, .to = {.time = to}}};
    ASSERT_TRUE(bus.finish(job));
    EXPECT_EQ(job.progress().records, 1u);
    Peer reader = bus.connect("reader");
    std::vector<log::BlockRef> blocks;
    Seq at = bus.log.oldest();
    std::vector<std::string> payloads;
    const log::ReaderId id = bus.log.add_reader(bus.waker);
    while (at < bus.log.end()) {
        ASSERT_TRUE(bus.log.request(id, at, 1'000, 1));
        ASSERT_TRUE(bus.log.read_step());
        for (const auto& answer : bus.log.take_answers(id)) {
            for (const auto& block : answer.blocks) {
                for (std::size_t i = 0; i < block->count(); ++i) {
                    const log::Record record = block->record(i);
                    if (record.kind != log::RecordKind::message) continue;
                    payloads.emplace_back(as_text(record.payload));
                }
            }
            at = answer.up_to;
        }
    }
    EXPECT_THAT(payloads, ElementsAre("SECRET before", "", "other", "SECRET after"));
}

TEST(EraseJob, TakesARetainedMessageOutOfTheViewAndBothGenerations) {
    EraseBus bus;
    Peer publisher = bus.connect("publisher");
    publisher.publishes("s", "SECRET", mqtt::Qos::at_most_once, 0, true);
    publisher.publishes("t", "other", mqtt::Qos::at_most_once, 0, true);
    bus.run_round();
    ASSERT_TRUE(bus.store.keep_generation());
    EXPECT_EQ(bus.store.current().retained.size(), 2u);

    EraseJob job{bus.parts, {.filter = "s"}};
    ASSERT_TRUE(bus.finish(job));
    Peer reader = bus.connect("reader");
    reader.subscribes("#");
    EXPECT_THAT(reader.take_payloads(), ElementsAre("other"));
    EXPECT_EQ(bus.store.current().retained.size(), 1u);
    bus.store.fall_back();
    EXPECT_EQ(bus.store.current().retained.size(), 1u);
}

TEST(EraseJob, AStartGoesOnWithWhatIsNotDone) {
    EraseBus bus;
    Peer publisher = bus.connect("publisher");
    publisher.publishes("s", "SECRET", mqtt::Qos::at_least_once, 1, true);
    bus.run_round();
    EraseJob job{bus.parts, {.filter = "s"}};
    bus.order(job);
    publisher.publishes("t", "more", mqtt::Qos::at_least_once, 2);
    bus.run_round();
    bus.run_round();  // Floors stay behind the order.

    RetainedView retained;
    const auto restored = restore({.store = &bus.store,
                                   .log = bus.log,
                                   .retained = retained,
                                   .read_step = [&] { return bus.log.read_step(); },
                                   .adopt = [](session::StoredSession&&) {}});
    ASSERT_TRUE(restored.has_value());
    ASSERT_EQ(restored->erasures.size(), 1u);
    EXPECT_EQ(retained.count(), 0u);

    EraseJob found{bus.parts, restored->erasures.front()};
    EXPECT_EQ(bus.erasures.all().size(), 2u);  // This process's and the found one.
    ASSERT_TRUE(bus.finish(found));
    EXPECT_FALSE(bus.has_in_files("SECRET"));

    // Once all are done the floors move on, and a start finds nothing more to do.
    ASSERT_TRUE(bus.finish(job));
    bus.run_round();
    RetainedView after;
    const auto nothing = restore({.store = &bus.store,
                                  .log = bus.log,
                                  .retained = after,
                                  .read_step = [&] { return bus.log.read_step(); },
                                  .adopt = [](session::StoredSession&&) {}});
    ASSERT_TRUE(nothing.has_value());
    EXPECT_TRUE(nothing->erasures.empty());
    EXPECT_EQ(after.count(), 0u);
}

TEST(EraseJob, RefusesWhatItCannotKeep) {
    EraseBus bus;
    struct Row {
        EraseOrder order;
        const char* why;
    };
    const Row rows[] = {
        {{.seqs = {Seq{1'000}}}, "yet"},
        {{.filter = "#", .from = {.seq = Seq{9}}, .to = {.seq = Seq{8}}}, "between"},
    };
    for (const Row& row : rows) {
        EraseJob job{bus.parts, row.order};
        EXPECT_EQ(job.step(bus.clock.monotonic()), Step::done);
        EXPECT_NE(job.progress().refused.find(row.why), std::string::npos);
        EXPECT_TRUE(bus.erasures.all().empty());
    }
    // A disk that takes nothing durable.
    bus.files.set_faults({.writes_to_fail = 1'000, .creates_to_fail = 1'000});
    Peer publisher = bus.connect("publisher");
    publisher.publishes("a", "lost", mqtt::Qos::at_most_once);
    ASSERT_FALSE(bus.log.takes_durable());
    EraseJob job{bus.parts, {.filter = "#"}};
    EXPECT_EQ(job.step(bus.clock.monotonic()), Step::done);
    EXPECT_NE(job.progress().refused.find("disk"), std::string::npos);
}

TEST(EraseJob, TriesAgainWhatFailed) {
    EraseBus bus;
    Peer publisher = bus.connect("publisher");
    publisher.publishes("s", "SECRET", mqtt::Qos::at_least_once, 1);
    EraseJob job{bus.parts, {.filter = "s"}};
    bus.order(job);
    bus.files.set_faults({.creates_to_fail = 1});
    bus.store.faults().writes_to_fail = 1;
    bool has_failed = false;
    bool is_done = false;
    for (int i = 0; i < 10'000 && !is_done; ++i) {
        const Step step = job.step(bus.clock.monotonic());
        is_done = step == Step::done;
        has_failed = has_failed || !job.progress().problem.empty();
        if (step == Step::waits) {
            bus.advance(Microseconds{100'000});
            bus.keep_house();
        }
    }
    EXPECT_TRUE(is_done);
    EXPECT_TRUE(has_failed);
    EXPECT_FALSE(bus.has_in_files("SECRET"));
}

TEST(EraseJob, WorksWhereNothingIsKept) {
    EraseBus bus{false};
    Peer publisher = bus.connect("publisher");
    publisher.publishes("s", "SECRET", mqtt::Qos::at_most_once, 0, true);
    EraseJob job{bus.parts, {.filter = "s"}};
    ASSERT_TRUE(bus.finish(job));
    Peer reader = bus.connect("reader");
    reader.subscribes("#");
    EXPECT_THAT(reader.take_payloads(), IsEmpty());
}

}  // namespace
}  // namespace firehose::bus::testing
