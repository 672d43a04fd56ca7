// SPDX-License-Identifier: Apache-2.0
// Goal:   the bus keeps its promises in every order of events: nothing acknowledged is lost, first
//         deliveries are in order and once, retained values are the last ones.
// Method: the real shard, log and clients under a seeded scheduler (world.h), compared with what
//         the log holds. `simulation --seed N --seeds K --steps M [--break WHAT] [--verbose]`; a
//         failure names its seed, and the same seed fails again.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include "simulation/world.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using namespace firehose::simulation;

std::uint64_t seed_at_work = 0;

/// An assertion or a sanitizer ends the program: say where.
void name_seed() {
    std::fprintf(stderr, "simulation: died at seed %lu\n", seed_at_work);
}

struct Arguments {
    std::uint64_t seed = 1;
    std::uint64_t seeds = 1;
    int steps = 5'000;
    Break broken = Break::nothing;
    bool is_verbose = false;
};

[[nodiscard]] bool read_arguments(int count, char** words, Arguments& out) {
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--verbose") {
            out.is_verbose = true;
            continue;
        }
        if (i + 1 == count) return false;
        const char* value = words[++i];
        if (word == "--seed") {
            out.seed = std::strtoull(value, nullptr, 10);
        } else if (word == "--seeds") {
            out.seeds = std::strtoull(value, nullptr, 10);
        } else if (word == "--steps") {
            out.steps = std::atoi(value);
        } else if (word == "--break") {
            const auto broken = break_named(value);
            if (!broken) return false;
            out.broken = *broken;
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    Arguments arguments;
    if (!read_arguments(count, words, arguments)) {
        std::cerr << "usage: simulation [--seed N] [--seeds K] [--steps M] [--verbose]\n"
                     "                  [--break drop|twice|swap|retained]\n";
        return 2;
    }
    std::signal(SIGABRT, [](int) { name_seed(); });
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(name_seed);

    Figures sum;
    for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
        seed_at_work = arguments.seed + i;
        World world{
            {.seed = seed_at_work, .broken = arguments.broken, .is_verbose = arguments.is_verbose}};
        if (const auto problem = world.run(arguments.steps)) {
            std::cerr << "simulation: seed " << seed_at_work << ": " << *problem
                      << "\nagain: simulation --seed " << seed_at_work << " --steps "
                      << arguments.steps << " --verbose\n";
            return 1;
        }
        sum.add(world.figures());
    }
    std::cout << "simulation: " << arguments.seeds << " seeds from " << arguments.seed
              << ": all promises kept\n";
    for (std::size_t i = 0; i < kCountedCount; ++i) {
        const auto what = static_cast<Counted>(i);
        std::cout << "  " << name(what) << " " << sum[what] << "\n";
    }
    return 0;
}
