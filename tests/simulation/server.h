// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/waker.h"
#include "bus/acl.h"
#include "bus/authenticator.h"
#include "bus/housekeeping.h"
#include "bus/retained_view.h"
#include "bus/settings.h"
#include "bus/shard.h"
#include "log/kept_segment.h"
#include "log/segment_log.h"
#include "simulation/figures.h"
#include "simulation/seams.h"
#include "simulation/sim_clock.h"
#include "simulation/sim_pipe.h"
#include "simulation/truth.h"

/// The server: everything that a crash destroys, made of what a crash leaves.
///
/// Shards, log, views and checkpoints without threads: each step is called by the scheduler.
/// Ownership: owns all of it; what is in Machine, and the pipes, outlive it.
/// Threads:   the simulation's one.
namespace firehose::simulation {

/// Password checks that take their time.
class SlowAuthenticator final : public bus::Authenticator {
public:
    void check(bus::AuthRequest request) override { waiting_.push_back(std::move(request)); }
    void answer_one();
    void forget() { waiting_.clear(); }

private:
    std::vector<bus::AuthRequest> waiting_;
};

/// What the server stands on.
struct Machine {
    const bus::Settings& settings;
    const bus::Acl& acl;
    SlowAuthenticator& authenticator;
    SimClock& clock;
    Waker& waker;
    DiskSeam& disk;
    log::FileSystem& damaged;
    StoreSeam& store;
    Truth& truth;
    Figures& figures;
    log::SegmentLogOptions log;
    bus::HousekeepingOptions housekeeping;
    std::size_t shards = 1;
    Break broken = Break::nothing;
};

/// How a server stops, and what the next one may rely on.
struct Stop {
    Seq durable{};          // The log said so.
    Seq oldest{};           // What is below may have been given up.
    bool is_clean = false;  // The log was closed.
};

class Server {
public:
    /// What a start does, from the folder and the store; or why it cannot. Also where the machine
    /// stops on the way: then the server is not to be used.
    [[nodiscard]] static Result<std::unique_ptr<Server>, std::string> start(const Machine& machine,
                                                                            Random& random,
                                                                            const Stop& before);

    [[nodiscard]] log::SegmentLog& log() noexcept { return log_; }
    [[nodiscard]] const log::Log& log_seen() const noexcept { return seam_; }

    // What the scheduler lets happen.
    void accept(SimPipe& pipe, bool is_websocket, bool is_named, bus::Durability durability);
    /// A client gave the pipe up. False: nobody had accepted it, it may go.
    [[nodiscard]] bool forget(const SimPipe& pipe);
    void turn();
    /// Each shard's turn, with nothing from outside.
    void turn_deaf();
    bool write_step() { return log_.write_step(); }
    bool read_step() { return log_.read_step(); }
    bool seal_step() { return log_.seal_step(); }
    bool keep_house();

    /// Says goodbye to clients, writes a last checkpoint, closes the log: as far as the disk lets
    /// it, and as far as it comes in bounded time.
    [[nodiscard]] Stop stop();
    /// Where the log begins, as far as a start will find it: what is below may be gone.
    [[nodiscard]] Seq oldest_kept() const;
    /// Adds what it did to the figures; once.
    void sum_up();

    /// Reads the whole log; gives every place that holds a record.
    [[nodiscard]] std::set<std::uint64_t> read_all();
    [[nodiscard]] std::string describe() const;

private:
    /// A shard and its connections: sessions live on the first, strangers on any.
    struct Node {
        struct Arrival {
            SimPipe* pipe = nullptr;
            bool is_websocket = false;
            bus::Durability durability = bus::Durability::disk;
        };
        std::unique_ptr<bus::Shard> shard;
        bus::Entrance* disk = nullptr;
        bus::Entrance* memory = nullptr;
        std::vector<Arrival> unaccepted;
        std::vector<SimPipe*> open;
    };

    Server(const Machine& machine, Random& random, log::KeptLog&& kept);

    [[nodiscard]] std::optional<std::string> restore();
    void turn(Node& node);

    const Machine& machine_;
    Random& random_;
    log::SegmentLog log_;
    LogSeam seam_;
    log::ReaderId reader_;
    bus::RetainedView retained_;
    std::vector<Node> nodes_;
    std::optional<bus::Housekeeping> housekeeping_;  // Of a log that is kept.
};

}  // namespace firehose::simulation
