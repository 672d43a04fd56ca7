// SPDX-License-Identifier: Apache-2.0
#include "bus/session_store.h"

#include <algorithm>

#include "base/assert.h"
#include "session/connect_rules.h"
#include "topic/topic_filter.h"

namespace firehose::bus {
namespace {

/// Of a session whose will alone is left: found by its timer only.
std::string heir_key(PublisherId id, std::string_view key) {
    return "w" + std::to_string(static_cast<std::uint64_t>(id)) + '\0' + std::string{key};
}

/// Rounded up: what is promised is kept.
std::uint32_t seconds_until(MonotonicTime at, MonotonicTime now) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(at - now).count();
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(left, 0, session::kNeverExpires - 1));
}

}  // namespace

std::string SessionStore::key_of(const Identity& who, bool is_standard, ConnectionId connection) {
    // The first byte keeps the three namespaces apart; NUL cannot be in a name [MQTT-1.5.4-2].
    if (who.user_name) return "u" + *who.user_name + '\0' + who.client_id;
    if (is_standard) return "a" + who.client_id;
    return "c" + std::to_string(static_cast<std::uint64_t>(connection)) + '\0' + who.client_id;
}

std::string SessionStore::key_of_client(std::string_view client_id) {
    return "a" + std::string{client_id};
}

std::string SessionStore::author_of(const Identity& who) {
    return key_of(who, true, ConnectionId{});
}

Identity SessionStore::identity_of(std::string_view key) {
    const std::string_view text = key.substr(std::min<std::size_t>(1, key.size()));
    if (key.starts_with('w')) {
        const std::size_t number = std::min(text.find('\0'), text.size());
        return identity_of(text.substr(std::min(number + 1, text.size())));
    }
    if (!key.starts_with('u') && !key.starts_with('c')) {
        return {.user_name = std::nullopt, .client_id = std::string{text}};
    }
    const std::size_t end = std::min(text.find('\0'), text.size());
    Identity who{.user_name = std::nullopt,
                 .client_id = std::string{text.substr(std::min(end + 1, text.size()))}};
    if (key.starts_with('u')) who.user_name = text.substr(0, end);
    return who;
}

ClientSession* SessionStore::find(std::string_view key) {
    const auto found = sessions_.find(key);
    if (found != sessions_.end()) return found->second.get();
    auto taken = offline_.take(key);
    return taken ? &unpack(std::move(*taken)) : nullptr;
}

bool SessionStore::has_durable(std::string_view key) const {
    const auto found = sessions_.find(key);
    if (found != sessions_.end()) return found->second->is_durable();
    return offline_.has_durable(key);
}

ClientSession* SessionStore::find(PublisherId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

ClientSession& SessionStore::make(std::string key, Identity who) {
    auto session = std::make_unique<ClientSession>(std::move(key), std::move(who), owed_refs_);
    if (next_publisher_ == 0) ++next_publisher_;
    session->publisher = static_cast<PublisherId>(next_publisher_++);
    return add(std::move(session));
}

ClientSession& SessionStore::make_heir(const ClientSession& of) {
    if (next_publisher_ == 0) ++next_publisher_;
    return make(heir_key(static_cast<PublisherId>(next_publisher_), of.key), of.identity);
}

ClientSession& SessionStore::add(std::unique_ptr<ClientSession> session) {
    ClientSession& added = *session;
    const bool is_new = sessions_.emplace(added.key, std::move(session)).second;
    FH_ASSERT(is_new);
    by_id_.emplace(added.publisher, &added);
    return added;
}

void SessionStore::remove(ClientSession& session) {
    FH_ASSERT(session.client == nullptr);
    if (session.is_recorded || session.is_will_recorded || session.is_dirty) {
        ended_.push_back(session.publisher);
    }
    by_id_.erase(session.publisher);
    const auto found = sessions_.find(session.key);
    FH_ASSERT(found != sessions_.end());
    sessions_.erase(found);
}

std::vector<ClientSession*> SessionStore::due(MonotonicTime now, std::size_t max) {
    std::vector<ClientSession*> found;
    for (OfflineSessions::Taken& taken : offline_.take_due(now, max)) {
        found.push_back(&unpack(std::move(taken)));
    }
    // One that cannot be packed yet has its times as well.
    for (const PublisherId id : retired_) {
        ClientSession* session = find(id);
        if (session == nullptr || session->client != nullptr) continue;
        const bool is_due = (session->will.due() && *session->will.due() <= now) ||
                            (session->ends_at && *session->ends_at <= now);
        if (is_due) found.push_back(session);
    }
    return found;
}

ClientSession& SessionStore::unpack(OfflineSessions::Taken&& taken) {
    session::StoredSession& from = taken.session;
    // Of a key that is a client id alone the will says whose it is.
    const bool has_author = from.will && !from.will->author.empty();
    Identity who = identity_of(has_author ? from.will->author : from.key);
    auto session = std::make_unique<ClientSession>(std::move(from.key), std::move(who), owed_refs_);
    session->publisher = from.id;
    for (const session::Subscribed::Entry& entry : from.subscriptions) {
        const session::Subscription made{
            .options = entry.options, .id = entry.id, .from_seq = entry.from_seq};
        if (topic::is_shared(entry.filter)) {
            session->shared.emplace(entry.filter, made);
        } else {
            session->subscriptions.add(entry.filter, made);
        }
    }
    session->row_needs = from.needed_from();
    session->row_cursor = from.cursor;
    session->row_has_exchanges = !from.in_flight.empty() || !from.inbound_held.empty();
    session->inbound.adopt(from.inbound_held);
    session->outbound.adopt(std::move(from.in_flight));
    session->expiry_s = from.expiry_s;
    session->is_recorded = session->is_durable();
    if (from.will) {
        session->will.restore(std::move(*from.will), taken.timers.will_due_at);
        session->is_will_recorded = true;
    }
    session->cursor = from.cursor;
    session->ends_at = taken.timers.ends_at;
    ClientSession& added = add(std::move(session));
    if (taken.is_dirty) mark_dirty(added);
    return added;
}

/// Nothing of it waits to be written, so that its packed form says all.
bool SessionStore::is_idle(const ClientSession& session) {
    return !session.is_to_restate && !session.inbound.has_unrecorded() &&
           !session.outbound.has_unrecorded();
}

void SessionStore::retire(ClientSession& session) {
    if (!std::exchange(session.is_retired, true)) retired_.push_back(session.publisher);
}

void SessionStore::pack_retired(log::Ticket unheard_from, MonotonicTime now, WallTime wall) {
    while (!retired_.empty()) {
        ClientSession* session = find(retired_.front());
        const bool is_away = session != nullptr && session->client == nullptr;
        if (is_away && (session->awaited >= unheard_from || !is_idle(*session))) return;
        retired_.pop_front();
        if (session != nullptr) session->is_retired = false;
        if (!is_away) continue;  // It ended, or its client is back.
        const session::StoredSession packed = stored(*session, session->cursor, now, wall);
        const OfflineSessions::Timers timers{.ends_at = session->ends_at,
                                             .will_due_at = session->will.due()};
        const bool is_dirty = session->is_dirty;
        by_id_.erase(session->publisher);
        sessions_.erase(sessions_.find(session->key));
        offline_.put(packed, timers, is_dirty);
    }
}

void SessionStore::adopt(session::StoredSession&& session, const OfflineSessions::Timers& timers,
                         bool is_dirty) {
    // Connections are counted from 1 again: this one's key may be another's now.
    if (session.key.starts_with('c')) session.key = heir_key(session.id, session.key);
    // Of two with one key the log last spoke of the client's: the other one had ended.
    if (auto known = offline_.take(session.key)) {
        if (known->session.true_for > session.true_for) {
            ended_.push_back(session.id);
            offline_.put(known->session, known->timers, known->is_dirty);
            return;
        }
        ended_.push_back(known->session.id);
    }
    offline_.put(session, timers, is_dirty);
}

void SessionStore::mark_dirty(ClientSession& session) {
    if (!std::exchange(session.is_dirty, true)) dirty_.push_back(session.publisher);
}

ClientSession* SessionStore::pop_dirty() {
    while (!dirty_.empty()) {
        ClientSession* session = find(dirty_.back());
        dirty_.pop_back();
        if (session != nullptr && std::exchange(session->is_dirty, false)) return session;
    }
    dirty_.shrink_to_fit();
    return nullptr;
}

bool SessionStore::take_rows(std::size_t max, Seq true_for,
                             std::vector<ViewStore::SessionRow>& out) {
    for (; !ended_.empty() && max > 0; --max) {
        out.push_back({.id = ended_.back(), .packed = {}});
        ended_.pop_back();
    }
    return offline_.take_rows(max, true_for, out) && ended_.empty();
}

session::StoredSession stored(const ClientSession& session, Seq cursor, MonotonicTime now,
                              WallTime wall) {
    session::StoredSession value{.id = session.publisher,
                                 .key = session.key,
                                 .expiry_s = session.expiry_s,
                                 .wall = wall,
                                 .cursor = cursor};
    for (const auto& [filter, subscription] : session.subscriptions.all()) {
        value.subscriptions.push_back({.filter = filter,
                                       .options = subscription.options,
                                       .id = subscription.id,
                                       .from_seq = subscription.from_seq});
    }
    for (const auto& [filter, made] : session.shared) {
        value.subscriptions.push_back({.filter = filter, .options = made.options, .id = made.id});
    }
    if (!session.shared.empty()) {
        std::ranges::sort(value.subscriptions, {}, &session::Subscribed::Entry::filter);
    }
    const auto& in_flight = session.outbound.in_flight();
    value.in_flight.assign(in_flight.begin(), in_flight.end());
    value.inbound_held = session.inbound.held_ids();
    std::sort(value.inbound_held.begin(), value.inbound_held.end());
    if (session.client == nullptr) {
        value.expires_in_s =
            session.ends_at ? seconds_until(*session.ends_at, now) : session::kNeverExpires;
    }
    if (const session::WillMessage* will = session.will.message()) {
        value.will = *will;
        if (session.will.due()) value.will_in_s = seconds_until(*session.will.due(), now);
    }
    return value;
}

}  // namespace firehose::bus
