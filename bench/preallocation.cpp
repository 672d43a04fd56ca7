// SPDX-License-Identifier: Apache-2.0
// Goal:   what a group commit costs on a file that grows, on one with room from fallocate, and on
//         one whose room was written with zeros (docs/adr: the room of a segment).
// Method: the ways take turns, --batches appends and fdatasyncs each, in a shuffled order every
//         round, in files of --folder, for each of the sizes; latencies of all rounds together, and
//         what making the room took, in steps of 1 MiB.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "process_cpu.h"

namespace firehose::bench {
namespace {

enum class Way : std::uint8_t { grow, keep_size, fallocate, zeros };
constexpr std::array kWays{Way::grow, Way::keep_size, Way::fallocate, Way::zeros};

[[nodiscard]] const char* name_of(Way way) {
    switch (way) {
        case Way::grow:
            return "grow";
        case Way::keep_size:
            return "fallocate, size kept";
        case Way::fallocate:
            return "fallocate";
        case Way::zeros:
            return "zeros";
    }
    return "";
}

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "preallocation: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

void make_room(int file, Way way, std::uint64_t bytes) {
    const auto room = static_cast<off_t>(bytes);
    switch (way) {
        case Way::grow:
            break;
        case Way::keep_size:
            if (::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, room) != 0) give_up("fallocate");
            break;
        case Way::fallocate:
            if (::fallocate(file, 0, 0, room) != 0) give_up("fallocate");
            break;
        case Way::zeros: {
            const std::string zeros(std::size_t{1} << 20, '\0');
            for (off_t at = 0; at < room; at += static_cast<off_t>(zeros.size())) {
                const auto count =
                    std::min<std::uint64_t>(zeros.size(), bytes - static_cast<std::uint64_t>(at));
                if (::pwrite(file, zeros.data(), count, at) != static_cast<ssize_t>(count))
                    give_up("zeros");
            }
            break;
        }
    }
    if (::fsync(file) != 0) give_up("fsync");
}

struct Series {
    std::vector<double> sync_us;  // Append and fdatasync.
    double room_s = 0;
    double seconds = 0;
    double cpu_s = 0;
};

void run_turn(const std::string& path, Way way, std::size_t batch_bytes, unsigned batches,
              std::uint64_t room, Series& series) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0) give_up(path.c_str());
    double start = now_s();
    make_room(file, way, room);
    series.room_s += now_s() - start;
    const std::string batch(batch_bytes, 'x');
    off_t at = 0;
    const double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    const double turn = now_s();
    for (unsigned i = 0; i < batches; ++i) {
        start = now_s();
        if (::pwrite(file, batch.data(), batch.size(), at) != static_cast<ssize_t>(batch.size()))
            give_up("write");
        if (::fdatasync(file) != 0) give_up("fdatasync");
        series.sync_us.push_back((now_s() - start) * 1e6);
        at += static_cast<off_t>(batch.size());
    }
    series.seconds += now_s() - turn;
    series.cpu_s += seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
    ::close(file);
    ::unlink(path.c_str());
}

[[nodiscard]] double quantile(const std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

}  // namespace
}  // namespace firehose::bench

int main(int argc, char** argv) {
    using namespace firehose::bench;  // NOLINT: a benchmark is one page.
    std::string folder = ".";
    unsigned rounds = 8;
    unsigned batches = 400;
    std::uint64_t room_mib = 64;
    std::vector<std::size_t> sizes{320, 4'096, 65'536};
    CLI::App app{"fdatasync on a growing, an allocated and a zeroed file"};
    app.add_option("--folder", folder);
    app.add_option("--rounds", rounds);
    app.add_option("--batches", batches);
    app.add_option("--room-mib", room_mib, "Room made before the first batch");
    app.add_option("--sizes", sizes, "Bytes of a batch");
    CLI11_PARSE(app, argc, argv);

    firehose::Random random{1};
    std::printf("%8s  %-22s %9s %9s %9s %10s %9s %12s\n", "bytes", "way", "p50 us", "p90 us",
                "p99 us", "batches/s", "cpu us", "room ms");
    for (const std::size_t size : sizes) {
        const std::uint64_t room =
            std::max<std::uint64_t>(room_mib << 20U, std::uint64_t{size} * batches);
        std::array<Series, kWays.size()> all;
        std::array<std::size_t, kWays.size()> order{};
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        for (unsigned round = 0; round < rounds; ++round) {
            for (std::size_t i = order.size(); i > 1; --i)
                std::swap(order[i - 1], order[random.below(i)]);
            for (const std::size_t way : order) {
                const std::string path = folder + "/preallocation-" + std::to_string(::getpid());
                run_turn(path, kWays[way], size, batches, room, all[way]);
            }
        }
        for (std::size_t i = 0; i < kWays.size(); ++i) {
            Series& series = all[i];
            std::sort(series.sync_us.begin(), series.sync_us.end());
            const auto count = static_cast<double>(series.sync_us.size());
            std::printf("%8zu  %-22s %9.0f %9.0f %9.0f %10.0f %9.1f %12.1f\n", size,
                        name_of(kWays[i]), quantile(series.sync_us, 0.5),
                        quantile(series.sync_us, 0.9), quantile(series.sync_us, 0.99),
                        count / series.seconds, series.cpu_s * 1e6 / count,
                        series.room_s * 1e3 / rounds);
        }
    }
}
