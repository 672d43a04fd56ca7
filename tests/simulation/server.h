// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/acl.h"
#include "bus/authenticator.h"
#include "bus/retained_view.h"
#include "bus/settings.h"
#include "bus/shard.h"
#include "log/segment_log.h"
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
    Truth& truth;
    log::SegmentLogOptions log;
    std::size_t shards = 1;
    Break broken = Break::nothing;
};

class Server {
public:
    Server(const Machine& machine, Random& random);

    [[nodiscard]] log::SegmentLog& log() noexcept { return log_; }
    [[nodiscard]] const log::Log& log_seen() const noexcept { return seam_; }

    // What the scheduler lets happen.
    void accept(SimPipe& pipe, bool is_websocket, bool is_named);
    /// A client gave the pipe up. False: nobody had accepted it, it may go.
    [[nodiscard]] bool forget(const SimPipe& pipe);
    void turn();
    bool write_step() { return log_.write_step(); }
    bool read_step() { return log_.read_step(); }

    /// Reads the whole log; gives every place that holds a record.
    [[nodiscard]] std::set<std::uint64_t> read_all();
    [[nodiscard]] std::string describe() const;

private:
    /// A shard and its connections: sessions live on the first, strangers on any.
    struct Node {
        struct Arrival {
            SimPipe* pipe = nullptr;
            bool is_websocket = false;
        };
        std::unique_ptr<bus::Shard> shard;
        std::vector<Arrival> unaccepted;
        std::vector<SimPipe*> open;
    };

    Random& random_;
    SimClock& clock_;
    log::SegmentLog log_;
    LogSeam seam_;
    log::ReaderId reader_;
    bus::RetainedView retained_;
    std::vector<Node> nodes_;
};

}  // namespace firehose::simulation
