// SPDX-License-Identifier: Apache-2.0
// Goal:   clients that misbehave by the thousand do not disturb honest ones, nor grow the bus.
// Method: rounds with and without the crowd, in turn, beside the same honest load; medians. The
//         crowd is a process of its own, made anew for each round, in a network namespace if told.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "honest.h"
#include "misbehaving.h"

namespace {

using namespace firehose;
using namespace firehose::crowd;

constexpr int kConnectPatienceMs = 60'000;
constexpr Microseconds kAftermath = std::chrono::seconds{2};

struct Options {
    Target honest_to{.address = "127.0.0.1"};
    Target crowd_to;
    std::size_t count = 10'000;
    std::size_t readers = 100;
    unsigned rate = 50;
    unsigned rounds = 9;
    unsigned seconds = 10;
    std::string user;
    std::string password;
    std::string network;  // A namespace of `ip netns`.
    std::vector<std::string> from;
    pid_t server = 0;
    double ratio_max = 2;
    double ms_max = 5;
    std::uint64_t mib_max = 0;  // Resident memory and sockets; 0: not judged.
};

/// What the server and all sockets take, in KiB.
struct Memory {
    std::uint64_t resident = 0;
    std::uint64_t sockets = 0;
};

std::uint64_t field_after(const std::string& path, const std::string& line_begin,
                          const std::string& name) {
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(line_begin)) continue;
        std::istringstream words{line};
        for (std::string word; words >> word;) {
            std::uint64_t value = 0;
            if (word == name && words >> value) return value;
        }
    }
    return 0;
}

Memory memory_of(pid_t server) {
    const auto page_kib = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1'024;
    return {
        .resident = field_after("/proc/" + std::to_string(server) + "/status", "VmRSS:", "VmRSS:"),
        .sockets = field_after("/proc/net/sockstat", "TCP:", "mem") * page_kib};
}

/// A process with the crowd; ends with its object.
class CrowdProcess {
public:
    explicit CrowdProcess(const Options& options) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) std::exit(1);
        child_ = ::fork();
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            enter(options.network);
            Misbehaving{{.to = options.crowd_to,
                         .count = options.count,
                         .from = options.from,
                         .ready_pipe = ends[1]}}
                .run();
        }
        ::close(ends[1]);
        pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
        char told = 0;
        const bool is_ready =
            ::poll(&ready, 1, kConnectPatienceMs) == 1 && ::read(ends[0], &told, 1) == 1;
        ::close(ends[0]);
        if (is_ready) return;
        std::fprintf(stderr, "crowd: it did not come together\n");
        std::exit(1);
    }
    ~CrowdProcess() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    CrowdProcess(const CrowdProcess&) = delete;
    CrowdProcess& operator=(const CrowdProcess&) = delete;

private:
    static void enter(const std::string& network) {
        if (network.empty()) return;
        const int found = ::open(("/var/run/netns/" + network).c_str(), O_RDONLY | O_CLOEXEC);
        if (found < 0 || ::setns(found, CLONE_NEWNET) != 0) {
            std::perror("crowd: the network namespace");
            std::exit(1);
        }
    }

    pid_t child_ = -1;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void print(const char* name, unsigned number, const Round& round, const Memory& memory) {
    std::printf(
        "round %2u %-7s sent=%llu delivered=%llu lost=%llu ms_p50=%.2f ms_p99=%.2f "
        "ms_max=%.1f resident_mib=%llu sockets_mib=%llu\n",
        number, name, static_cast<unsigned long long>(round.sent),
        static_cast<unsigned long long>(round.delivered),
        static_cast<unsigned long long>(round.lost), round.ms_p50, round.ms_p99, round.ms_max,
        static_cast<unsigned long long>(memory.resident / 1'024),
        static_cast<unsigned long long>(memory.sockets / 1'024));
    std::fflush(stdout);
}

int run(const Options& options) {
    Honest honest{{.to = options.honest_to,
                   .readers = options.readers,
                   .messages_per_s = options.rate,
                   .user = options.user,
                   .password = options.password}};
    const Microseconds time = std::chrono::seconds{options.seconds};
    std::ignore = honest.run(std::chrono::seconds{1});
    std::vector<double> alone;
    std::vector<double> beside;
    std::uint64_t lost = 0;
    std::uint64_t mib_most = 0;
    for (unsigned number = 1; number <= options.rounds; ++number) {
        Round round = honest.run(time);
        print("alone", number, round, memory_of(options.server));
        alone.push_back(round.ms_p99);
        lost += round.lost;
        {
            const CrowdProcess crowd{options};
            round = honest.run(time);
            const Memory memory = memory_of(options.server);
            print("crowded", number, round, memory);
            beside.push_back(round.ms_p99);
            lost += round.lost;
            mib_most = std::max(mib_most, (memory.resident + memory.sockets) / 1'024);
        }
        lost += honest.run(kAftermath).lost;  // Thousands of connections end: of neither round.
    }
    const double ratio = median(beside) / median(alone);
    std::printf(
        "median ms_p99: alone %.2f, crowded %.2f, ratio %.2f; lost %llu; most memory %llu "
        "MiB\n",
        median(alone), median(beside), ratio, static_cast<unsigned long long>(lost),
        static_cast<unsigned long long>(mib_most));
    const bool is_fast = ratio <= options.ratio_max || median(beside) <= options.ms_max;
    const bool is_small = options.mib_max == 0 || mib_most <= options.mib_max;
    if (lost != 0) std::printf("FAILED: messages were lost\n");
    if (!is_fast) std::printf("FAILED: honest clients wait longer\n");
    if (!is_small) std::printf("FAILED: more memory than its bound\n");
    return lost == 0 && is_fast && is_small ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Honest clients beside those that misbehave"};
    app.add_option("--to", options.honest_to.address, "Where honest clients connect");
    app.add_option("--port", options.honest_to.port)->required();
    app.add_option("--crowd-to", options.crowd_to.address, "Where the crowd does; else the same");
    app.add_option("--count", options.count, "Clients that misbehave");
    app.add_option("--readers", options.readers, "Honest readers");
    app.add_option("--rate", options.rate, "Messages a second");
    app.add_option("--rounds", options.rounds);
    app.add_option("--seconds", options.seconds, "A round");
    app.add_option("--user", options.user);
    app.add_option("--password", options.password);
    app.add_option("--network", options.network, "Network namespace of the crowd");
    app.add_option("--from", options.from, "Addresses that the crowd comes from, in turn");
    app.add_option("--server", options.server, "Process of the bus")->required();
    app.add_option("--ratio-max", options.ratio_max);
    app.add_option("--ms-max", options.ms_max);
    app.add_option("--mib-max", options.mib_max);
    CLI11_PARSE(app, argc, argv);
    options.crowd_to.port = options.honest_to.port;
    if (options.crowd_to.address.empty()) options.crowd_to.address = options.honest_to.address;
    return run(options);
}
