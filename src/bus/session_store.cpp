// SPDX-License-Identifier: Apache-2.0
#include "bus/session_store.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::bus {

std::string SessionStore::key_of(const Identity& who, bool is_standard, ConnectionId connection) {
    // The first byte keeps the three namespaces apart; NUL cannot be in a name [MQTT-1.5.4-2].
    if (who.user_name) return "u" + *who.user_name + '\0' + who.client_id;
    if (is_standard) return "a" + who.client_id;
    return "c" + std::to_string(static_cast<std::uint64_t>(connection));
}

ClientSession* SessionStore::find(const std::string& key) {
    const auto found = sessions_.find(key);
    return found == sessions_.end() ? nullptr : found->second.get();
}

ClientSession* SessionStore::find(PublisherId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

ClientSession& SessionStore::make(std::string key, Identity who, std::size_t owed_refs) {
    auto session = std::make_unique<ClientSession>(key, std::move(who), owed_refs);
    if (next_publisher_ == 0) ++next_publisher_;
    session->publisher = static_cast<PublisherId>(next_publisher_++);
    const auto [at, is_new] = sessions_.emplace(std::move(key), std::move(session));
    FH_ASSERT(is_new);
    by_id_.emplace(at->second->publisher, at->second.get());
    return *at->second;
}

void SessionStore::remove(ClientSession& session) {
    FH_ASSERT(session.client == nullptr);
    by_id_.erase(session.publisher);
    const std::size_t removed = sessions_.erase(std::string{session.key});
    FH_ASSERT(removed == 1);
}

void SessionStore::schedule(const ClientSession& session) {
    for (const auto& at : {session.ends_at, session.will_due_at}) {
        if (at) due_.emplace(*at, session.key);
    }
}

std::vector<ClientSession*> SessionStore::due(MonotonicTime now) {
    std::vector<ClientSession*> found;
    while (!due_.empty() && due_.begin()->first <= now) {
        ClientSession* session = find(due_.begin()->second);
        due_.erase(due_.begin());
        if (session == nullptr || session->client != nullptr) continue;
        const bool is_due = (session->ends_at && *session->ends_at <= now) ||
                            (session->will_due_at && *session->will_due_at <= now);
        if (is_due && std::find(found.begin(), found.end(), session) == found.end()) {
            found.push_back(session);
        }
    }
    return found;
}

}  // namespace firehose::bus
