// SPDX-License-Identifier: Apache-2.0
#include "source/gerrit_source.h"

#include <poll.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/locked.h"
#include "base/log.h"
#include "base/random.h"
#include "source/backoff.h"
#include "source/deny_rules.h"
#include "source/event_outbox.h"
#include "source/gerrit_line.h"

namespace firehose::source {

namespace {
using namespace std::chrono_literals;
constexpr Microseconds kRetrySink = 5ms;  // While the Sink has no room.
constexpr Microseconds kNothingToDo = 1h;
}  // namespace

/// What runs on the source's thread.
class GerritSource::Follower final : public StreamListener {
public:
    Follower(GerritOptions options, DenyRules deny, Sink& sink, SourceMetrics& metrics)
        : options_(std::move(options)),
          sink_(sink),
          metrics_(metrics),
          outbox_(sink, options_.buffer_bytes),
          lines_(options_.name,
                 {.topic_base = options_.topic, .packet_bytes_max = options_.packet_bytes_max},
                 std::move(deny), outbox_, metrics),
          backoff_({}, options_.seed == 0 ? random_seed() : options_.seed) {}

    void start() {
        thread_ = std::thread{[this] { follow(); }};
    }
    void stop() {
        if (!thread_.joinable()) return;
        stop_.set();
        thread_.join();
    }
    [[nodiscard]] std::optional<StreamEnd> hopeless() const {
        return hopeless_.with([](const std::optional<StreamEnd>& end) { return end; });
    }

    void on_open() override {
        opened_ = clock_.monotonic();
        ++metrics_.connected;
        metrics_.is_online = true;
        FH_LOG(info, "source_online", {"source", options_.name}, {"host", options_.ssh.host},
               {"port", options_.ssh.port}, {"user", options_.ssh.username});
        sink_.on_state(SourceState::online, "following " + options_.ssh.host);
    }
    void on_bytes(std::string_view bytes) override { lines_.on_bytes(bytes); }
    [[nodiscard]] Microseconds on_turn() override {
        outbox_.flush();
        return outbox_.is_empty() ? kNothingToDo : kRetrySink;
    }

private:
    void follow() {
        while (!stop_.is_set) {
            opened_.reset();
            const StreamEnd end = stream_gerrit_events(options_.ssh, stop_, clock_, *this);
            lines_.on_end();
            on_end(end);
        }
        outbox_.flush();
        metrics_.dropped += outbox_.count();
    }
    void on_end(const StreamEnd& end) {
        const bool was_online = metrics_.is_online.exchange(false);
        if (was_online) ++metrics_.disconnected;
        if (end.cause == StreamEnd::Cause::stopped) {
            sink_.on_state(SourceState::offline, "stopped");
            return;
        }
        const Microseconds connected_for =
            opened_ ? clock_.monotonic() - *opened_ : Microseconds{0};
        const Microseconds wait = backoff_.after(connected_for);
        FH_LOG(
            warn, "source_offline", {"source", options_.name}, {"reason", end.what},
            {"remedy", end.remedy},
            {"again_in_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()});
        sink_.on_state(SourceState::offline,
                       end.remedy.empty() ? end.what : end.what + "; " + end.remedy);
        if (end.needs_a_person() && metrics_.connected == 0) {
            hopeless_.with([&](std::optional<StreamEnd>& hopeless) { hopeless = end; });
        }
        pause(wait);
    }
    /// Waits, and goes on emptying the outbox meanwhile.
    void pause(Microseconds wait) {
        const MonotonicTime until = clock_.monotonic() + wait;
        for (;;) {
            const Microseconds left = until - clock_.monotonic();
            if (stop_.is_set || left <= Microseconds{0}) return;
            const auto turn =
                std::chrono::ceil<std::chrono::milliseconds>(std::min(left, on_turn()));
            pollfd woken{stop_.wake.fd(), POLLIN, 0};
            static_cast<void>(::poll(&woken, 1, static_cast<int>(turn.count())));
        }
    }

    GerritOptions options_;
    Sink& sink_;
    SourceMetrics& metrics_;
    SystemClock clock_;
    StopSignal stop_;
    EventOutbox outbox_;
    GerritLines lines_;
    Backoff backoff_;
    std::optional<MonotonicTime> opened_;
    Locked<std::optional<StreamEnd>> hopeless_;
    std::thread thread_;
};

Result<std::unique_ptr<GerritSource>, std::string> GerritSource::make(GerritOptions options,
                                                                      Sink& sink,
                                                                      SourceMetrics& metrics) {
    Result<DenyRules, std::string> deny = DenyRules::parse(options.deny);
    if (!deny) return Failure{deny.error()};
    if (options.ssh.host.empty()) return Failure{std::string{"the Gerrit's host is missing"}};
    if (options.ssh.username.empty()) return Failure{std::string{"the Gerrit's user is missing"}};
    if (options.ssh.key_file.empty()) return Failure{std::string{"the private key is missing"}};
    auto follower = std::make_unique<Follower>(std::move(options), *std::move(deny), sink, metrics);
    return std::unique_ptr<GerritSource>{new GerritSource{std::move(follower)}};
}

GerritSource::GerritSource(std::unique_ptr<Follower> follower) : follower_(std::move(follower)) {}
GerritSource::~GerritSource() {
    stop();
}
void GerritSource::start() {
    follower_->start();
}
void GerritSource::stop() {
    follower_->stop();
}
std::optional<StreamEnd> GerritSource::hopeless() const {
    return follower_->hopeless();
}

}  // namespace firehose::source
