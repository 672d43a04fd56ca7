// SPDX-License-Identifier: Apache-2.0
#include "bus/shard.h"

// The end: what is on its way is sent, then each client is told.
namespace firehose::bus {

void Shard::begin_drain() {
    is_draining_ = true;
    for (auto& [id, client] : clients_) {
        if (!client->is_closing()) client->stream().set_reading(false);
    }
    drain(false);
}

void Shard::end_drain() {
    drain(true);
}

void Shard::drain(bool is_late) {
    std::vector<ConnectionId> leaving;
    for (const auto& [id, client] : clients_) {
        if (!client->is_closing() && (is_late || client->is_drained())) leaving.push_back(id);
    }
    for (const ConnectionId id : leaving) {
        if (Client* client = find(id)) client->on_drain();
    }
    link_pending();
}

}  // namespace firehose::bus
