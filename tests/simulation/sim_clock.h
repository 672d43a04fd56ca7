// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "base/time.h"
#include "base/waker.h"
#include "simulation/figures.h"

/// Time that passes only when the simulation says so, and a waker for where nobody sleeps.
///
/// The wall clock sometimes steps, back and forward, by up to a minute (rule **Clocks**).
/// Threads: the simulation's one.
namespace firehose::simulation {

class SimClock final : public Clock {
public:
    SimClock(Random& random, Figures& figures) : random_(random), figures_(figures) {}

    [[nodiscard]] MonotonicTime monotonic() noexcept override { return now_; }
    [[nodiscard]] WallTime wall() noexcept override {
        return WallTime{Microseconds{1'700'000'000'000'000} + now_.since_start + wall_step_};
    }
    void pass() noexcept {
        now_ = now_ + Microseconds{1 + random_.below(2'000)};
        if (random_.below(2'000) == 0) step_wall();
    }
    /// Nothing happens for a while.
    void leap(Microseconds by) noexcept { now_ = now_ + by; }

private:
    void step_wall() noexcept {
        const Microseconds by{random_.below(60'000'000)};
        const bool is_back = random_.chance(50);
        wall_step_ += is_back ? -by : by;
        figures_.add(is_back ? Counted::clock_back : Counted::clock_forward);
    }

    Random& random_;
    Figures& figures_;
    MonotonicTime now_{Microseconds{1'000'000}};
    Microseconds wall_step_{0};
};

/// The scheduler looks everywhere anyway.
class NoWaker final : public Waker {
public:
    void wake() noexcept override {}
};

}  // namespace firehose::simulation
