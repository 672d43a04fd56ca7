// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/memory_view_store.h"
#include "log/memory_file.h"
#include "simulation/actor.h"
#include "simulation/server.h"

/// The whole bus under one seed: one or two shards, the log with its steps, checkpoints, and
/// clients, in an order that a seeded scheduler chooses, with everything that can fail failing.
///
/// Most seeds keep their log on disk and live several lives: the server stops, is killed, or loses
/// its power, often in the middle of what it does to the disk, and starts again from what is left
/// (lives.cpp). The others have it in memory, in one life.
///
///     World world{{.seed = 7}};
///     if (auto problem = world.run(5'000)) report(*problem);
///
/// The cast: two publishers and two readers with sessions, a reader whose session expires, an
/// anonymous watcher at QoS 0, one who leaves wills, and members of a shared subscription. All of
/// them are disconnected at random. Then nothing breaks any more, and once everything has settled
/// the oracle (message_log.h, truth.h, and each actor) must be content.
/// Threads: one. The same seed does the same on every run.
namespace firehose::simulation {

struct WorldOptions {
    std::uint64_t seed = 1;
    Break broken = Break::nothing;
    bool is_verbose = false;
};

class World {
public:
    explicit World(const WorldOptions& options);
    ~World();

    /// `steps` with faults, then until settled. What is wrong, or nothing.
    [[nodiscard]] std::optional<std::string> run(int steps);
    [[nodiscard]] const Figures& figures() const noexcept { return figures_; }

private:
    /// What this seed is about.
    struct Weather {
        bool is_kept = false;      // The log is on disk.
        bool is_short = false;     // The disk takes and gives a part at a time.
        bool fails = false;        // Writes and syncs fail, the disk is full for a while.
        std::uint64_t stops = 0;   // Of a thousand steps.
        bool loses_store = false;  // Some starts find an older store, or none.
        bool has_memory_listener = false;
    };
    enum class Ending : std::uint8_t { stop, kill, power_cut };
    struct Stopped {
        Stop stop;
        Ending how = Ending::stop;
    };

    [[nodiscard]] static Weather weather(Random& random);
    void hire();
    void hire_crew();
    void step(bool has_faults);
    void break_something();
    void mend();
    void look_at_disk();
    /// By a log that is full; in this life of the server or before.
    [[nodiscard]] bool has_refused_blocks() const;

    // The lives of the server. (lives.cpp)
    void start(const Stop& before);
    void end_life();
    [[nodiscard]] Stopped end(Ending how);
    void tear_work();
    void lose_power();
    void age_store();
    void connect(Actor& actor);
    void disconnect(Actor& actor, bool by_server);
    void step(Actor& actor);
    [[nodiscard]] std::optional<std::string> settle();
    [[nodiscard]] std::optional<std::string> verdict();
    [[nodiscard]] Records records();
    void dump();
    void add(std::unique_ptr<Actor> actor);

    const WorldOptions options_;
    Random random_;
    Figures figures_;
    SimClock clock_;
    NoWaker waker_;
    Truth truth_;
    Stage stage_;
    Weather weather_;
    log::MemoryFileSystem files_;
    log::MemoryFileSystem damaged_;
    DiskSeam disk_;
    bus::MemoryViewStore rows_;
    StoreSeam store_;
    bus::Acl acl_;
    SlowAuthenticator authenticator_;
    bus::Settings settings_;
    Machine machine_;

    std::vector<std::unique_ptr<Actor>> actors_;
    std::vector<std::unique_ptr<SimPipe>> old_pipes_;  // Given up by their client.
    std::unique_ptr<Server> server_;  // Destroyed first: it has the other ends of the pipes.
    std::size_t bytes_moved_ = 0;
    bool is_rough_ = false;  // Faults and crashes may come.
};

}  // namespace firehose::simulation
