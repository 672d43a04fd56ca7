// SPDX-License-Identifier: Apache-2.0
#include "simulation/server.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "bus/restore.h"
#include "log/recovery.h"

namespace firehose::simulation {
namespace {

constexpr std::uint64_t kLogId = 7;
constexpr int kStopRounds = 500;  // Until a server that stops gives up.

[[nodiscard]] std::vector<bus::SessionRowsBox*> boxes(auto& nodes) {
    std::vector<bus::SessionRowsBox*> all;
    for (auto& node : nodes) all.push_back(&node.shard->session_rows());
    return all;
}

}  // namespace

void SlowAuthenticator::answer_one() {
    if (waiting_.empty()) return;
    const bus::AuthRequest request = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    FH_ASSERT(request.reply->post({request.connection, bus::AuthResult::accepted}));
}

Server::Server(const Machine& machine, Random& random, log::KeptLog&& kept)
    : machine_(machine),
      random_(random),
      log_(machine.log, machine.disk, machine.clock, std::move(kept)),
      seam_(log_, machine.truth, machine.broken),
      reader_(seam_.add_reader(machine.waker)) {
    const std::uint64_t publisher_seed = random_.next();
    for (std::size_t i = 0; i < machine.shards; ++i) {
        nodes_.push_back({.shard = std::make_unique<bus::Shard>(
                              bus::Shared{.settings = machine.settings,
                                          .log = seam_,
                                          .retained = retained_,
                                          .publisher_seed = publisher_seed + (i << 40)},
                              machine.waker)});
        Node& node = nodes_.back();
        const auto entrance = [&](bus::Durability durability) {
            return &node.shard->add_entrance({.durability = durability,
                                              .acl = &machine.acl,
                                              .authenticator = &machine.authenticator});
        };
        node.disk = entrance(bus::Durability::disk);
        node.memory = entrance(bus::Durability::memory);
    }
}

Result<std::unique_ptr<Server>, std::string> Server::start(const Machine& machine, Random& random,
                                                           const Stop& before) {
    log::KeptLog kept;
    const bool is_kept = machine.log.mode == log::LogMode::disk;
    if (is_kept) {
        auto recovered = log::recover(machine.disk, machine.damaged, {.log_id = kLogId});
        if (!recovered) {
            return Failure{recovered.error().file + ": " + recovered.error().problem};
        }
        machine.figures.add(Counted::bytes_cut, recovered->bytes_cut);
        if (before.is_clean && !recovered->was_clean) {
            machine.truth.fail("a clean stop was not found to be one");
        }
        kept = std::move(recovered->log);
        if (machine.broken == Break::seq_twice) kept.next_seq = kept.end_seq;
    }
    // Not with make_unique: the constructor is private.
    std::unique_ptr<Server> server{new Server(machine, random, std::move(kept))};
    if (!is_kept) return server;
    const std::set<std::uint64_t> places = server->read_all();
    if (machine.disk.is_stopped()) return Failure{std::string{"the machine stopped"}};
    machine.truth.on_recovered(places, before.oldest, before.durable);
    if (auto problem = server->restore()) return Failure{std::move(*problem)};
    return server;
}

std::optional<std::string> Server::restore() {
    housekeeping_.emplace(machine_.housekeeping, log_, machine_.store, retained_, boxes(nodes_),
                          machine_.waker);
    bus::Shard& home = *nodes_.front().shard;
    home.begin_turn(machine_.clock.monotonic(), machine_.clock.wall());
    auto restored = bus::restore(
        {.store = &machine_.store,
         .log = seam_,
         .retained = retained_,
         .shares = &home.shares(),
         .read_step = [this] { return log_.read_step(); },
         .adopt = [&](session::StoredSession&& stored) { home.adopt(std::move(stored)); }});
    if (!restored) return restored.error();
    housekeeping_->add_rows(std::move(restored->changed));
    home.start_shares();
    machine_.figures.add(Counted::sessions_restored, restored->sessions);
    machine_.figures.add(Counted::retained_restored, restored->retained);
    if (restored->rows_unreadable != 0) return "a row of the store cannot be read";
    return {};
}

void Server::accept(SimPipe& pipe, bool is_websocket, bool is_named, bus::Durability durability) {
    Node& node = is_named ? nodes_.front() : nodes_[random_.below(nodes_.size())];
    node.unaccepted.push_back(
        {.pipe = &pipe, .is_websocket = is_websocket, .durability = durability});
}

bool Server::forget(const SimPipe& pipe) {
    for (Node& node : nodes_) {
        const auto is_it = [&](const Node::Arrival& arrival) { return arrival.pipe == &pipe; };
        if (std::erase_if(node.unaccepted, is_it) != 0) return false;
    }
    return true;
}

void Server::turn() {
    turn(nodes_[random_.below(nodes_.size())]);
    for (Node& each : nodes_) {
        std::erase_if(each.open, [](const SimPipe* pipe) { return pipe->is_over(); });
    }
}

void Server::turn(Node& node) {
    node.shard->begin_turn(machine_.clock.monotonic(), machine_.clock.wall());
    for (const Node::Arrival& arrival : std::exchange(node.unaccepted, {})) {
        node.open.push_back(arrival.pipe);
        const bool is_disk = arrival.durability == bus::Durability::disk;
        node.shard->accept_mqtt({.stream = arrival.pipe->server_end(),
                                 .entrance = is_disk ? *node.disk : *node.memory,
                                 .is_websocket = arrival.is_websocket});
    }
    for (std::uint64_t i = random_.below(8); i > 0 && !node.open.empty(); --i) {
        node.open[random_.below(node.open.size())]->deliver();
    }
    node.shard->end_turn();
}

void Server::turn_deaf() {
    for (Node& node : nodes_) {
        node.shard->begin_turn(machine_.clock.monotonic(), machine_.clock.wall());
        node.shard->end_turn();
    }
}

bool Server::keep_house() {
    return housekeeping_ && housekeeping_->step(machine_.clock.monotonic());
}

Stop Server::stop() {
    for (Node& node : nodes_) {
        node.shard->begin_turn(machine_.clock.monotonic(), machine_.clock.wall());
        node.shard->begin_drain();
        node.shard->end_turn();
    }
    const auto step_all = [&] {
        machine_.clock.pass();
        turn();
        log_.write_step();
        log_.read_step();
    };
    for (std::uint64_t i = random_.below(30); i > 0; --i) step_all();
    // Whoever is connected still is not heard any more.
    for (Node& node : nodes_) {
        node.shard->begin_turn(machine_.clock.monotonic(), machine_.clock.wall());
        node.shard->end_drain();
        node.shard->end_turn();
        node.unaccepted.clear();
        node.open.clear();
    }
    if (housekeeping_) {
        housekeeping_->begin_round();
        for (int i = 0; i < kStopRounds && !housekeeping_->has_round_ended(); ++i) {
            step_all();
            keep_house();
        }
    }
    for (int i = 0; i < kStopRounds && log_.close_step(); ++i) machine_.clock.pass();
    const bool is_clean = log_.takes_durable() && log_.durable_end() == log_.end() &&
                          log_.metrics().write_errors_total == 0;
    return {.durable = log_.durable_end(), .oldest = oldest_kept(), .is_clean = is_clean};
}

Seq Server::oldest_kept() const {
    // Of a segment that went, the memory window may have had more.
    const bool has_dropped = log_.metrics().segments_dropped_total != 0;
    return has_dropped ? log_.durable_end() : log_.oldest();
}

void Server::sum_up() {
    Figures& figures = machine_.figures;
    const log::LogMetrics metrics = log_.metrics();
    figures.add(Counted::blocks_refused, metrics.blocks_refused_total);
    figures.add(Counted::records, metrics.records_total);
    figures.add(Counted::disk_reads, metrics.read_answers_total);
    figures.add(Counted::segments_dropped, metrics.segments_dropped_total);
    for (const Node& node : nodes_) {
        figures.add(Counted::overruns, node.shard->metrics().publishes_dropped.value());
    }
    if (!housekeeping_) return;
    const bus::CheckpointFigures& checkpoints = housekeeping_->checkpointer().figures();
    figures.add(Counted::session_rows, checkpoints.session_rows_total);
    figures.add(Counted::retained_rows, checkpoints.retained_rows_total);
    figures.add(Counted::checkpoint_failures, checkpoints.failures_total);
    figures.add(Counted::generations, housekeeping_->figures().generations_total);
    figures.add(Counted::keep_records, housekeeping_->figures().kept_records_total);
}

std::set<std::uint64_t> Server::read_all() {
    std::set<std::uint64_t> places;
    Seq from = seam_.oldest();
    while (from < seam_.end()) {
        std::vector<log::BlockRef> blocks;
        const log::ReadStatus status = seam_.read(from, 1 << 20, blocks);
        if (status == log::ReadStatus::at_end) break;
        if (status != log::ReadStatus::blocks) {
            FH_ASSERT(seam_.request(reader_, from, 1 << 20, 0));
            std::vector<log::ReadAnswer> answers;
            while ((answers = seam_.take_answers(reader_)).empty()) log_.read_step();
            blocks = std::move(answers.at(0).blocks);
        }
        if (blocks.empty()) break;  // The oldest went meanwhile.
        for (const log::BlockRef& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                if (block->record(i).kind == log::RecordKind::gap) continue;
                places.insert(number(block->first_seq() + i));
            }
        }
        from = blocks.back()->end_seq();
    }
    return places;
}

std::string Server::describe() const {
    const log::LogMetrics metrics = log_.metrics();
    std::string text = "refused " + std::to_string(metrics.blocks_refused_total) + ", unwritten " +
                       std::to_string(metrics.unwritten_bytes) + " bytes, oldest " +
                       std::to_string(metrics.oldest_seq) + ", end " +
                       std::to_string(metrics.end_seq) + ", durable end " +
                       std::to_string(number(log_.durable_end())) +
                       (log_.takes_durable() ? "" : ", degraded");
    for (const Node& node : nodes_) {
        text += ", a shard at " + std::to_string(number(node.shard->tail_position())) + " and " +
                std::to_string(number(node.shard->durable_position()));
    }
    return text;
}

}  // namespace firehose::simulation
