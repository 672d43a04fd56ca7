// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "bus/identity.h"
#include "bus/offline_sessions.h"
#include "session/inbound.h"
#include "session/outbound.h"
#include "session/owed.h"
#include "session/subscriptions.h"
#include "session/will.h"

/// What the bus remembers of a client beyond its connection: a session is a cursor, never a queue.
///
/// A session with a connection is a ClientSession. One whose client went away becomes a packed one
/// (OfflineSessions) as soon as nothing of it is under way, and is unpacked when it is found.
/// Ownership: the shard's SessionStore owns sessions; a connected session names its client.
/// Threads:   the shard's. Memory: bounded by `session.count_max` and the limits of a session.
/// Source:    MQTT 5.0 section 4.1; rules **Home and hand-over** for the key, **What a session may
///            not forget**.
namespace firehose::bus {

class MqttClient;
struct Entrance;

struct ClientSession {
    ClientSession(std::string session_key, Identity who, std::size_t owed_refs)
        : key(std::move(session_key)), identity(std::move(who)), owed(owed_refs) {}

    /// It outlives its connection; what it may not forget is recorded.
    [[nodiscard]] bool is_durable() const noexcept { return expiry_s != 0; }

    std::string key;
    Identity identity;
    PublisherId publisher{};  // Of its records, for No Local.
    session::Subscriptions subscriptions;
    std::map<std::string, session::Subscription, std::less<>> shared;  // By `$share/...`.
    session::Inbound inbound;
    session::Outbound outbound;
    session::Owed owed;
    session::Will will;
    std::uint32_t expiry_s = 0;
    log::Ticket awaited{};      // The newest ticket whose outcome it is to hear of.
    bool is_to_record = false;  // In the shard's list of sessions with something to record.

    MqttClient* client = nullptr;        // Connected, or null.
    const Entrance* entrance = nullptr;  // Of its last connection; null after a restart.
    Seq cursor{};                        // Not connected: the first position not handed over.
    /// QoS 0 records before it were published while the client was away: not its to have.
    Seq qos_0_from{};
    std::optional<MonotonicTime> ends_at;  // Not connected: when it expires.

    // What the log and the checkpoint have of it.
    log::Ticket recorded{};         // Of its newest control record.
    bool is_to_restate = false;     // The log refused some: all of it is recorded once more.
    bool is_recorded = false;       // SessionOpened: so its end is recorded too.
    bool is_will_recorded = false;  // WillArmed: so is that it is gone.
    bool is_dirty = false;          // It changed since its row was taken.
    bool is_retired = false;        // In the store's list of sessions to pack.
    bool row_has_exchanges = false;
    Seq row_cursor{};
    Seq row_needs{};
};

class SessionStore {
public:
    /// Sessions' ids count from `first_publisher`; 0, the bus itself, is left out.
    SessionStore(std::uint64_t first_publisher, std::size_t owed_refs)
        : next_publisher_(first_publisher), owed_refs_(owed_refs) {}

    /// The key of a session that belongs to `who`; an anonymous client's with sessions of its own
    /// is its connection.
    [[nodiscard]] static std::string key_of(const Identity& who, bool is_standard,
                                            ConnectionId connection);
    /// The key where sessions belong to whoever comes with the client id.
    [[nodiscard]] static std::string key_of_client(std::string_view client_id);
    /// How a record names who published it: a key that `identity_of` understands.
    [[nodiscard]] static std::string author_of(const Identity& who);
    /// Whose key it is; of a client id's alone, an anonymous client's.
    [[nodiscard]] static Identity identity_of(std::string_view key);

    /// By key: unpacked if it was packed. By id: only one that is not packed.
    [[nodiscard]] ClientSession* find(std::string_view key);
    [[nodiscard]] ClientSession* find(PublisherId id);
    /// The session with that key outlives connections.
    [[nodiscard]] bool has_durable(std::string_view key) const;
    [[nodiscard]] ClientSession& make(std::string key, Identity who);
    /// A session of which only a will is left, under a key that nobody comes back with.
    [[nodiscard]] ClientSession& make_heir(const ClientSession& of);
    /// Forgets it; if checkpoints may have it, they are told.
    void remove(ClientSession& session);

    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size() + offline_.size(); }
    /// Sessions without a connection whose will or end is due, unpacked, some `max`: to be
    /// removed, or retired again. The pointers hold until one is removed.
    [[nodiscard]] std::vector<ClientSession*> due(MonotonicTime now, std::size_t max);

    /// It has no connection: to be packed by `pack_retired`.
    void retire(ClientSession& session);
    /// Packs retired sessions that wait for no ticket from `unheard_from` on.
    void pack_retired(log::Ticket unheard_from, MonotonicTime now, WallTime wall);
    /// A session from before the start.
    void adopt(session::StoredSession&& session, const OfflineSessions::Timers& timers,
               bool is_dirty);

    void mark_dirty(ClientSession& session);
    /// Every session that is not packed.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (auto& [key, session] : sessions_) visit(*session);
    }
    /// The next one that is dirty and not packed; it is no longer dirty then. Null: none.
    [[nodiscard]] ClientSession* pop_dirty();
    /// Rows of ended and packed sessions; false: more are left.
    bool take_rows(std::size_t max, Seq true_for, std::vector<ViewStore::SessionRow>& out);
    [[nodiscard]] const OfflineSessions& offline() const noexcept { return offline_; }

private:
    ClientSession& add(std::unique_ptr<ClientSession> session);
    ClientSession& unpack(OfflineSessions::Taken&& taken);
    [[nodiscard]] static bool is_idle(const ClientSession& session);

    std::unordered_map<std::string_view, std::unique_ptr<ClientSession>> sessions_;  // Key inside.
    std::unordered_map<PublisherId, ClientSession*> by_id_;
    OfflineSessions offline_;
    std::deque<PublisherId> retired_;
    std::vector<PublisherId> dirty_;  // Some are stale.
    std::vector<PublisherId> ended_;  // Since their rows were taken.
    std::uint64_t next_publisher_;
    std::size_t owed_refs_;
};

/// As a value, with its cursor at `cursor`.
[[nodiscard]] session::StoredSession stored(const ClientSession& session, Seq cursor,
                                            MonotonicTime now, WallTime wall);

}  // namespace firehose::bus
