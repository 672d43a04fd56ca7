// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "base/time.h"
#include "base/waker.h"

/// Time that passes only when the simulation says so, and a waker for where nobody sleeps.
///
/// The wall clock sometimes steps back by up to a second (rule **Clocks**).
/// Threads: the simulation's one.
namespace firehose::simulation {

class SimClock final : public Clock {
public:
    explicit SimClock(Random& random) : random_(random) {}

    [[nodiscard]] MonotonicTime monotonic() noexcept override { return now_; }
    [[nodiscard]] WallTime wall() noexcept override {
        return WallTime{Microseconds{1'700'000'000'000'000} + now_.since_start + wall_step_};
    }
    void pass() noexcept {
        now_ = now_ + Microseconds{1 + random_.below(2'000)};
        if (random_.below(1'000) == 0) wall_step_ = -Microseconds{random_.below(1'000'000)};
    }

private:
    Random& random_;
    MonotonicTime now_{Microseconds{1'000'000}};
    Microseconds wall_step_{0};
};

/// The scheduler looks everywhere anyway.
class NoWaker final : public Waker {
public:
    void wake() noexcept override {}
};

}  // namespace firehose::simulation
