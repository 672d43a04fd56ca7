// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bus/settings.h"
#include "log/log.h"
#include "simulation/figures.h"
#include "simulation/message_log.h"
#include "simulation/seams.h"
#include "simulation/sim_client.h"
#include "simulation/sim_clock.h"
#include "simulation/truth.h"

/// Somebody in the play: a client, what it remembers, and what it was promised.
///
/// The world connects and disconnects it and tells it what happened; it answers with what it does
/// and, in the end, with what promise was not kept.
/// Ownership: owns its client; refers to the Stage, which outlives it.
/// Threads:   the simulation's one.
namespace firehose::simulation {

/// What all actors see of the world.
struct Stage {
    Random& random;
    SimClock& clock;
    Figures& figures;
    Truth& truth;
    Break broken = Break::nothing;
    bool is_verbose = false;
    bool may_lose_wills = false;    // The log refused a block that was not held back.
    bool may_refuse = false;        // The disk fails: refusals are no broken promise.
    bool is_kept = false;           // The log is on disk and survives a crash.
    bool may_drop = false;          // Retention takes history.
    bool may_forget = false;        // Also from sessions that need it.
    std::uint64_t oldest_ever = 0;  // Where the log began at most: a removed file may come back.
    const log::Log* log = nullptr;  // Of the server that runs.
    int crashes = 0;                // Stops of any kind.
    MonotonicTime stopped_at{};     // The last one.
    MonotonicTime started_at{};
    Microseconds session_grace{};  // After a start nothing expires for so long.
    int store_losses = 0;          // Sessions whose records had left the log are gone then.
    int next_number = 0;           // Of a publish.
    std::optional<std::string> problem = {};

    void fail(std::string what) {
        if (!problem) problem = std::move(what);
    }
    void trace(std::string_view who, std::string_view what) const;
};

/// What the log holds in the end.
struct Records {
    std::vector<Seen> kept;  // Without what a crash took.
    std::vector<Seen> ever;  // With it: readers of the tail may have had it.
    std::set<std::string> blurred;
};

class Actor {
public:
    Actor(Stage& stage, SimClient::Options options)
        : stage_(stage), client_(std::move(options), stage.random) {}
    virtual ~Actor() = default;
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    [[nodiscard]] SimClient& client() noexcept { return client_; }
    [[nodiscard]] const std::string& name() const noexcept { return client_.name(); }
    /// Lives on the first shard, as named clients do.
    [[nodiscard]] bool is_named() const {
        return client_.machine().options().user_name.has_value();
    }
    /// Of the listener that it connects to.
    [[nodiscard]] virtual bus::Durability durability() const { return bus::Durability::disk; }

    /// Before a connection is opened. False: not now.
    [[nodiscard]] virtual bool prepare() { return true; }
    /// One was opened, to the server that runs.
    void on_opened() { losses_when_opened_ = stage_.store_losses; }
    virtual void on_event(const client::Event& event) = 0;
    /// The connection is over; `by_server`: the server ended it, or died.
    virtual void on_disconnected(bool by_server) = 0;
    /// The server stopped; what it had sent may still come.
    virtual void on_crash() {}
    /// A moment of its own.
    virtual void act() {}
    /// The faults are over.
    virtual void settle() { client_.hurry(); }
    /// What is still open; nothing when all has come.
    [[nodiscard]] virtual std::optional<std::string> waits_for() const = 0;
    [[nodiscard]] virtual std::optional<std::string> check(const Records& records) = 0;
    /// All is well: what there was.
    virtual void sum_up(const Records&) {}

protected:
    void fail(const std::string& what) { stage_.fail(name() + ": " + what); }
    /// At a CONNACK: the store was lost since the server of the one before. A CONNACK that is read
    /// when its server is dead says nothing of the store that the next one starts with.
    [[nodiscard]] bool has_lost_store() {
        return std::exchange(losses_at_connack_, losses_when_opened_) != losses_when_opened_;
    }

    Stage& stage_;
    SimClient client_;

private:
    int losses_when_opened_ = 0;  // Of the server, when the newest connection was opened.
    int losses_at_connack_ = 0;   // Of the one that sent the last CONNACK.
};

/// Options of a client that has a user name and, unless `expiry_s` is 0, a session that stays.
[[nodiscard]] client::ClientOptions named(Random& random, const std::string& name,
                                          std::uint32_t expiry_s = 100'000);
[[nodiscard]] client::ClientOptions anonymous(Random& random);

}  // namespace firehose::simulation
