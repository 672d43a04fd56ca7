// SPDX-License-Identifier: Apache-2.0
#include "bus/shard.h"

// Sessions without a connection: what is remembered of them, and what checkpoints are given.
namespace firehose::bus {

void Shard::adopt(session::StoredSession&&) {}

bool Shard::take_dirty_sessions(std::size_t, std::vector<ViewStore::SessionRow>&, Seq& true_for) {
    settle();
    true_for = shared_.log.end();
    return true;
}

Seq Shard::sessions_needed_from() const {
    return session::StoredSession::kNeedsNothing;
}

}  // namespace firehose::bus
