// SPDX-License-Identifier: Apache-2.0
// Goal:   jobs run one after another on the housekeeper's thread, piece by piece, while the rest
//         goes on; nothing is sealed meanwhile; a stop ends a job between two pieces.
// Method: the real threads over a log on files in memory; a latch instead of sleeping.
#include "app/housekeeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "bus/memory_view_store.h"
#include "log/memory_file.h"

namespace firehose::app {
namespace {

/// Answers at once, with nothing to write.
class IdleShard final : public Waker {
public:
    void wake() noexcept override { box.answer({.true_for = Seq{1}, .tail = Seq{1}}); }
    bus::SessionRowsBox box{*this};
};

class HousekeeperTest : public ::testing::Test {
protected:
    SystemClock clock_;
    log::MemoryFileSystem files_;
    log::SegmentLog log_{{.mode = log::LogMode::disk}, files_, clock_, log::KeptLog{.log_id = 1}};
    bus::RetainedView retained_;
    bus::MemoryViewStore store_;
    IdleShard shard_;
    Housekeeper housekeeper_{log_, clock_};
    bus::Housekeeping housekeeping_{{.checkpoint_interval = Microseconds{1'000}},
                                    log_,
                                    store_,
                                    retained_,
                                    {&shard_.box},
                                    housekeeper_.waker()};
};

TEST_F(HousekeeperTest, RunsJobsInOrderPieceByPiece) {
    housekeeper_.start(&housekeeping_);
    std::vector<int> pieces;
    std::promise<void> done;
    ASSERT_TRUE(housekeeper_.post([&] {
        pieces.push_back(1);
        return pieces.size() < 3;
    }));
    ASSERT_TRUE(housekeeper_.post([&] {
        pieces.push_back(2);
        done.set_value();
        return false;
    }));
    done.get_future().wait();
    housekeeper_.stop();
    EXPECT_EQ(pieces, (std::vector<int>{1, 1, 1, 2}));
}

TEST_F(HousekeeperTest, RoundsGoOnWhileAJobTakesItsTime) {
    housekeeper_.start(&housekeeping_);
    std::promise<void> done;
    ASSERT_TRUE(housekeeper_.post([&] {  // On the housekeeper's thread, as the rounds are.
        if (housekeeping_.checkpointer().figures().rounds_total < 3) return true;
        done.set_value();
        return false;
    }));
    done.get_future().wait();
    housekeeper_.stop();
}

TEST_F(HousekeeperTest, StopsBetweenTwoPieces) {
    housekeeper_.start(nullptr);
    std::atomic<int> pieces{0};
    std::promise<void> begun;
    ASSERT_TRUE(housekeeper_.post([&] {
        if (++pieces == 1) begun.set_value();
        return true;
    }));
    begun.get_future().wait();
    housekeeper_.stop();
    EXPECT_FALSE(housekeeper_.post([] { return false; }));
}

TEST_F(HousekeeperTest, RefusesMoreJobsThanMayWait) {
    std::size_t taken = 0;
    while (taken < 100 && housekeeper_.post([] { return false; })) ++taken;
    EXPECT_EQ(taken, Housekeeper::kJobsMax);
}

TEST_F(HousekeeperTest, SealsClosedSegments) {
    struct Nobody final : Waker {
        void wake() noexcept override {}
    } nobody;
    const log::AppenderId appender = log_.add_appender(nobody);
    const std::string payload(1 << 20, 'x');
    for (int i = 0; i < 70; ++i) {
        log::BlockBuilder builder;
        builder.add({.topic = "t", .payload = as_bytes(payload)});
        static_cast<void>(log_.append(appender, builder.take()));
        while (log_.write_step()) continue;
    }
    housekeeper_.start(&housekeeping_);
    while (!files_.number_of(log::segment_name(1, true))) std::this_thread::yield();
    housekeeper_.stop();
}

}  // namespace
}  // namespace firehose::app
