// SPDX-License-Identifier: Apache-2.0
// Goal:   the bus keeps its promises in every order of events, over stops, kills and power cuts:
//         nothing acknowledged is lost, first deliveries are in order and once, retained values
//         are the last ones.
// Method: the real shard, log and clients under a seeded scheduler (world.h), compared with what
//         the log holds; usage below. A failure names its seed, and the same seed fails again.
//         With --demand it is a failure too if something that is to be tried never happened.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

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
    std::uint64_t jobs = 1;
    int steps = 5'000;
    Break broken = Break::nothing;
    const char* log = nullptr;
    bool is_demanding = false;
    bool is_verbose = false;
    bool goes_on = false;  // After a seed that failed.
};

constexpr std::string_view kUsage =
    "usage: simulation [--seed N] [--seeds K] [--steps M] [--jobs J] [--log FILE] [--demand]\n"
    "                  [--all] [--verbose] [--break drop|twice|swap|retained|\n"
    "                                       share-drop|share-twice|\n"
    "                                       no-fsync|early-ack|cursor|seq-twice|pubrel]\n"
    "  --jobs    processes that share the seeds\n"
    "  --all     goes on after a seed that failed\n"
    "  --log     a line on what was run and found is appended to the file\n"
    "  --demand  everything that is counted must have happened\n";

[[nodiscard]] bool read_arguments(int count, char** words, Arguments& out) {
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--verbose" || word == "--demand" || word == "--all") {
            out.is_verbose |= word == "--verbose";
            out.is_demanding |= word == "--demand";
            out.goes_on |= word == "--all";
            continue;
        }
        if (i + 1 == count) return false;
        const char* value = words[++i];
        if (word == "--seed") {
            out.seed = std::strtoull(value, nullptr, 10);
        } else if (word == "--seeds") {
            out.seeds = std::strtoull(value, nullptr, 10);
        } else if (word == "--jobs") {
            out.jobs = std::max<std::uint64_t>(1, std::strtoull(value, nullptr, 10));
        } else if (word == "--steps") {
            out.steps = std::atoi(value);
        } else if (word == "--log") {
            out.log = value;
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

/// Every `jobs`th seed from the `first` on; figures of each go to `out`. False: one failed.
[[nodiscard]] bool play(const Arguments& arguments, std::uint64_t first, int out) {
    bool is_kept = true;
    for (std::uint64_t i = first; i < arguments.seeds; i += arguments.jobs) {
        seed_at_work = arguments.seed + i;
        World world{
            {.seed = seed_at_work, .broken = arguments.broken, .is_verbose = arguments.is_verbose}};
        if (const auto problem = world.run(arguments.steps)) {
            std::cerr << "simulation: seed " << seed_at_work << ": " << *problem
                      << "\nagain: simulation --seed " << seed_at_work << " --steps "
                      << arguments.steps << " --verbose\n";
            is_kept = false;
            if (!arguments.goes_on) return false;
            continue;
        }
        const Figures figures = world.figures();
        if (::write(out, &figures, sizeof figures) != sizeof figures) return false;
    }
    return is_kept;
}

struct Sum {
    Figures figures;
    std::uint64_t seeds = 0;
    bool has_failed = false;
};

/// The seeds in `jobs` processes: a sanitizer that ends one of them ends no other's seed unseen.
[[nodiscard]] Sum play_all(const Arguments& arguments) {
    Sum sum;
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) return {.has_failed = true};
    std::vector<pid_t> jobs;
    for (std::uint64_t first = 0; first < arguments.jobs; ++first) {
        const pid_t job = ::fork();
        if (job == 0) {
            ::close(pipe[0]);
            const bool is_kept = play(arguments, first, pipe[1]);
            std::cout.flush();
            std::_Exit(is_kept ? 0 : 1);
        }
        jobs.push_back(job);
    }
    ::close(pipe[1]);
    const bool is_watched = ::isatty(STDERR_FILENO) != 0;
    Figures one;  // Smaller than PIPE_BUF: each is read whole.
    while (::read(pipe[0], &one, sizeof one) == sizeof one) {
        sum.figures.add(one);
        ++sum.seeds;
        if (is_watched) std::fprintf(stderr, "\r%lu of %lu seeds", sum.seeds, arguments.seeds);
    }
    if (is_watched) std::fputs("\r\033[K", stderr);
    ::close(pipe[0]);
    for (const pid_t job : jobs) {
        int status = 0;
        if (job < 0 || ::waitpid(job, &status, 0) != job || status != 0) sum.has_failed = true;
    }
    return sum;
}

void write_log(const Arguments& arguments, const Sum& sum, bool is_kept) {
    std::FILE* file = std::fopen(arguments.log, "a");
    if (file == nullptr) {
        std::perror(arguments.log);
        return;
    }
    std::fprintf(
        file, "seeds %lu to %lu, %d steps: %lu played, %s; %lu kills, %lu power cuts, %lu stops\n",
        arguments.seed, arguments.seed + arguments.seeds - 1, arguments.steps, sum.seeds,
        is_kept ? "all promises kept" : "FAILED", sum.figures[Counted::kills],
        sum.figures[Counted::power_cuts], sum.figures[Counted::clean_stops]);
    std::fclose(file);
}

}  // namespace

int main(int count, char** words) {
    Arguments arguments;
    if (!read_arguments(count, words, arguments)) {
        std::cerr << kUsage;
        return 2;
    }
    std::signal(SIGABRT, [](int) { name_seed(); });
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(name_seed);

    const Sum sum = play_all(arguments);
    bool is_kept = !sum.has_failed && sum.seeds == arguments.seeds;
    if (is_kept) {
        std::cout << "simulation: " << arguments.seeds << " seeds from " << arguments.seed
                  << ": all promises kept\n";
    }
    for (std::size_t i = 0; i < kCountedCount && is_kept; ++i) {
        const auto what = static_cast<Counted>(i);
        std::cout << "  " << name(what) << " " << sum.figures[what] << "\n";
    }
    for (std::size_t i = 0; i < kCountedCount && arguments.is_demanding; ++i) {
        const auto what = static_cast<Counted>(i);
        if (sum.figures[what] != 0) continue;
        std::cerr << "simulation: never tried: " << name(what) << "\n";
        is_kept = false;
    }
    if (arguments.log != nullptr) write_log(arguments, sum, is_kept);
    return is_kept ? 0 : 1;
}
