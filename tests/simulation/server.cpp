// SPDX-License-Identifier: Apache-2.0
#include "simulation/server.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace firehose::simulation {

void SlowAuthenticator::answer_one() {
    if (waiting_.empty()) return;
    const bus::AuthRequest request = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    FH_ASSERT(request.reply->post({request.connection, bus::AuthResult::accepted}));
}

Server::Server(const Machine& machine, Random& random)
    : random_(random),
      clock_(machine.clock),
      log_(machine.log, machine.disk, machine.clock),
      seam_(log_, machine.truth, machine.broken),
      reader_(seam_.add_reader(machine.waker)) {
    for (std::size_t i = 0; i < machine.shards; ++i) {
        nodes_.push_back({.shard = std::make_unique<bus::Shard>(
                              bus::Shared{.settings = machine.settings,
                                          .log = seam_,
                                          .retained = retained_,
                                          .acl = machine.acl,
                                          .authenticator = machine.authenticator},
                              machine.waker)});
    }
}

void Server::accept(SimPipe& pipe, bool is_websocket, bool is_named) {
    Node& node = is_named ? nodes_.front() : nodes_[random_.below(nodes_.size())];
    node.unaccepted.push_back({.pipe = &pipe, .is_websocket = is_websocket});
}

bool Server::forget(const SimPipe& pipe) {
    for (Node& node : nodes_) {
        const auto is_it = [&](const Node::Arrival& arrival) { return arrival.pipe == &pipe; };
        if (std::erase_if(node.unaccepted, is_it) != 0) return false;
    }
    return true;
}

void Server::turn() {
    Node& node = nodes_[random_.below(nodes_.size())];
    node.shard->begin_turn(clock_.monotonic(), clock_.wall());
    for (const Node::Arrival& arrival : std::exchange(node.unaccepted, {})) {
        node.open.push_back(arrival.pipe);
        node.shard->accept_mqtt(arrival.pipe->server_end(), arrival.is_websocket, {});
    }
    for (std::uint64_t i = random_.below(8); i > 0 && !node.open.empty(); --i) {
        node.open[random_.below(node.open.size())]->deliver();
    }
    node.shard->end_turn();
    for (Node& each : nodes_) {
        std::erase_if(each.open, [](const SimPipe* pipe) { return pipe->is_over(); });
    }
}

std::set<std::uint64_t> Server::read_all() {
    std::set<std::uint64_t> places;
    Seq from = seam_.oldest();
    while (from < seam_.end()) {
        std::vector<log::BlockRef> blocks;
        if (seam_.read(from, 1 << 20, blocks) != log::ReadStatus::blocks) {
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
                       std::to_string(number(log_.durable_end()));
    for (const Node& node : nodes_) {
        text += ", a shard at " + std::to_string(number(node.shard->tail_position()));
    }
    return text;
}

}  // namespace firehose::simulation
