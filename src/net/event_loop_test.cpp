// SPDX-License-Identifier: Apache-2.0
// Goal:   a turn runs what it should, in order; no wake-up is lost; stale events reach nobody.
// Method: an injected clock and single turns for timers; pipes for events; a real second thread
//         for wake-ups (the same test runs under TSan).
#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <thread>

namespace firehose::net {
namespace {

using namespace std::chrono_literals;

class FakeClock final : public Clock {
public:
    MonotonicTime monotonic() noexcept override { return time; }
    WallTime wall() noexcept override { return {}; }
    MonotonicTime time{1'000'000us};
};

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        reader = FileDescriptor{ends[0]};
        writer = FileDescriptor{ends[1]};
    }
    void put() const { EXPECT_EQ(::write(writer.get(), "x", 1), 1); }
    FileDescriptor reader;
    FileDescriptor writer;
};

class Recorder final : public EventSource {
public:
    void on_events(std::uint32_t) override {
        ++calls;
        if (then) then();
    }
    int calls = 0;
    std::function<void()> then;
};

class EventLoopTest : public ::testing::Test {
protected:
    EventLoopTest() : loop_(std::move(*EventLoop::create(clock_))) {}

    void turn(Microseconds passed = 0us) {
        clock_.time = clock_.time + passed;
        loop_->run_turn(0us);
    }

    FakeClock clock_;
    std::unique_ptr<EventLoop> loop_;
    std::string log_;
};

TEST_F(EventLoopTest, RunsTimersInOrderOfTimeThenOfArming) {
    loop_->after(20ms, [&] { log_ += "c"; });
    loop_->after(10ms, [&] { log_ += "a"; });
    loop_->after(10ms, [&] { log_ += "b"; });
    turn(9'999us);
    EXPECT_EQ(log_, "");
    turn(1us);
    EXPECT_EQ(log_, "ab");
    turn(1h);
    EXPECT_EQ(log_, "abc");
}

TEST_F(EventLoopTest, CancelsATimerEvenFromOneThatIsDueWithIt) {
    TimerId second;
    loop_->after(1ms, [&] {
        log_ += "a";
        EXPECT_TRUE(loop_->cancel(second));
    });
    second = loop_->after(1ms, [&] { log_ += "b"; });
    turn(5ms);
    turn(5ms);
    EXPECT_EQ(log_, "a");
    EXPECT_FALSE(loop_->cancel(second));
    EXPECT_FALSE(loop_->cancel(TimerId{}));
}

TEST_F(EventLoopTest, ATimerForNowRunsInTheNextTurnSoThatATurnEnds) {
    std::function<void()> again = [&] {
        log_ += "x";
        loop_->after(0us, again);
    };
    loop_->after(0us, again);
    turn();
    EXPECT_EQ(log_, "x");
    turn();
    EXPECT_EQ(log_, "xx");
}

TEST_F(EventLoopTest, TimeNeverGoesBackwards) {
    const MonotonicTime before = loop_->now();
    turn(-1s);
    EXPECT_EQ(loop_->now(), before);
}

TEST_F(EventLoopTest, ATurnIsBeginEventsTimersPostedEnd) {
    loop_->set_turn_hooks(
        {.on_turn_begin = [&] { log_ += "("; }, .on_turn_end = [&] { log_ += ")"; }});
    Pipe pipe;
    Recorder source;
    source.then = [&] { log_ += "e"; };
    const SourceId id = loop_->add(pipe.reader.get(), EPOLLIN, source);
    pipe.put();
    loop_->after(0us, [&] { log_ += "t"; });
    ASSERT_TRUE(loop_->post([&] { log_ += "p"; }));
    turn();
    EXPECT_EQ(log_, "(etp)");
    loop_->remove(id, pipe.reader.get());
}

TEST_F(EventLoopTest, WhatIsPostedIsBounded) {
    for (std::size_t i = 0; i < EventLoop::kPostedMax; ++i) ASSERT_TRUE(loop_->post([] {}));
    EXPECT_FALSE(loop_->post([] {}));
    turn();
    EXPECT_TRUE(loop_->post([] {}));
}

TEST_F(EventLoopTest, MarkedReadyIsHeardNextTurnWithoutTheKernel) {
    Pipe pipe;
    Recorder source;
    const SourceId id = loop_->add(pipe.reader.get(), EPOLLIN, source);
    loop_->mark_ready(id, EPOLLIN);
    turn();
    turn();
    EXPECT_EQ(source.calls, 1);
    loop_->remove(id, pipe.reader.get());
}

TEST_F(EventLoopTest, AnEventOfThisTurnDoesNotReachWhoTookOverTheSlotAndDescriptor) {
    // Both pipes are ready in one turn. Whichever source hears first removes the other, closes its
    // descriptor, and registers a third source that gets the same slot and the same descriptor.
    Pipe pipes[2];
    Recorder sources[2];
    Recorder heir;
    std::array<SourceId, 2> ids;
    std::optional<SourceId> heir_id;
    Pipe silent;
    int reused = -1;
    for (std::size_t i = 0; i < 2; ++i) {
        ids[i] = loop_->add(pipes[i].reader.get(), EPOLLIN, sources[i]);
        sources[i].then = [&, i] {
            const std::size_t other = 1 - i;
            reused = pipes[other].reader.get();
            loop_->remove(ids[other], reused);
            pipes[other].reader.reset();
            const int copy = ::dup(silent.reader.get());
            ASSERT_EQ(copy, reused);
            pipes[other].reader = FileDescriptor{copy};
            heir_id = loop_->add(copy, EPOLLIN, heir);
            EXPECT_EQ(heir_id->slot, ids[other].slot);
            EXPECT_FALSE(loop_->is_registered(ids[other]));
        };
        pipes[i].put();
    }
    turn();
    EXPECT_EQ(sources[0].calls + sources[1].calls, 1);
    EXPECT_EQ(heir.calls, 0);
    ASSERT_TRUE(heir_id);
    silent.put();
    sources[0].then = sources[1].then = {};
    turn();
    EXPECT_EQ(heir.calls, 1);
}

TEST_F(EventLoopTest, ASignalIsACallback) {
    ASSERT_TRUE(loop_->on_signal(SIGUSR1, [&] { log_ += "1"; }));
    ASSERT_TRUE(loop_->on_signal(SIGUSR2, [&] { log_ += "2"; }));
    ::pthread_kill(::pthread_self(), SIGUSR2);
    turn();
    EXPECT_EQ(log_, "2");
    ::pthread_kill(::pthread_self(), SIGUSR1);
    turn();
    EXPECT_EQ(log_, "21");
}

TEST_F(EventLoopTest, HasWorkKeepsTheLoopFromSleeping) {
    int asked = 0;
    loop_->set_turn_hooks({.has_work = [&] { return ++asked == 1; }});
    loop_->run_turn(-1us);  // Would sleep for ever.
    EXPECT_EQ(asked, 1);
}

TEST_F(EventLoopTest, WakeOnTheOwnThreadAsksForOneMoreTurn) {
    loop_->wake();
    loop_->run_turn(-1us);
    EXPECT_TRUE(loop_->is_current());
}

TEST(EventLoopThreads, NoWakeUpOfAHundredThousandIsLost) {
    // The other thread waits until the loop has seen what it was woken for: one lost wake-up would
    // hang here for ever.
    constexpr int kSteps = 100'000;
    SystemClock clock;
    const std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    loop->set_turn_hooks({.on_turn_end = [&] {
        const int seen = asked.load();
        answered.store(seen);
        answered.notify_one();
        if (seen == kSteps) loop->stop();
    }});
    std::thread other{[&] {
        for (int step = 1; step <= kSteps; ++step) {
            asked.store(step, std::memory_order_relaxed);
            loop->wake();
            // Seven of eight steps follow at once, so that some wake-ups find the loop awake.
            if (step % 8 != 0) continue;
            for (int seen = answered.load(); seen < step; seen = answered.load()) {
                answered.wait(seen);
            }
        }
    }};
    loop->run();
    other.join();
    EXPECT_EQ(answered.load(), kSteps);
}

TEST(EventLoopThreads, PostedFromTwoThreadsAllRunAndInOrderPerThread) {
    constexpr int kEach = 20'000;
    SystemClock clock;
    const std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
    std::array<int, 2> last{};
    int disorder = 0;
    const auto poster = [&](std::size_t which) {
        for (int i = 1; i <= kEach; ++i) {
            const auto step = [&, which, i] {
                if (last[which] != i - 1) ++disorder;
                last[which] = i;
                if (last[0] == kEach && last[1] == kEach) loop->stop();
            };
            while (!loop->post(step)) std::this_thread::yield();
        }
    };
    std::thread first{poster, 0};
    std::thread second{poster, 1};
    loop->run();
    first.join();
    second.join();
    EXPECT_EQ(disorder, 0);
    EXPECT_EQ(last[0] + last[1], 2 * kEach);
}

}  // namespace
}  // namespace firehose::net
