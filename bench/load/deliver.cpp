// SPDX-License-Identifier: Apache-2.0
#include "deliver.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "../process_cpu.h"
#include "peers.h"
#include "process_memory.h"

namespace firehose::bench {
namespace {

constexpr double kSilenceMax = 10;  // Without a delivery that is owed: what is missing is lost.
constexpr std::size_t kReadBytes = 256 * 1024;

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(now_s() * 1e9);
}

/// What the workers tell each other.
struct Course {
    std::atomic<std::uint64_t> owed{0};  // Deliveries of what was published.
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> published{0};
    std::atomic<bool> is_publishing{true};
    std::atomic<bool> is_over{false};
};

class Worker {
public:
    Worker(const DeliverOptions& options, Course& course, std::size_t index, std::string_view text)
        : options_(options), course_(course), epoll_(::epoll_create1(0)), buffer_(kReadBytes) {
        const Plan& plan = options.plan;
        for (std::size_t r = index; r < plan.readers; r += options.threads) {
            readers_.push_back(
                std::make_unique<Reader>(options.target, plan, r, options.qos, text));
            watch(readers_.back()->wire(), readers_.size() - 1);
        }
        // Subscribed everywhere before the first message: made later, by make_publishers.
        first_publisher_ = index;
        text_ = text;
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() { ::close(epoll_); }

    void make_publishers() {
        for (std::size_t p = first_publisher_; p < options_.plan.publishers;
             p += options_.threads) {
            publishers_.push_back(std::make_unique<Publisher>(
                options_.target, options_.plan, p, options_.qos, text_, options_.publisher_window));
            watch(publishers_.back()->wire(), kPublisherTag | (publishers_.size() - 1));
        }
        packet_bytes_ = options_.payload + 20;
        burst_ = std::max<std::size_t>(1, options_.burst_bytes / packet_bytes_);
    }

    void run() {
        next_due_ = now_s();
        while (!course_.is_over.load(std::memory_order_relaxed)) {
            turn(publish());
        }
    }

    [[nodiscard]] const Findings& findings() const { return findings_; }

private:
    static constexpr std::uint64_t kPublisherTag = 1ULL << 32U;

    void watch(Wire& wire, std::uint64_t tag) const {
        epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wire.descriptor(), &event) != 0) {
            give_up("epoll_ctl");
        }
    }

    /// Listens for room as well while the wire waits for it.
    void rearm(Wire& wire, std::uint64_t tag, bool was_blocked) const {
        if (wire.is_blocked() == was_blocked) return;
        const std::uint32_t out = wire.is_blocked() ? static_cast<std::uint32_t>(EPOLLOUT) : 0U;
        epoll_event event{.events = EPOLLIN | out, .data = {.u64 = tag}};
        ::epoll_ctl(epoll_, EPOLL_CTL_MOD, wire.descriptor(), &event);
    }

    /// One look at the sockets. Sleeps at most `sleep_s`.
    void turn(double sleep_s) {
        std::array<epoll_event, 512> events;
        const timespec patience{.tv_sec = 0,
                                .tv_nsec = static_cast<long>(std::clamp(sleep_s, 0.0, 0.05) * 1e9)};
        const int n = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                     &patience, nullptr);
        const std::uint64_t before = findings_.received;
        for (int i = 0; i < n; ++i) on_event(events[static_cast<std::size_t>(i)]);
        course_.received.fetch_add(findings_.received - before, std::memory_order_relaxed);
    }

    void on_event(const epoll_event& event) {
        const std::uint64_t tag = event.data.u64;
        Wire& wire = (tag & kPublisherTag) != 0 ? publishers_[tag & ~kPublisherTag]->wire()
                                                : readers_[tag]->wire();
        const bool was_blocked = (event.events & EPOLLOUT) != 0;
        if (wire.is_blocked()) wire.flush();
        if ((event.events & EPOLLIN) != 0) {
            do {
                if ((tag & kPublisherTag) != 0) {
                    publishers_[tag & ~kPublisherTag]->on_readable(buffer_);
                } else {
                    readers_[tag]->on_readable(buffer_, findings_);
                }
            } while (wire.has_more());
        }
        rearm(wire, tag, was_blocked);
    }

    /// Sends what may be sent now; returns how long there is nothing more to send, in seconds.
    double publish() {
        if (publishers_.empty() || !course_.is_publishing.load(std::memory_order_relaxed)) {
            return 0.05;
        }
        return options_.rate > 0 ? publish_what_is_due() : publish_what_fits();
    }

    double publish_what_is_due() {
        const double share = options_.rate / static_cast<double>(options_.threads);
        while (next_due_ <= now_s()) {
            const std::size_t index = turn_++ % publishers_.size();
            Publisher& publisher = *publishers_[index];
            next_due_ += 1 / share;
            if (publisher.room() == 0 || publisher.wire().is_blocked()) continue;
            send(index, 1);
        }
        return next_due_ - now_s();
    }

    double publish_what_fits() {
        // A round, beginning where the last one ended, so that none is starved.
        for (std::size_t i = 0; i < publishers_.size(); ++i) {
            const std::uint64_t on_their_way =
                course_.owed.load(std::memory_order_relaxed) -
                std::min(course_.owed.load(std::memory_order_relaxed),
                         course_.received.load(std::memory_order_relaxed));
            const std::size_t each =
                std::max<std::size_t>(1, options_.plan.readers / options_.plan.groups());
            const std::size_t messages = static_cast<std::size_t>(on_their_way) / each;
            const std::size_t window =
                std::max<std::size_t>(16, options_.window_bytes / packet_bytes_);
            if (messages >= window) return options_.threads > 1 ? 0.0001 : 0.05;
            const std::size_t index = turn_++ % publishers_.size();
            Publisher& publisher = *publishers_[index];
            if (publisher.wire().is_blocked()) continue;
            const std::size_t count = std::min({burst_, window - messages, publisher.room()});
            if (count > 0) send(index, count);
        }
        return options_.qos == mqtt::Qos::at_most_once ? 0 : 0.05;
    }

    void send(std::size_t index, std::size_t count) {
        Publisher& publisher = *publishers_[index];
        course_.owed.fetch_add(publisher.publish(count, now_ns()), std::memory_order_relaxed);
        course_.published.fetch_add(count, std::memory_order_relaxed);
        rearm(publisher.wire(), kPublisherTag | index, false);
    }

    const DeliverOptions& options_;
    Course& course_;
    int epoll_;
    std::vector<char> buffer_;
    std::vector<std::unique_ptr<Reader>> readers_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    Findings findings_;
    std::size_t first_publisher_ = 0;
    std::string_view text_;
    std::size_t packet_bytes_ = 0;
    std::size_t burst_ = 1;
    std::size_t turn_ = 0;
    double next_due_ = 0;
};

/// Connections beside the load: idle ones, and readers that never read.
struct Bystanders {
    std::vector<std::unique_ptr<Wire>> wires;
    double bytes_each = 0;

    Bystanders(const DeliverOptions& options) {
        const Target& target = options.target;
        const Memory before = memory_of(target.pid);
        for (std::size_t i = 0; i < options.idle; ++i) {
            wires.push_back(std::make_unique<Wire>(target, 30'000 + i));
            log_in(*wires.back(), target, "bench-idle-" + std::to_string(i));
            subscribe(*wires.back(), target, "idle/#", mqtt::Qos::at_most_once);
        }
        if (options.idle > 0) {
            ::sleep(2);
            bytes_each = static_cast<double>(memory_of(target.pid).rss_bytes - before.rss_bytes) /
                         static_cast<double>(options.idle);
        }
        for (std::size_t i = 0; i < options.stalled; ++i) {
            wires.push_back(std::make_unique<Wire>(target, 29'000 + i, 16 * 1024));
            log_in(*wires.back(), target, "bench-stalled-" + std::to_string(i));
            subscribe(*wires.back(), target, options.plan.filter(i), mqtt::Qos::at_most_once);
        }
    }
};

struct Interval {
    double seconds = 0;
    double server_cpu = 0;
    double own_cpu = 0;
    std::uint64_t received = 0;
    std::uint64_t published = 0;
};

Interval measure(const DeliverOptions& options, const Course& course) {
    const auto now = [&] {
        return Interval{.seconds = now_s(),
                        .server_cpu = cpu_s(options.target.pid),
                        .own_cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID),
                        .received = course.received.load(),
                        .published = course.published.load()};
    };
    std::this_thread::sleep_for(std::chrono::duration<double>(options.warm_up));
    const Interval begin = now();
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
    const Interval end = now();
    return {.seconds = end.seconds - begin.seconds,
            .server_cpu = end.server_cpu - begin.server_cpu,
            .own_cpu = end.own_cpu - begin.own_cpu,
            .received = end.received - begin.received,
            .published = end.published - begin.published};
}

/// Until all that is owed has come, or nothing comes any more.
void drain(Course& course) {
    course.is_publishing = false;
    double last_progress = now_s();
    std::uint64_t seen = 0;
    while (now_s() - last_progress < kSilenceMax) {
        const std::uint64_t received = course.received.load();
        if (received >= course.owed.load() && now_s() - last_progress > 0.2) break;
        if (received != seen) last_progress = now_s();
        seen = received;
        ::usleep(20'000);
    }
    course.is_over = true;
}

}  // namespace

int deliver(const DeliverOptions& options) {
    const std::string text = known_text(options.payload);
    Course course;
    const Bystanders bystanders{options};
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::size_t i = 0; i < options.threads; ++i) {
        workers.push_back(std::make_unique<Worker>(options, course, i, text));
    }
    for (auto& worker : workers) worker->make_publishers();
    const Memory before = memory_of(options.target.pid);
    std::vector<std::thread> threads;
    threads.reserve(workers.size());
    for (auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
    const Interval measured = measure(options, course);
    const Memory after = memory_of(options.target.pid);
    drain(course);
    for (std::thread& thread : threads) thread.join();

    Findings findings;
    for (const auto& worker : workers) findings.add(worker->findings());
    const std::uint64_t missing = course.owed - std::min(course.owed.load(), findings.received);
    const auto each = static_cast<double>(std::max<std::uint64_t>(measured.received, 1));
    std::printf(
        "{\"server_us\": %.4f, \"load_us\": %.4f, \"deliveries_per_s\": %.0f, "
        "\"published_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
        "\"deliveries\": %llu, \"missing\": %llu, \"lost\": %llu, \"repeated\": %llu, "
        "\"corrupt\": %llu, \"rss_kib\": %llu, \"rss_growth_kib\": %lld, \"idle_bytes\": %.0f}\n",
        measured.server_cpu * 1e6 / each, measured.own_cpu * 1e6 / each,
        static_cast<double>(measured.received) / measured.seconds,
        static_cast<double>(measured.published) / measured.seconds,
        findings.latency.quantile_us(0.5), findings.latency.quantile_us(0.99),
        findings.latency.quantile_us(0.999), static_cast<unsigned long long>(findings.received),
        static_cast<unsigned long long>(missing), static_cast<unsigned long long>(findings.lost),
        static_cast<unsigned long long>(findings.repeated),
        static_cast<unsigned long long>(findings.corrupt),
        static_cast<unsigned long long>(after.rss_bytes / 1024),
        (static_cast<long long>(after.rss_bytes) - static_cast<long long>(before.rss_bytes)) / 1024,
        bystanders.bytes_each);
    const bool is_whole = missing == 0 && findings.lost == 0 && findings.corrupt == 0;
    return is_whole ? 0 : 1;
}

}  // namespace firehose::bench
