// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bus/mqtt_client.h"
#include "bus/shard.h"
#include "session/connect_rules.h"
#include "topic/topic_name.h"

// Sessions beyond their connections: wills, the end, what checkpoints are given and starts give.
namespace firehose::bus {
namespace {

using session::StoredSession;

/// A connected session whose position alone moved is stored again after so many positions: its
/// row may lag, since what it was handed is in its control records.
constexpr std::uint64_t kRowLagMax = 65'536;

/// What is left of a duration that must outlive a restart: less by at most the time that the wall
/// clock moved forward (rule **Clocks**).
Microseconds left_of(std::uint32_t seconds, WallTime as_of, WallTime wall) {
    const Microseconds passed = std::max(wall - as_of, Microseconds{0});
    return std::max(Microseconds{std::chrono::seconds{seconds}} - passed, Microseconds{0});
}

Seq cursor_of(const ClientSession& session) {
    return session.client != nullptr ? session.client->cursor() : session.cursor;
}

std::uint32_t whole_seconds(Microseconds duration) {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

void Shard::on_session_joined() {
    metrics_.clients_connected.add();
    if (metrics_.clients_connected.value() > metrics_.clients_maximum.value()) {
        metrics_.clients_maximum.set(metrics_.clients_connected.value());
    }
}

/// A connection left its session: publish or plan the will; end or keep the session.
void Shard::on_session_left(ClientSession& session, session::ConnectionEnd how) {
    metrics_.clients_connected.subtract();
    perform(session.will.on_end(how, now_, session.expiry_s), session);
    note_will(session);
    // What we stop ourselves is left to the restart, the will even of a session that ends.
    const bool is_left_armed =
        how == session::ConnectionEnd::server_stopping && session.will.message() != nullptr;
    if (!is_left_armed &&
        (!session.is_durable() || sessions_.size() > shared_.settings.sessions_max)) {
        end_session(session);  // [MQTT-3.1.2-23]
        return;
    }
    if (session.is_durable() && session.expiry_s != session::kNeverExpires) {
        session.ends_at = now_ + std::chrono::seconds{session.expiry_s};
    }
    sessions_.mark_dirty(session);
    sessions_.retire(session);
}

/// By the rights of its last connection's entrance. Where that is not known any more (a restart),
/// what any of them allows: one of them did, when its will was armed.
bool Shard::may_write(const ClientSession& session, std::string_view topic) const {
    if (session.entrance != nullptr) {
        return session.entrance->acl->may_write(session.identity, topic);
    }
    return std::ranges::any_of(entrances_, [&](const auto& entrance) {
        return entrance->acl->may_write(session.identity, topic);
    });
}

/// Replaces the session's will. One that may not be published is not armed; the CONNECT succeeds
/// (rule **Wills**). While the log takes nothing durable only the checkpoint hears of it.
void Shard::arm_will(ClientSession& session, session::Will&& will) {
    session.will = std::move(will);
    const session::WillMessage* message = session.will.message();
    if (message != nullptr &&
        (message->topic.starts_with('$') ||
         topic::level_count(message->topic) > shared_.settings.topic_levels_max ||
         !may_write(session, message->topic))) {
        session.will.disarm();
        metrics_.publishes_denied.add();
        message = nullptr;
    }
    if (message == nullptr) {
        note_will(session);
        return;
    }
    if (SessionStore::identity_of(session.key) != session.identity) {
        session.will.set_author(SessionStore::author_of(session.identity));
    }
    record_will(session);
}

void Shard::record_will(ClientSession& session) {
    session.is_will_recorded = true;
    if (takes_durable()) {
        record(session, session::WillArmed{.key = session.key, .will = *session.will.message()});
    } else {
        restate_later(session);
    }
}

/// What became of the will may be news to the log.
void Shard::note_will(ClientSession& session) {
    if (!session.is_will_recorded || session.will.message() != nullptr) return;
    session.is_will_recorded = false;
    if (takes_durable()) {
        record(session, session::WillDisarmed{});
    } else {
        restate_later(session);
    }
}

/// Publishes the will if it is its time. While the log cannot take it, it waits: nobody would hear
/// of a refusal (rule **Degraded**).
void Shard::perform(const session::WillAction& action, ClientSession& session) {
    if (action.kind != session::WillAction::Kind::publish_now) return;
    const session::WillMessage* will = session.will.message();
    if (will == nullptr) return;
    // Checked when it was armed, and again now (rule **Wills**).
    if (may_write(session, will->topic)) {
        const bool is_qos_0 = will->qos == mqtt::Qos::at_most_once;
        if (is_qos_0 ? is_log_full() : !can_record()) {
            session.will.postpone(now_);
            return;
        }
        log::Record message{.qos = static_cast<std::uint8_t>(will->qos),
                            .retain = will->retain,
                            .payload_is_utf8 = is_text(will->payload),
                            .topic = will->topic,
                            .properties = will->properties,
                            .payload = will->payload,
                            .publisher = session.publisher};
        std::string author;
        if (will->retain && !will->payload.empty()) {
            author = SessionStore::author_of(session.identity);
            message.author = author;
        }
        if (will->message_expiry_s) {
            message.expires = wall_ + std::chrono::seconds{*will->message_expiry_s};
        }
        std::ignore = publish(message);
    }
    session.will.disarm();  // [MQTT-3.1.2-10]
    // In the block of the message, also while the log takes nothing durable: both or neither.
    if (std::exchange(session.is_will_recorded, false)) record(session, session::WillDisarmed{});
}

/// The session goes, or has a new will, before its will could be published: that waits as a
/// session of its own.
void Shard::bequeath(ClientSession& session) {
    ClientSession& heir = sessions_.make_heir(session);
    heir.entrance = session.entrance;
    heir.will = session.will;
    record_will(heir);
    sessions_.retire(heir);
    session.will.disarm();
    note_will(session);
}

/// The log refused something of it: all that a session may not forget, but its exchanges, which
/// are recorded again by themselves.
void Shard::restate(ClientSession& session) {
    session.is_to_restate = false;
    if (session.is_recorded) {
        record(session, session::SessionOpened{session.key, session.expiry_s});
        session::Subscribed subscribed;
        for (const auto& [filter, made] : session.subscriptions.all()) {
            subscribed.entries.push_back({.filter = filter,
                                          .options = made.options,
                                          .id = made.id,
                                          .from_seq = made.from_seq});
        }
        for (const auto& [filter, made] : session.shared) {
            subscribed.entries.push_back(
                {.filter = filter, .options = made.options, .id = made.id});
        }
        if (!subscribed.entries.empty()) record(session, subscribed);
    }
    for (const auto& [filter, made] : session.shared) {
        record(session,
               session::GroupJoined{
                   .filter = filter, .qos = made.options.qos, .is_durable = session.is_durable()});
    }
    if (session.will.message() == nullptr) {
        record(session, session::WillDisarmed{});
    } else if (session.is_will_recorded) {
        record_will(session);
    }
}

/// The log does not have all of it: as soon as it can. The checkpoint may be earlier.
void Shard::restate_later(ClientSession& session) {
    sessions_.mark_dirty(session);
    session.is_to_restate = true;
    mark_to_record(session);
}

void Shard::end_session(ClientSession& session) {
    for (const auto& [filter, subscription] : session.shared) leave_group(session, filter, true);
    const bool is_in_log =
        session.is_recorded || session.is_will_recorded || session.recorded != log::Ticket{};
    perform(session.will.on_session_ended(), session);
    if (session.will.due()) bequeath(session);
    if (is_in_log && !takes_durable()) {
        to_end_.push_back(session.publisher);
    } else if (session.is_recorded) {
        record(session, session::SessionEnded{});
    } else {
        session.will.disarm();
        note_will(session);
    }
    metrics_.subscriptions.subtract(session.subscriptions.size() + session.shared.size());
    sessions_.remove(session);
}

/// The will or the end of a session without a connection is due; it was unpacked for it.
void Shard::on_due(ClientSession& session) {
    perform(session.will.on_tick(now_), session);
    const bool has_expired = session.ends_at && *session.ends_at <= now_;  // [MQTT-4.1.0-2]
    if (has_expired) metrics_.sessions_expired.add();
    if (has_expired || (!session.is_durable() && session.will.message() == nullptr)) {
        end_session(session);
        return;
    }
    sessions_.retire(session);
}

// Checkpoints, and the start.

/// Links what is pending and hears what became of it, also of what that leads to: until then a
/// session may hold an id of a message that the log refuses. False: there is more of it.
bool Shard::settle_outcomes() {
    constexpr int kRoundsMax = 4;
    for (int i = 0; i < kRoundsMax; ++i) {
        record_exchanges();
        settle();
        hear_outcomes();
        if (pending_.is_empty()) return true;
    }
    return false;
}

bool Shard::take_dirty_sessions(std::size_t max, std::vector<ViewStore::SessionRow>& out,
                                Seq& true_for) {
    const bool is_settled = settle_outcomes();
    true_for = shared_.log.end();
    if (!is_settled) return false;
    if (!std::exchange(is_row_round_, true)) {
        row_round_from_ = true_for;
        sessions_.for_each([this](ClientSession& session) {
            const bool has_exchanges =
                !session.outbound.in_flight().empty() || session.inbound.held() != 0;
            const bool has_moved =
                number(cursor_of(session)) >= number(session.row_cursor) + kRowLagMax;
            const bool is_stored = session.is_durable() || session.is_recorded;
            if (is_stored && (has_exchanges || session.row_has_exchanges || has_moved)) {
                sessions_.mark_dirty(session);
            }
        });
    }
    const std::size_t end = out.size() + max;
    while (out.size() < end) {
        ClientSession* session = sessions_.pop_dirty();
        if (session == nullptr) break;
        StoredSession row = row_of(*session);
        row.true_for = true_for;
        out.push_back({.id = row.id, .packed = row.is_kept() ? row.pack() : ByteBuffer{}});
    }
    if (!sessions_.take_rows(end - out.size(), true_for, out) || out.size() >= end) return false;
    // The groups' row comes last, and is true for the whole round.
    // What it has not folded yet may change it: the floor must not pass that.
    do_rows_wait_ =
        keeps_shares_ && !shares_.is_idle(durable_position_) && durable_position_ < row_round_from_;
    if (do_rows_wait_) return false;
    if (keeps_shares_ && shares_.is_dirty()) {
        out.push_back({.id = kSharesRow, .packed = shares_.pack(durable_position_)});
    }
    is_row_round_ = false;
    return true;
}

/// The log becomes durable in time, and that wakes us.
bool Shard::can_take_rows() const {
    return !do_rows_wait_ || durable_position_ >= row_round_from_;
}

void Shard::answer_checkpoint() {
    const std::size_t rows_max = session_rows_.requested();
    if (rows_max == 0 || !can_take_rows()) return;
    SessionRows answer;
    answer.is_last = take_dirty_sessions(rows_max, answer.rows, answer.true_for);
    answer.tail = tail_position_;
    answer.needed_from = sessions_needed_from();
    session_rows_.answer(std::move(answer));
}

StoredSession Shard::row_of(ClientSession& session) {
    StoredSession row = stored(session, cursor_of(session), now_, wall_);
    session.row_cursor = row.cursor;
    session.row_needs = row.needed_from();
    session.row_has_exchanges = !row.in_flight.empty() || !row.inbound_held.empty();
    return row;
}

Seq Shard::sessions_needed_from() {
    Seq needed = sessions_.offline().needed_from();
    if (keeps_shares_) needed = std::min(needed, shares_.needed_from().value_or(needed));
    sessions_.for_each([&needed](const ClientSession& session) {
        if (session.is_durable()) needed = std::min(needed, session.row_needs);
    });
    return needed;
}

void Shard::adopt(StoredSession&& stored) {
    const bool was_connected = !stored.expires_in_s;
    const WallTime as_of = was_connected ? wall_ : stored.wall;
    const std::uint32_t expiry_s = stored.expires_in_s.value_or(stored.expiry_s);
    OfflineSessions::Timers timers;
    Microseconds expires_in{0};
    if (stored.expiry_s != 0 && expiry_s != session::kNeverExpires) {
        expires_in = left_of(expiry_s, as_of, wall_);
        timers.ends_at = now_ + std::max(expires_in, shared_.settings.session_restart_grace);
    }
    Microseconds will_in{0};
    if (stored.will) {
        // One that did not wait does so from the stop on, as if the connection had been lost then.
        const std::uint32_t delay_s =
            stored.will_in_s.value_or(std::min(stored.will->delay_s, stored.expiry_s));
        will_in = left_of(delay_s, as_of, wall_);
        timers.will_due_at = now_ + std::max(will_in, shared_.settings.will_restart_grace);
    }
    const bool is_changed = was_connected || (stored.will && !stored.will_in_s);
    if (is_changed) {
        stored.wall = wall_;
        stored.expires_in_s =
            expiry_s == session::kNeverExpires ? expiry_s : whole_seconds(expires_in);
        if (stored.will) stored.will_in_s = whole_seconds(will_in);
    }
    note_adopted(stored);
    metrics_.subscriptions.add(stored.subscriptions.size());
    sessions_.adopt(std::move(stored), timers, is_changed);
}

}  // namespace firehose::bus
