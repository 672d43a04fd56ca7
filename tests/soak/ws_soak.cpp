// SPDX-License-Identifier: Apache-2.0
// Goal:   WebSocket readers that come and go without manners harm nobody: the server stays, steady
//         readers over TCP and WebSocket miss nothing, get nothing twice, and all in order.
// Method: one event loop runs a publisher that numbers its messages, a few steady readers that
//         check the numbers, and hundreds of restless ones that drop in every way. Ends with one
//         line of figures, and status 1 with the first problems if there was any.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "traffic.h"

namespace firehose::soak {
namespace {

struct Options {
    Target target;
    unsigned readers = 100;
    unsigned steady = 4;
    unsigned rate = 50;
    unsigned seconds = 10;
    std::uint64_t seed = 0;
    std::string user_name;
    std::string password_file;
};

constexpr Microseconds kStartMax{30'000'000};
constexpr Microseconds kDrainMax{30'000'000};
constexpr std::size_t kProblemsShown = 10;

/// From the file, else from FIREHOSE_SOAK_PASSWORD: never from the command line.
std::string password(const Options& options) {
    std::string text;
    if (!options.password_file.empty()) {
        std::ifstream file{options.password_file};
        std::getline(file, text);
    } else if (const char* value = std::getenv("FIREHOSE_SOAK_PASSWORD")) {
        text = value;
    }
    return text;
}

class Soak {
public:
    explicit Soak(const Options& options)
        : options_(options),
          random_(options.seed),
          loop_(std::move(*net::EventLoop::create(clock_))),
          stage_{*loop_, random_, options_.target, report_} {}

    [[nodiscard]] int run() {
        for (unsigned i = 0; i < options_.steady; ++i) {
            steady_.push_back(std::make_unique<SteadyReader>(stage_, i));
        }
        publisher_ = std::make_unique<Publisher>(stage_, options_.user_name, password(options_));
        tick();
        const bool is_ready = turn_until(kStartMax, [this] {
            return publisher_->is_connected() &&
                   std::all_of(steady_.begin(), steady_.end(),
                               [](const auto& reader) { return reader->is_subscribed(); });
        });
        if (!is_ready && !has_problem()) report_.problems.emplace_back("the start took too long");
        if (!has_problem()) make_traffic();
        return conclude();
    }

private:
    void make_traffic() {
        for (unsigned i = 0; i < options_.readers; ++i) {
            restless_.push_back(std::make_unique<RestlessReader>(stage_, i));
        }
        const MonotonicTime begin = loop_->now();
        const Microseconds length{std::int64_t{options_.seconds} * 1'000'000};
        static_cast<void>(turn_until(length, [&] {
            const auto passed = static_cast<std::uint64_t>((loop_->now() - begin).count());
            publisher_->publish_up_to(passed * options_.rate / 1'000'000);
            return false;
        }));
        restless_.clear();
        // Everything that was published must arrive, and be acknowledged.
        const bool is_drained = turn_until(kDrainMax, [this] {
            return report_.acknowledged == report_.published &&
                   std::all_of(steady_.begin(), steady_.end(), [this](const auto& reader) {
                       return reader->last() == report_.published;
                   });
        });
        if (is_drained || has_problem()) return;
        for (const auto& reader : steady_) {
            if (reader->last() != report_.published) {
                report_.problems.push_back(reader->name() + " has " +
                                           std::to_string(reader->last()) + " of " +
                                           std::to_string(report_.published) + " messages");
            }
        }
        if (report_.acknowledged != report_.published) {
            report_.problems.emplace_back("not every publish was acknowledged");
        }
    }

    [[nodiscard]] int conclude() {
        const std::uint64_t wanted = std::uint64_t{options_.rate} * options_.seconds;
        if (!has_problem() && report_.published * 2 < wanted) {
            report_.problems.push_back("the load was not reached: published " +
                                       std::to_string(report_.published) + " of " +
                                       std::to_string(wanted));
        }
        if (!has_problem() && options_.readers > 0 && report_.subscribed == 0) {
            report_.problems.emplace_back("no restless reader ever got a SUBACK");
        }
        std::printf(
            "soak: seed %llu, %llu published, %llu delivered to %u steady readers, "
            "%llu checked by restless ones, %llu connections, %llu subscribed, "
            "slowest %.1f ms, %zu problems\n",
            static_cast<unsigned long long>(options_.seed),
            static_cast<unsigned long long>(report_.published),
            static_cast<unsigned long long>(report_.delivered), options_.steady,
            static_cast<unsigned long long>(report_.checked),
            static_cast<unsigned long long>(report_.connections),
            static_cast<unsigned long long>(report_.subscribed),
            static_cast<double>(report_.slowest.count()) / 1'000.0, report_.problems.size());
        for (std::size_t i = 0; i < std::min(report_.problems.size(), kProblemsShown); ++i) {
            std::printf("problem: %s\n", report_.problems[i].c_str());
        }
        return has_problem() ? 1 : 0;
    }

    [[nodiscard]] bool has_problem() const noexcept { return !report_.problems.empty(); }

    /// Turns until `is_done`, a problem, or `limit`. True only for the first.
    template <class IsDone>
    [[nodiscard]] bool turn_until(Microseconds limit, IsDone&& is_done) {
        const MonotonicTime end = loop_->now() + limit;
        while (!has_problem()) {
            if (is_done()) return true;
            if (loop_->now() >= end) return false;
            loop_->run_turn(Microseconds{2'000});
        }
        return false;
    }

    void tick() {
        publisher_->tick();
        for (const auto& reader : steady_) reader->tick();
        for (const auto& reader : restless_) reader->tick();
        loop_->after(Microseconds{1'000'000}, [this] { tick(); });
    }

    const Options& options_;
    SystemClock clock_;
    Random random_;
    Report report_;
    std::unique_ptr<net::EventLoop> loop_;
    Stage stage_;
    std::vector<std::unique_ptr<SteadyReader>> steady_;
    std::vector<std::unique_ptr<RestlessReader>> restless_;
    std::unique_ptr<Publisher> publisher_;
};

}  // namespace
}  // namespace firehose::soak

int main(int argc, char** argv) {
    firehose::soak::Options options;
    options.seed = firehose::random_seed() % 1'000'000;
    CLI::App app{"WebSocket readers that come and go, against a running bus"};
    app.add_option("--host", options.target.host, "Address of the bus");
    app.add_option("--http-port", options.target.http_port, "Its port for HTTP and WebSocket");
    app.add_option("--mqtt-port", options.target.mqtt_port, "Its port for MQTT over TCP");
    app.add_option("--readers", options.readers, "Readers that come and go");
    app.add_option("--steady", options.steady, "Readers that stay and check");
    app.add_option("--rate", options.rate, "Messages a second");
    app.add_option("--seconds", options.seconds, "How long");
    app.add_option("--seed", options.seed, "Repeats the choices of an earlier run");
    app.add_option("--user", options.user_name, "The publisher's user name");
    app.add_option("--password-file", options.password_file,
                   "Its password, on the first line (or FIREHOSE_SOAK_PASSWORD)");
    CLI11_PARSE(app, argc, argv);
    firehose::soak::Soak soak{options};
    return soak.run();
}
