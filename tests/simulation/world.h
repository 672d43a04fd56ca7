// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "bus/acl.h"
#include "bus/authenticator.h"
#include "bus/retained_view.h"
#include "bus/settings.h"
#include "bus/shard.h"
#include "log/memory_file.h"
#include "log/segment_log.h"
#include "simulation/message_log.h"
#include "simulation/sim_client.h"
#include "simulation/sim_clock.h"

/// The whole bus under one seed: one or two shards, the log with its steps, and clients, in an
/// order that a seeded scheduler chooses, with broken connections, slow readers, short reads and
/// writes.
///
///     World world{{.seed = 7}};
///     if (auto problem = world.run(5'000)) report(*problem);
///
/// The cast: a publisher with a session, at all QoS, some retained; a reader with a session, at
/// QoS 2; an anonymous watcher at QoS 0, a feed member. All of them are disconnected at random.
/// Then nothing breaks any more, and once everything has settled the oracle (message_log.h) must
/// be content.
/// Threads: one. The same seed does the same on every run.
namespace firehose::simulation {

/// A fault put in on purpose, to show that the oracle sees it.
enum class Break : std::uint8_t {
    nothing,
    drop,      // The reader forgets a message.
    twice,     // It gets one twice at QoS 2.
    swap,      // It gets two in the wrong order.
    retained,  // One retained copy is missing.
};
[[nodiscard]] std::optional<Break> break_named(std::string_view name);

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

    struct Figures {
        std::size_t records = 0;
        std::size_t connections = 0;
        std::uint64_t disk_reads = 0;
    };
    [[nodiscard]] Figures figures() const;

private:
    /// Password checks that take their time.
    class SlowAuthenticator final : public bus::Authenticator {
    public:
        void check(bus::AuthRequest request) override { waiting_.push_back(std::move(request)); }
        void answer_one();

    private:
        std::vector<bus::AuthRequest> waiting_;
    };

    /// A shard and its connections: sessions live on the first, strangers on any.
    struct Node {
        std::unique_ptr<bus::Shard> shard;
        std::vector<SimPipe*> unaccepted;
        std::vector<SimPipe*> open;
    };

    void step(bool has_faults);
    void turn(Node& node);
    void publish();
    void connect(SimClient& client);
    void disconnect(SimClient& client);
    void step(SimClient& client);
    void on_event(SimClient& client, const client::Event& event);
    void on_message(SimClient& client, const client::Message& message);
    void on_connected(SimClient& client, const client::Connected& connected);
    [[nodiscard]] std::optional<std::string> settle();
    [[nodiscard]] std::optional<std::string> verdict();
    void dump();
    [[nodiscard]] std::vector<Seen> read_log();
    void fail(std::string problem);
    void trace(std::string_view what, std::string_view detail = {});

    const WorldOptions options_;
    Random random_;
    SimClock clock_;
    NoWaker waker_;
    log::MemoryFileSystem files_;
    log::SegmentLog log_;
    log::ReaderId log_reader_;
    bus::RetainedView retained_;
    bus::Acl acl_;
    SlowAuthenticator authenticator_;
    bus::Settings settings_;

    std::vector<std::unique_ptr<SimClient>> clients_;  // Publisher, reader, watcher, late comer.
    std::vector<std::unique_ptr<SimPipe>> old_pipes_;  // Given up by their client.
    std::vector<Node> nodes_;                          // Emptied first: they own the pipes' ends.

    std::vector<Sent> sent_;
    std::vector<std::pair<client::Token, std::size_t>> tokens_;  // Of sent_.
    Reading reading_{.who = "reader"};
    std::vector<Reading> watchings_;  // One a connection.
    Reading late_{.who = "late comer"};
    std::optional<Seen> held_back_;  // Break::swap.
    int messages_seen_ = 0;
    std::size_t connections_ = 0;
    std::size_t bytes_moved_ = 0;
    std::optional<std::string> problem_;
};

}  // namespace firehose::simulation
