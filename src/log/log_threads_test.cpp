// SPDX-License-Identifier: Apache-2.0
// Goal:   under real threads every reader sees every record once and in order, from memory and
//         from disk, and stopping writes what is left.
// Method: two appenders and two readers on threads of their own over real unlinked files, a small
//         memory window; readers sleep only on their waker. Also built with TSan.
#include "log/log_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "log/log_test_support.h"
#include "log/posix_file.h"

namespace firehose::log {
namespace {

class SleepingWaker final : public Waker {
public:
    void wake() noexcept override {
        {
            const std::scoped_lock lock{mutex_};
            is_called_ = true;
        }
        condition_.notify_one();
    }
    void sleep() {
        std::unique_lock lock{mutex_};
        condition_.wait(lock, [this] { return is_called_; });
        is_called_ = false;
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool is_called_ = false;
};

constexpr int kBlocks = 300;  // Of each appender.
constexpr std::size_t kAppenders = 2;

/// Follows the log from its start until it has seen everything; checks order on the way.
void follow(SegmentLog& log, ReaderId id, SleepingWaker& waker, Seq from) {
    std::size_t seen = 0;
    int last[kAppenders] = {-1, -1};
    const auto look = [&](const std::vector<BlockRef>& blocks) {
        for (const BlockRef& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                const Record record = block->record(i);
                const auto who = static_cast<std::size_t>(record.topic.at(0) - '0');
                ASSERT_EQ(std::stoi(std::string{as_text(record.payload)}), ++last[who]);
                ++seen;
            }
            ASSERT_GE(block->first_seq(), from);
            from = block->end_seq();
        }
    };
    while (seen < kAppenders * kBlocks * 2) {
        std::vector<BlockRef> blocks;
        const ReadStatus status = log.read(from, 10'000, blocks);
        ASSERT_NE(status, ReadStatus::too_old);
        if (status == ReadStatus::not_in_memory) {
            ASSERT_TRUE(log.request(id, from, 10'000, 1));
            std::vector<ReadAnswer> answers;
            while ((answers = log.take_answers(id)).empty()) waker.sleep();
            ASSERT_EQ(answers.at(0).status, ReadStatus::blocks);
            blocks = std::move(answers.at(0).blocks);
        } else if (status == ReadStatus::at_end) {
            waker.sleep();
        }
        look(blocks);
        if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(LogThreads, EveryReaderSeesEveryRecordOnceAndInOrder) {
    SystemClock clock;
    PosixFileSystem files{testing::TempDir()};
    SegmentLog log{{.memory_bytes = 4'000, .segment_bytes = 16'000}, files, clock};
    const Seq start = log.end();
    SleepingWaker wakers[kAppenders * 2];
    LogThreads threads{log, 2};
    threads.start();

    std::vector<std::thread> actors;
    for (std::size_t reader = 0; reader < 2; ++reader) {
        SleepingWaker& waker = wakers[kAppenders + reader];
        actors.emplace_back(follow, std::ref(log), log.add_reader(waker), std::ref(waker), start);
    }
    for (std::size_t who = 0; who < kAppenders; ++who) {
        const AppenderId id = log.add_appender(wakers[who]);
        actors.emplace_back([&log, &waker = wakers[who], id, who] {
            const std::string topic = std::to_string(who);
            std::vector<Outcome> outcomes;
            for (int i = 0; i < kBlocks; ++i) {
                BlockBuilder builder;
                for (int n = 2 * i; n < 2 * i + 2; ++n) {
                    const std::string payload = std::to_string(n);
                    builder.add({.topic = topic, .payload = as_bytes(payload)});
                }
                while (log.is_full()) waker.sleep();
                EXPECT_EQ(log.append(id, builder.take()), Ticket{static_cast<unsigned>(i) + 1u});
                log.take_outcomes(id, outcomes);
            }
            EXPECT_EQ(outcomes.size(), 2u * kBlocks);
        });
    }
    for (std::thread& actor : actors) actor.join();
    threads.stop();
    EXPECT_EQ(log.metrics().unwritten_bytes, 0u);
    EXPECT_LE(log.metrics().memory_bytes, 4'000u);
    EXPECT_EQ(log.metrics().records_total, kAppenders * kBlocks * 2u);
}

TEST(LogThreads, StopsAtOnceWhenNothingHappens) {
    SystemClock clock;
    PosixFileSystem files{testing::TempDir()};
    SegmentLog log{{}, files, clock};
    LogThreads threads{log};
    threads.start();
    threads.stop();
}

}  // namespace
}  // namespace firehose::log
