// SPDX-License-Identifier: Apache-2.0
#include "source/demo_source.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "source/deny_rules.h"
#include "source/gerrit_event.h"
#include "source/tcp_connect.h"

namespace firehose::source {

namespace {

using namespace std::chrono_literals;

constexpr Microseconds kShortest = 300ms;
constexpr Microseconds kLongest = 3s;
constexpr Microseconds kRetrySink = 10ms;

constexpr unsigned char kEvents[] = {
#include "demo_events.inc"
};

std::vector<Event> read_events(std::string_view lines) {
    std::vector<Event> events;
    const Result<DenyRules, std::string> deny = DenyRules::parse(DenyRules::default_words());
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(lines.size(), line.size() + 1));
        const Result<GerritEvent, BadLine> event = read_gerrit_event(line, {});
        if (!event || (deny && (*deny).denies(event->facts))) continue;
        events.push_back({event->topic, std::string{event->payload}, event->origin_time});
    }
    return events;
}

}  // namespace

std::string_view demo_events() noexcept {
    return {reinterpret_cast<const char*>(kEvents), sizeof kEvents};
}

DemoScript::DemoScript(std::string_view lines, std::uint64_t seed)
    : events_(read_events(lines)), random_(seed) {}

std::optional<DemoScript::Step> DemoScript::next() {
    if (events_.empty()) return std::nullopt;
    constexpr auto kRange = static_cast<std::uint64_t>((kLongest - kShortest).count());
    // The product of two draws: mostly soon, sometimes later, as people are.
    const std::uint64_t draw = random_.below(kRange + 1) * random_.below(kRange + 1) / kRange;
    Step step{kShortest + Microseconds{static_cast<Microseconds::rep>(draw)}, events_.at(next_)};
    next_ = (next_ + 1) % events_.size();
    return step;
}

class DemoSource::Player {
public:
    Player(std::uint64_t seed, Sink& sink, SourceMetrics& metrics)
        : script_(demo_events(), seed), sink_(sink), metrics_(metrics) {}

    void start() {
        thread_ = std::thread{[this] { play(); }};
    }
    void stop() {
        if (!thread_.joinable()) return;
        stop_.set();
        thread_.join();
    }

private:
    void play() {
        metrics_.is_online = true;
        sink_.on_state(SourceState::online, "demo: recorded events, not a live Gerrit");
        while (std::optional<DemoScript::Step> step = script_.next()) {
            pause(step->wait);
            while (!stop_.is_set && !sink_.publish(std::move(step->event))) pause(kRetrySink);
            if (stop_.is_set) break;
            ++metrics_.published;
        }
        metrics_.is_online = false;
        sink_.on_state(SourceState::offline, "demo: stopped");
    }
    void pause(Microseconds wait) {
        if (stop_.is_set) return;
        pollfd woken{stop_.wake.fd(), POLLIN, 0};
        const auto turn = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
        static_cast<void>(::poll(&woken, 1, static_cast<int>(turn)));
    }

    DemoScript script_;
    Sink& sink_;
    SourceMetrics& metrics_;
    StopSignal stop_;
    std::thread thread_;
};

DemoSource::DemoSource(std::uint64_t seed, Sink& sink, SourceMetrics& metrics)
    : player_(std::make_unique<Player>(seed, sink, metrics)) {}
DemoSource::~DemoSource() {
    stop();
}
void DemoSource::start() {
    player_->start();
}
void DemoSource::stop() {
    player_->stop();
}

}  // namespace firehose::source
