// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "bus/identity.h"
#include "session/inbound.h"
#include "session/outbound.h"
#include "session/owed.h"
#include "session/subscriptions.h"
#include "session/will.h"

/// What the bus remembers of a client beyond its connection: a session is a cursor, never a queue.
///
/// Ownership: the shard's SessionStore owns sessions; a connected session names its client.
/// Threads:   the shard's. Memory: bounded by `session.count_max` and the limits of a session.
/// Source:    MQTT 5.0 section 4.1; rule **Home and hand-over** for the key.
namespace firehose::bus {

class MqttClient;

struct ClientSession {
    ClientSession(std::string session_key, Identity who, std::size_t owed_refs)
        : key(std::move(session_key)), identity(std::move(who)), owed(owed_refs) {}

    std::string key;
    Identity identity;
    PublisherId publisher{};  // Of its records, for No Local.
    session::Subscriptions subscriptions;
    session::Inbound inbound;
    session::Outbound outbound;
    session::Owed owed;
    session::Will will;
    std::uint32_t expiry_s = 0;
    log::Ticket awaited{};      // The newest ticket whose outcome it is to hear of.
    bool is_to_record = false;  // In the shard's list of sessions with something to record.

    MqttClient* client = nullptr;  // Connected, or null.
    Seq cursor{};                  // Not connected: the first position not handed over.
    /// QoS 0 records before it were published while the client was away: not its to have.
    Seq qos_0_from{};
    std::optional<MonotonicTime> ends_at;      // Not connected: when it expires.
    std::optional<MonotonicTime> will_due_at;  // Not connected: when its will is published.
};

class SessionStore {
public:
    /// Sessions' ids count from `first_publisher`; 0, the bus itself, is left out.
    explicit SessionStore(std::uint64_t first_publisher) : next_publisher_(first_publisher) {}

    /// The key of a session that belongs to `who`; an anonymous client's with sessions of its own
    /// is its connection.
    [[nodiscard]] static std::string key_of(const Identity& who, bool is_standard,
                                            ConnectionId connection);

    [[nodiscard]] ClientSession* find(const std::string& key);
    [[nodiscard]] ClientSession* find(PublisherId id);
    [[nodiscard]] ClientSession& make(std::string key, Identity who, std::size_t owed_refs);
    void remove(ClientSession& session);

    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }
    /// Sessions whose will or end is due. The pointers hold until the next change.
    [[nodiscard]] std::vector<ClientSession*> due(MonotonicTime now);
    /// Tells the store that a session's `ends_at` or `will_due_at` was set.
    void schedule(const ClientSession& session);

private:
    std::unordered_map<std::string, std::unique_ptr<ClientSession>> sessions_;
    std::unordered_map<PublisherId, ClientSession*> by_id_;
    std::multimap<MonotonicTime, std::string> due_;  // Stale entries are skipped.
    std::uint64_t next_publisher_;
};

}  // namespace firehose::bus
