// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// What time does: keep-alive, delayed wills, the end of sessions, $SYS.
namespace firehose::bus {

void Shard::tick() {
    std::vector<ConnectionId> open;
    open.reserve(clients_.size());
    for (const auto& [id, client] : clients_) open.push_back(id);
    for (const ConnectionId id : open) {
        if (Client* client = find(id)) client->on_tick();
    }
    for (ClientSession* session : sessions_.due(now_)) {
        if (session->will_due_at && *session->will_due_at <= now_) {
            session->will_due_at.reset();
            perform(session->will.on_tick(now_), *session);
        }
        if (session->ends_at && *session->ends_at <= now_) {  // [MQTT-4.1.0-2]
            metrics_.sessions_expired.add();
            end_session(*session);
        }
    }
    shared_.retained.forget_tombstones(tail_position_);
    if (now_ >= next_sys_) push_sys_topics();
}

void Shard::push_sys_topics() {
    const Microseconds elapsed = sys_updated_at_ ? now_ - *sys_updated_at_ : Microseconds{0};
    if (!sys_updated_at_) started_at_ = now_;
    sys_updated_at_ = now_;
    next_sys_ = now_ + shared_.settings.sys_interval;
    metrics_.clients_total.set(sessions_.size());
    sys_.update(metrics_,
                {.version = shared_.version,
                 .durability = name(shared_.settings.durability),
                 .uptime = now_ - started_at_,
                 .heap_bytes = shared_.heap_bytes == nullptr ? 0 : shared_.heap_bytes(),
                 .retained_messages = shared_.retained.count(),
                 .sessions_stored = sessions_.size()},
                elapsed);
    for (auto& [id, client] : clients_) client->send_sys(sys_.values(), &sys_.changed());
}

void Shard::on_session_joined() {
    metrics_.clients_connected.add();
    if (metrics_.clients_connected.value() > metrics_.clients_maximum.value()) {
        metrics_.clients_maximum.set(metrics_.clients_connected.value());
    }
}

/// A connection left its session: publish or plan the will; end or keep the session.
void Shard::on_session_left(ClientSession& session, session::ConnectionEnd how) {
    metrics_.clients_connected.subtract();
    const session::WillAction action = session.will.on_end(how, now_, session.expiry_s);
    perform(action, session);
    if (action.kind == session::WillAction::Kind::publish_at) session.will_due_at = action.at;
    if (session.expiry_s == 0 || sessions_.size() > shared_.settings.sessions_max) {
        end_session(session);  // [MQTT-3.1.2-23]
        return;
    }
    if (session.expiry_s != session::kNeverExpires) {
        session.ends_at = now_ + std::chrono::seconds{session.expiry_s};
    }
    sessions_.schedule(session);
}

void Shard::perform(const session::WillAction& action, ClientSession& session) {
    if (action.kind != session::WillAction::Kind::publish_now) return;
    const session::WillMessage* will = session.will.message();
    if (will == nullptr) return;
    // Checked when it was armed, and again now (rule **Wills**).
    if (shared_.acl.may_write(session.identity, will->topic)) {
        log::Record record{.qos = static_cast<std::uint8_t>(will->qos),
                           .retain = will->retain,
                           .payload_is_utf8 = is_text(will->payload),
                           .topic = will->topic,
                           .properties = will->properties,
                           .payload = will->payload,
                           .publisher = session.publisher};
        if (will->message_expiry_s) {
            record.expires = wall_ + std::chrono::seconds{*will->message_expiry_s};
        }
        std::ignore = publish(record);
    }
    session.will.disarm();  // [MQTT-3.1.2-10]
}

void Shard::end_session(ClientSession& session) {
    perform(session.will.on_session_ended(), session);
    metrics_.subscriptions.subtract(session.subscriptions.size());
    sessions_.remove(session);
}

}  // namespace firehose::bus
