// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/mailbox.h"
#include "base/result.h"
#include "base/time.h"
#include "base/waker.h"
#include "net/file_descriptor.h"
#include "net/net_error.h"

/// One thread's event loop: descriptors (epoll), timers, signals, functions from other threads.
///
/// A turn is: sleep until something is ready; `on_turn_begin`; events; timers that are due; posted
/// functions; `on_turn_end`. What a turn gathered is therefore flushed once, at its end.
///
/// Ownership: of nobody's descriptor; sources register and deregister themselves.
/// Threads:   one thread runs the loop and calls everything, but `wake`, `post` and `stop`, which
///            any thread may call. Before `run`, the creating thread counts as the loop's.
/// Cost:      a wake-up of a running loop is one atomic exchange; only a sleeping one costs a
///            write to the eventfd. Timers are an ordered map: O(log n) to arm and to cancel.
/// Invariant: an event reaches its source only while that is registered: events carry (slot,
///            generation), never a pointer (rule **Home and hand-over**).
/// Invariant: what was done before `wake` is seen by a turn that begins after it; `wake` on the
///            loop's own thread asks for one more turn without sleeping.
namespace firehose::net {

/// Something with a descriptor. Told of readiness (EPOLL* bits); may deregister itself, or others,
/// and may destroy itself inside.
class EventSource {
public:
    virtual ~EventSource() = default;
    virtual void on_events(std::uint32_t events) = 0;
};

/// A registration. Never names another source again, even if the slot or the descriptor does.
struct SourceId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;  // 0 names nothing.

    friend bool operator==(const SourceId&, const SourceId&) = default;
};

/// A timer that was armed. Ordered by when it is due, then by when it was armed.
struct TimerId {
    MonotonicTime due;
    std::uint64_t serial = 0;  // 0 names nothing.

    friend auto operator<=>(const TimerId&, const TimerId&) = default;
};

struct TurnHooks {
    std::function<void()> on_turn_begin = {};
    std::function<void()> on_turn_end = {};
    /// Asked before sleeping, after the loop announced it: true means that it must not sleep.
    /// Only needed for work that nobody calls `wake` for.
    std::function<bool()> has_work = {};
};

class EventLoop final : public Waker {
public:
    static constexpr std::size_t kPostedMax = 4'096;
    static constexpr std::size_t kEventsPerTurn = 256;
    static constexpr std::size_t kReadBufferBytes = 256 * 1024;

    /// Fails only when the process is out of descriptors or memory. `clock` must outlive it.
    [[nodiscard]] static Result<std::unique_ptr<EventLoop>, NetError> create(Clock& clock);
    ~EventLoop() override;
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    void set_turn_hooks(TurnHooks hooks) { hooks_ = std::move(hooks); }

    /// Turns until `stop`. Called once.
    void run();
    /// One turn that sleeps at most `sleep_max`; negative means until something happens.
    void run_turn(Microseconds sleep_max);
    /// From any thread: `run` returns after the turn it is in.
    void stop() noexcept;
    [[nodiscard]] bool is_current() const noexcept;

    /// How many turns have begun: tells one from the next.
    [[nodiscard]] std::uint64_t turns() const noexcept { return turns_; }
    /// The time of this turn; read from the clock once a turn.
    [[nodiscard]] MonotonicTime now() const noexcept { return now_; }

    void wake() noexcept override;
    /// From any thread: runs `function` in a coming turn, in order. False when kPostedMax wait.
    [[nodiscard]] bool post(std::function<void()> function);

    /// Runs `callback` once, in the first turn at or after now() + delay, and never in this one.
    TimerId after(Microseconds delay, std::function<void()> callback);
    /// False when it has run already, or never was.
    bool cancel(TimerId id);

    /// Runs `callback` on the loop when the process is sent `signal_number`. Blocks the signal for
    /// the calling thread: call it before other threads start, so that they inherit that.
    [[nodiscard]] Result<void, NetError> on_signal(int signal_number,
                                                   std::function<void()> callback);

    /// Registers, level-triggered. If the kernel has no room, the source hears EPOLLERR next turn.
    [[nodiscard]] SourceId add(int descriptor, std::uint32_t events, EventSource& source);
    void modify(SourceId id, int descriptor, std::uint32_t events);
    /// Deregisters; the descriptor must still be open.
    void remove(SourceId id, int descriptor);
    [[nodiscard]] bool is_registered(SourceId id) const noexcept;
    /// The source hears `events` in the next turn, whatever the kernel says.
    void mark_ready(SourceId id, std::uint32_t events);

    /// One for all sources of the loop, so that idle connections own none. Valid until the source
    /// returns from `on_events`.
    [[nodiscard]] std::span<std::byte> read_buffer() noexcept { return read_buffer_; }

private:
    struct Slot {
        EventSource* source = nullptr;
        std::uint32_t generation = 1;
    };
    struct Ready {
        SourceId id;
        std::uint32_t events;
    };
    enum class State : int { running, sleeping, notified };

    explicit EventLoop(Clock& clock);
    [[nodiscard]] int sleep_ms(Microseconds sleep_max);
    void dispatch(std::uint64_t tag, std::uint32_t events);
    void run_due_timers();
    void run_posted();
    void read_signals();

    Clock& clock_;
    MonotonicTime now_;
    std::uint64_t turns_ = 0;
    TurnHooks hooks_;
    FileDescriptor epoll_;
    FileDescriptor wakeup_;
    FileDescriptor signals_;
    std::atomic<State> state_{State::running};
    std::atomic<bool> stopping_{false};
    std::atomic<std::thread::id> thread_;
    Mailbox<std::function<void()>> posted_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<Ready> ready_;
    std::map<TimerId, std::function<void()>> timers_;
    std::uint64_t next_timer_serial_ = 1;
    std::map<int, std::function<void()>> signal_callbacks_;
    std::vector<std::byte> read_buffer_;
};

}  // namespace firehose::net
