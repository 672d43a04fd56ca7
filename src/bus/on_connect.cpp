// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// CONNECT: terms, password (elsewhere, later), session, CONNACK.
namespace firehose::bus {

/// A CONNECT that makes no sense is told why where its version is known, and 3.x has a word for it.
MqttClient::Flow MqttClient::refuse_malformed(const mqtt::Frame& frame,
                                              const mqtt::ProtocolError& error) {
    shard_.metrics_.protocol_errors.add();
    FH_LOG(debug, "connect_malformed", {"detail", error.detail}, {"statement", error.statement});
    const auto version = mqtt::connect_version(frame);
    const bool has_word = error.reason == mqtt::ReasonCode::unsupported_protocol_version ||
                          error.reason == mqtt::ReasonCode::client_identifier_not_valid;
    if (version != mqtt::Version::v5 && !has_word) {
        end(session::ConnectionEnd::lost, false);
        return Flow::stop;
    }
    version_ = version;  // [MQTT-3.1.2-2] [MQTT-3.1.4-1] [MQTT311-3.1.3-8]
    if (version) encoding_ = mqtt_encoding(*version, is_websocket());
    refuse(error.reason, error.statement, error.detail);
    return Flow::stop;
}

MqttClient::Flow MqttClient::on_connect(const mqtt::Frame& frame) {
    const auto decoded = mqtt::decode_connect(frame);
    if (!decoded) {
        return refuse_malformed(frame, decoded.error());
    }
    mqtt::Connect connect = *decoded;
    shard_.metrics_.connects_received.add();
    version_ = connect.version;
    encoding_ = mqtt_encoding(connect.version, is_websocket());

    if (!entrance_.accepts(connect.version)) {
        refuse(mqtt::ReasonCode::unsupported_protocol_version, "MQTT-3.1.2-2");
        return Flow::stop;
    }
    if (const auto refused = refused_connect(connect)) {
        refuse(*refused, "");
        return Flow::stop;
    }

    const Settings& settings = shard_.settings();
    has_user_name_ = connect.user_name.has_value() || peer_.certificate_user.has_value();
    limits_ = {
        .keep_alive_max_s = settings.keep_alive_max_s,
        .session_expiry_max_s = settings.session_expiry_max_s,
        .v311_session_expiry_s = settings.session_expiry_max_s,
        .outbound_inflight_max = settings.session_inflight_max,
        .receive_maximum = settings.receive_maximum,
        .v311_inflight_max = settings.publish_inflight_max,
        .topic_alias_maximum = std::min(settings.topic_alias_maximum, entrance_.topic_alias_max),
        .outbound_alias_max = std::min(settings.own_topic_alias_max, entrance_.own_topic_alias_max),
        .packet_bytes_max = settings.packet_bytes_max,
        .v31_client_id_max = settings.v31_client_id_max,
        .qos_max = std::min(settings.qos_max, entrance_.qos_max),
        .takes_retained = settings.takes_retained,
        .has_shared = may_share(),
    };
    terms_.outbound_packet_max = connect.maximum_packet_size.value_or(0xFFFF'FFFF);
    is_standard_ = has_user_name_ || settings.anonymous_sessions == AnonymousSessions::standard;
    if (!is_standard_) {
        // An anonymous client owns no session on the server (rule **Home and hand-over**).
        limits_.session_expiry_max_s = 0;
        limits_.v311_session_expiry_s = 0;
    }
    if (entrance_.takes_client_id_from_user_name) {
        connect.client_id = connect.user_name.value_or("");
    }
    if (const mqtt::ReasonCode problem = client_id_problem(connect);
        problem != mqtt::ReasonCode::success) {
        refuse(problem, "");
        return Flow::stop;
    }
    auto terms = session::agree(
        connect, limits_,
        (entrance_.auto_id_prefix.empty() ? settings.auto_id_prefix : entrance_.auto_id_prefix) +
            std::to_string(static_cast<std::uint64_t>(id_)) + "-" +
            std::to_string(shard_.wall().since_epoch.count()));
    if (!terms) {
        const session::ConnectRefusal& refusal = terms.error();
        if (refusal.has_connack) {
            refuse(refusal.reason, refusal.statement, refusal.detail);
        } else {
            end(session::ConnectionEnd::lost, false);
        }
        return Flow::stop;
    }
    terms_ = std::move(*terms);
    if (connect.will) {
        mqtt::Will will = *connect.will;
        const std::string name = mounted_topic(mount_point_, will.topic);
        will.topic = name;
        pending_will_.arm(will);
    }
    if (entrance_.takes_users_from_certificates) {
        // What CONNECT says of user and password means nothing here.
        if (peer_.certificate_user) {
            user_name_ = *peer_.certificate_user;
            accept();
        } else {
            refuse(mqtt::ReasonCode::bad_user_name_or_password, "MQTT-3.1.4-2");
        }
        return is_closing_ ? Flow::stop : Flow::next;
    }
    if (!has_user_name_) {
        if (entrance_.allows_anonymous) {
            accept();
        } else {
            refuse(mqtt::ReasonCode::not_authorized, "MQTT-3.1.4-2");
        }
        return is_closing_ ? Flow::stop : Flow::next;
    }
    user_name_ = *connect.user_name;
    entrance_.authenticator->check(
        {.connection = id_,
         .user_name = user_name_,
         .password = std::string{as_text(connect.password.value_or(ByteSpan{}))},
         .reply = &shard_.auth_replies()});
    // The packet is done; what follows it waits for the answer.
    std::ignore = hold_back(Hold::authentication);
    return Flow::next;
}

/// What the operator does not allow a client to call itself, beyond the standard: success, or why.
mqtt::ReasonCode MqttClient::client_id_problem(const mqtt::Connect& connect) const {
    const Settings& settings = shard_.settings();
    if (entrance_.takes_client_id_from_user_name && !has_user_name_) {
        return mqtt::ReasonCode::not_authorized;
    }
    const bool may_be_empty = settings.allows_empty_client_id && entrance_.allows_empty_client_id;
    if (connect.client_id.empty() && !may_be_empty) {
        return mqtt::ReasonCode::client_identifier_not_valid;
    }
    if (!connect.client_id.starts_with(settings.client_id_prefix)) {
        return mqtt::ReasonCode::not_authorized;
    }
    return mqtt::ReasonCode::success;
}

void MqttClient::on_auth(const AuthReply& reply) {
    if (is_closing_ || hold_ != Hold::authentication) return;
    password_generation_ = reply.generation;
    switch (reply.result) {
        case AuthResult::accepted:
            break;
        case AuthResult::anonymous:
            if (!entrance_.allows_anonymous) {
                refuse(mqtt::ReasonCode::not_authorized, "MQTT-3.1.4-2");
                return;
            }
            has_user_name_ = false;
            break;
        case AuthResult::refused:
            refuse(mqtt::ReasonCode::bad_user_name_or_password, "MQTT-3.1.4-2");
            return;
        case AuthResult::busy:
            refuse(mqtt::ReasonCode::server_busy, "");
            return;
    }
    accept();
    if (!is_closing_ && hold_ != Hold::connack) release();
}

void MqttClient::refuse(mqtt::ReasonCode reason, std::string_view statement,
                        std::string_view detail) {
    shard_.metrics_.connects_refused.add();
    FH_LOG(info, "client_refused", {"reason", mqtt::name(reason)}, {"statement", statement},
           {"address", shown_address()});
    send_explained(mqtt::Connack{.reason = reason}, detail);  // [MQTT-3.1.4-2] [MQTT-3.2.2-7]
    end(session::ConnectionEnd::disconnected, true);          // Its will was never armed.
}

void MqttClient::accept() {
    shard_.settle();
    if (!take_session()) {
        refuse(mqtt::ReasonCode::server_unavailable, "");  // Rule **Degraded**.
        return;
    }
    if (session_->is_durable() && connack_ticket_ != log::Ticket{}) {
        // What is recorded is durable before the client hears of it; what it sends waits.
        std::ignore = hold_back(Hold::connack);
        return;
    }
    welcome();
}

void MqttClient::welcome() {
    const bool session_present = session_present_;
    is_traced_ = shard_.is_traced(terms_.client_id);
    send(session::connack(terms_, limits_, session_present));
    FH_LOG(connection, "client_connected", {"client", terms_.client_id}, {"address", peer_.address},
           {"user", session_->identity.user_name.value_or("")},
           {"session_present", static_cast<int>(session_present)}, {"address", peer_.address});
    // The log is read from where the session stopped; QoS 0 only from now on.
    if (session_present && !session_->subscriptions.is_empty()) {
        note_sys();
        if (!shard_.settings().queues_qos_0) session_->qos_0_from = shard_.tail_position();
        // What it missed is bounded, the newest goes first (mosquitto's max_queued_messages).
        const Settings& settings = shard_.settings();
        backlog_ = {
            .end = shard_.tail_position(),
            .messages = settings.queued_max == 0 ? UINT64_MAX : settings.queued_max,
            .bytes = settings.queued_bytes_max == 0 ? UINT64_MAX : settings.queued_bytes_max};
        reads_durable_ = wants_durable();
        cursor_ = reads_durable_ ? session_->cursor : shard_.tail_position();
        mode_ = ReadMode::behind;
        enter_index();
        if (cursor_ >= limit()) attach();
    }
    shard_.queue_pull(*this);
}

/// Finds, makes, or takes over the session [MQTT-3.1.4-3], [MQTT-3.1.2-4], [MQTT-3.1.2-5]. False:
/// that would have to be recorded, and cannot be.
bool MqttClient::take_session() {
    Identity who{.user_name = std::nullopt, .client_id = terms_.client_id};
    if (has_user_name_) who.user_name = user_name_;
    std::string key = is_standard_ && shard_.settings().keys_by_client_id
                          ? SessionStore::key_of_client(who.client_id)
                          : SessionStore::key_of(who, is_standard_, id_);
    const bool is_to_record = terms_.is_durable() || shard_.sessions_.has_durable(key);
    if (is_to_record && !shard_.takes_durable()) return false;
    ClientSession* session = resumable(key);
    session_present_ = session != nullptr;
    if (session == nullptr) {
        session = &shard_.sessions_.make(std::move(key), std::move(who));
        session->cursor = shard_.tail_position();
    } else {
        session->identity = std::move(who);  // Keyed by client id it may have been another's.
    }
    session->client = this;
    session->entrance = &entrance_;
    cursor_ = session->cursor;
    open_session(*session);
    // Also what a connection before this one left to be heard of.
    connack_ticket_ = shard_.is_awaited(session->recorded) ? session->recorded : log::Ticket{};
    const bool is_recorded = session->is_durable();
    const bool answers_at_placed = durability_ == Durability::memory;
    session->inbound.on_connected(terms_.version, terms_.inbound_window,
                                  {.is_recorded = is_recorded,
                                   .answers_at_placed = answers_at_placed,
                                   .held_max = shard_.settings().publish_held_max});
    session->outbound.on_connected(terms_.outbound_window, is_recorded);
    if (answers_at_placed) ++shard_.answered_at_placed_;
    session_ = session;
    keep_alive_.emplace(terms_.keep_alive_s, shard_.now());
    aliases_.emplace(terms_.inbound_alias_max);
    outbound_aliases_ = session::OutboundAliases{terms_.outbound_alias_max};
    shard_.on_session_joined();
    return true;
}

/// Takes the session with that key from its connection, and ends it where it is not to go on. Null:
/// there is none, or none any more.
ClientSession* MqttClient::resumable(const std::string& key) {
    ClientSession* session = shard_.sessions_.find(key);
    if (session != nullptr && session->client != nullptr) {
        shard_.metrics_.sessions_taken_over.add();
        session->client->on_taken_over();
        session = shard_.sessions_.find(key);  // It may have ended with its connection.
    }
    if (session == nullptr) return nullptr;
    if (terms_.clean_start) {
        shard_.end_session(*session);
        return nullptr;
    }
    const auto due = session->will.due();
    if (due && *due <= shard_.now()) shard_.bequeath(*session);  // It is late: not taken back.
    session->will.on_resumed();                                  // [MQTT-3.1.3-9]
    shard_.note_will(*session);
    if (session->is_durable()) return session;
    shard_.end_session(*session);  // Only its will had outlived a restart.
    return nullptr;
}

/// Records what CONNECT changes of the session.
void MqttClient::open_session(ClientSession& session) {
    const bool is_changed = session.expiry_s != terms_.session_expiry_s;
    session.expiry_s = terms_.session_expiry_s;
    // Its row may say that it is away and how long yet: unless it never expires, that is over.
    const bool was_counted_down = session.ends_at.has_value();
    session.ends_at.reset();
    const bool is_new = session.is_durable() && !session.is_recorded;
    if (is_new || (session.is_recorded && (is_changed || was_counted_down))) {
        session.is_recorded = true;
        shard_.record(session, session::SessionOpened{session.key, session.expiry_s});
    }
    shard_.arm_will(session, std::exchange(pending_will_, {}));
}

}  // namespace firehose::bus
