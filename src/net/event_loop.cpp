// SPDX-License-Identifier: Apache-2.0
#include "net/event_loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace firehose::net {
namespace {

// Slots that are no source of anybody's.
constexpr std::uint32_t kWakeupSlot = 0xFFFF'FFFF;
constexpr std::uint32_t kSignalSlot = 0xFFFF'FFFE;
constexpr Microseconds kSleepMax{60'000'000};

std::uint64_t tag_of(SourceId id) noexcept {
    return (std::uint64_t{id.slot} << 32) | id.generation;
}

SourceId id_of(std::uint64_t tag) noexcept {
    return {static_cast<std::uint32_t>(tag >> 32), static_cast<std::uint32_t>(tag)};
}

bool watch(int epoll, int descriptor, std::uint32_t slot) noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag_of({slot, 0});
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

Failure<NetError> out_of(const char* what) {
    const std::error_code code = last_error();
    return Failure{NetError{code, std::string{"no "} + what +
                                      " for an event loop: " + code.message() +
                                      "; raise the limit on open files (ulimit -n)"}};
}

}  // namespace

std::error_code last_error() noexcept {
    return {errno, std::system_category()};
}

EventLoop::EventLoop(Clock& clock)
    : clock_(clock),
      now_(clock.monotonic()),
      thread_(std::this_thread::get_id()),
      posted_(kPostedMax, this),
      read_buffer_(kReadBufferBytes) {}

EventLoop::~EventLoop() = default;

Result<std::unique_ptr<EventLoop>, NetError> EventLoop::create(Clock& clock) {
    std::unique_ptr<EventLoop> loop{new EventLoop{clock}};
    loop->epoll_ = FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)};
    if (!loop->epoll_) return out_of("epoll descriptor");
    loop->wakeup_ = FileDescriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!loop->wakeup_ || !watch(loop->epoll_.get(), loop->wakeup_.get(), kWakeupSlot)) {
        return out_of("eventfd");
    }
    return loop;
}

void EventLoop::run() {
    thread_.store(std::this_thread::get_id());
    while (!stopping_.load()) run_turn(kSleepMax);
}

void EventLoop::stop() noexcept {
    stopping_.store(true);
    wake();
}

bool EventLoop::is_current() const noexcept {
    return thread_.load() == std::this_thread::get_id();
}

void EventLoop::run_turn(Microseconds sleep_max) {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   sleep_ms(sleep_max));
    // From here on a waker leaves a note instead of writing the eventfd; what it did before the
    // exchange below is seen by everything that this turn looks at.
    state_.exchange(State::running);
    now_ = std::max(now_, clock_.monotonic());
    ++turns_;
    if (hooks_.on_turn_begin) hooks_.on_turn_begin();
    const std::vector<Ready> ready = std::exchange(ready_, {});
    for (int i = 0; i < count; ++i) {
        dispatch(events[static_cast<std::size_t>(i)].data.u64,
                 events[static_cast<std::size_t>(i)].events);
    }
    for (const Ready& entry : ready) dispatch(tag_of(entry.id), entry.events);
    run_due_timers();
    run_posted();
    if (hooks_.on_turn_end) hooks_.on_turn_end();
}

/// Announces that the loop is about to sleep, then looks again: whoever comes later sees the
/// announcement and writes the eventfd, whoever came earlier left State::notified.
int EventLoop::sleep_ms(Microseconds sleep_max) {
    if (!ready_.empty() || sleep_max == Microseconds{0}) return 0;
    State expected = State::running;
    if (!state_.compare_exchange_strong(expected, State::sleeping)) return 0;
    if (hooks_.has_work && hooks_.has_work()) return 0;
    if (!timers_.empty()) {
        const Microseconds left = timers_.begin()->first.due - clock_.monotonic();
        if (left <= Microseconds{0}) return 0;
        if (sleep_max < Microseconds{0} || left < sleep_max) sleep_max = left;
    }
    if (sleep_max < Microseconds{0}) return -1;
    // Rounded up: waking a fraction of a millisecond early would only spin.
    const auto sleep = std::chrono::ceil<std::chrono::milliseconds>(std::min(sleep_max, kSleepMax));
    return static_cast<int>(sleep.count());
}

void EventLoop::dispatch(std::uint64_t tag, std::uint32_t events) {
    const SourceId id = id_of(tag);
    if (id.slot == kWakeupSlot) {
        std::uint64_t count = 0;
        // EAGAIN is no error: someone read it already.
        [[maybe_unused]] const auto read = ::read(wakeup_.get(), &count, sizeof count);
        return;
    }
    if (id.slot == kSignalSlot) return read_signals();
    if (is_registered(id)) slots_[id.slot].source->on_events(events);
}

void EventLoop::wake() noexcept {
    if (state_.exchange(State::notified) != State::sleeping) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

bool EventLoop::post(std::function<void()> function) {
    return posted_.post(std::move(function));
}

void EventLoop::run_posted() {
    for (const std::function<void()>& function : posted_.take_all()) function();
}

TimerId EventLoop::after(Microseconds delay, std::function<void()> callback) {
    const TimerId id{now_ + std::max(delay, Microseconds{0}), next_timer_serial_++};
    timers_.emplace(id, std::move(callback));
    return id;
}

bool EventLoop::cancel(TimerId id) {
    return timers_.erase(id) == 1;
}

void EventLoop::run_due_timers() {
    // A callback that arms a timer for "now" gets it in the next turn, so that a turn ends.
    const std::uint64_t armed_before = next_timer_serial_;
    auto timer = timers_.begin();
    while (timer != timers_.end() && timer->first.due <= now_) {
        if (timer->first.serial >= armed_before) {
            ++timer;
            continue;
        }
        auto node = timers_.extract(timer);
        node.mapped()();
        timer = timers_.begin();
    }
}

Result<void, NetError> EventLoop::on_signal(int signal_number, std::function<void()> callback) {
    signal_callbacks_[signal_number] = std::move(callback);
    sigset_t mask;
    ::sigemptyset(&mask);
    for (const auto& [number, unused] : signal_callbacks_) ::sigaddset(&mask, number);
    ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
    const bool is_first = !signals_;
    const int descriptor = ::signalfd(signals_.get(), &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return out_of("signalfd");
    if (!is_first) return {};
    signals_ = FileDescriptor{descriptor};
    if (!watch(epoll_.get(), descriptor, kSignalSlot)) return out_of("signalfd");
    return {};
}

void EventLoop::read_signals() {
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
        const auto found = signal_callbacks_.find(static_cast<int>(signal.ssi_signo));
        if (found != signal_callbacks_.end()) found->second();
    }
}

SourceId EventLoop::add(int descriptor, std::uint32_t events, EventSource& source) {
    std::uint32_t slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<std::uint32_t>(slots_.size());
        slots_.emplace_back();
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
    }
    slots_[slot].source = &source;
    const SourceId id{slot, slots_[slot].generation};
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag_of(id);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
        mark_ready(id, EPOLLERR);
    }
    return id;
}

void EventLoop::modify(SourceId id, int descriptor, std::uint32_t events) {
    FH_ASSERT(is_registered(id));
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag_of(id);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event) != 0) {
        mark_ready(id, EPOLLERR);
    }
}

void EventLoop::remove(SourceId id, int descriptor) {
    FH_ASSERT(is_registered(id));
    epoll_event event{};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, &event);
    Slot& slot = slots_[id.slot];
    slot.source = nullptr;
    if (++slot.generation == 0) slot.generation = 1;
    free_slots_.push_back(id.slot);
}

bool EventLoop::is_registered(SourceId id) const noexcept {
    return id.slot < slots_.size() && slots_[id.slot].generation == id.generation &&
           slots_[id.slot].source != nullptr;
}

void EventLoop::mark_ready(SourceId id, std::uint32_t events) {
    ready_.push_back({id, events});
}

}  // namespace firehose::net
