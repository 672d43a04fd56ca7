// SPDX-License-Identifier: Apache-2.0
#include "bus/mqtt_client.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "bus/shard.h"
#include "ws/encoder.h"

namespace firehose::bus {
namespace {

const Identity kNobody{};
const session::Subscriptions kNoSubscriptions{};

/// One for all clients of a thread: decoded WebSocket payload on its way to the packets.
thread_local std::array<std::byte, 16 * 1024> t_websocket_scratch;

}  // namespace

MqttClient::MqttClient(Shard& shard, ConnectionId id, Incoming&& incoming)
    : Client(shard, id, std::move(incoming),
             mqtt_encoding(mqtt::Version::v311, incoming.is_websocket)),
      handshake_(shard.settings().connect_timeout),
      accepted_at_(shard.now()),
      pinged_at_(shard.now()),
      durability_(incoming.entrance.durability),
      mount_point_(incoming.entrance.mount_point) {
    if (incoming.is_websocket) websocket_ = std::make_unique<ws::Decoder>(ws::DecoderOptions{});
}

const Identity& MqttClient::identity() const {
    return session_ == nullptr ? kNobody : session_->identity;
}

const session::Subscriptions& MqttClient::subscriptions() const {
    return session_ == nullptr ? kNoSubscriptions : session_->subscriptions;
}

std::uint32_t MqttClient::packet_bytes_max() const noexcept {
    return terms_.outbound_packet_max == 0xFFFF'FFFF ? 0 : terms_.outbound_packet_max;
}

bool MqttClient::wants_durable() const {
    return !subscriptions().is_qos_0();
}

bool MqttClient::is_feedable() const {
    // What a feed sends has topics as they are on the bus.
    return subscriptions().is_feedable() && mount_point_.empty();
}

// Bytes to packets.

void MqttClient::on_bytes(ByteSpan bytes) {
    if (is_closing_) return;
    shard_.metrics_.bytes_received.add(bytes.size());
    if (websocket_) {
        on_websocket_bytes(bytes);
    } else {
        consume(bytes);
    }
    note_input();
}

void MqttClient::on_websocket_bytes(ByteSpan bytes) {
    ByteSpan input = bytes;
    while (!is_closing_) {
        const ws::Event event = websocket_->next(input, t_websocket_scratch);
        switch (event.kind) {
            case ws::Event::Kind::none:
                return;
            case ws::Event::Kind::data:
                consume(event.payload);
                break;
            case ws::Event::Kind::pong:
                break;
            case ws::Event::Kind::ping:
                // A client that pings without reading its pongs is not answered beyond the bound.
                if (output_.own_pending() < shard_.settings().replies_bytes_max) {
                    ws::append_pong(output_.own(), event.payload);
                    shard_.mark_dirty(*this);
                }
                break;
            case ws::Event::Kind::closed:
                send_close(event.code, "");  // Echoed (RFC 6455, section 5.5.1).
                end(session::ConnectionEnd::lost, true);
                return;
            case ws::Event::Kind::failed:
                shard_.metrics_.protocol_errors.add();
                send_close(event.code, event.detail);
                end(session::ConnectionEnd::lost, true);
                return;
        }
    }
}

void MqttClient::send_close(ws::CloseCode code, std::string_view reason) {
    if (!websocket_ || std::exchange(has_sent_close_, true)) return;
    ws::append_close(output_.own(), code, reason);
}

void MqttClient::ping_websocket() {
    const Microseconds interval = shard_.settings().websocket_ping_interval;
    if (interval == Microseconds{0} || shard_.now() - pinged_at_ < interval) return;
    if (!has_output_room()) return;  // Then it is not quiet.
    pinged_at_ = shard_.now();
    ws::append_ping(output_.own());
    shard_.mark_dirty(*this);
}

void MqttClient::consume(ByteSpan bytes) {
    if (input_.empty() && hold_ == Hold::none) {
        append(input_, bytes.subspan(execute(bytes)));
        bound_waiting_input();
        return;
    }
    append(input_, bytes);
    if (hold_ != Hold::none) {
        bound_waiting_input();
        return;
    }
    ByteBuffer input = std::exchange(input_, {});
    const std::size_t used = execute(input);
    if (is_closing_ || used == input.size()) return;
    input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(used));
    input_ = std::move(input);
    bound_waiting_input();
}

/// Executes complete packets; returns how many bytes they were.
std::size_t MqttClient::execute(ByteSpan input) {
    std::size_t used = 0;
    while (!is_closing_ && hold_ == Hold::none && used < input.size()) {
        if (output_.own_pending() > shard_.settings().replies_bytes_max) {
            shard_.metrics_.limits.replies.add();
            std::ignore = hold_back(Hold::replies);
            break;
        }
        // Once connected, what it was told: a reload changes that for new connections.
        const std::size_t bytes_max = handshake_.is_connected()
                                          ? limits_.packet_bytes_max
                                          : shard_.settings().connect_bytes_max;
        const auto frame = mqtt::whole_frame(input.subspan(used), bytes_max);
        if (!frame) {
            const auto unfinished = mqtt::next_frame(input.subspan(used), bytes_max);
            if (unfinished) break;
            note_frame_error(unfinished.error());
            std::ignore = fail(unfinished.error());
            break;
        }
        shard_.metrics_.messages_received.add();
        if (on_packet(*frame) == Flow::stop) break;
        if (is_answer_too_large_) {
            std::ignore = disconnect(mqtt::ReasonCode::packet_too_large, "MQTT-3.1.2-24");
            break;
        }
        used += frame->packet.size();
    }
    return is_closing_ ? input.size() : used;
}

MqttClient::Flow MqttClient::on_packet(const mqtt::Frame& frame) {
    const session::Action action = handshake_.on_packet(frame.type);
    switch (action.kind) {
        case session::Action::Kind::proceed:
            break;
        case session::Action::Kind::close_in_silence:
            shard_.metrics_.protocol_errors.add();
            end(session::ConnectionEnd::lost, false);
            return Flow::stop;
        case session::Action::Kind::disconnect:
            return disconnect(action.reason, action.statement);
    }
    if (keep_alive_) keep_alive_->on_packet(shard_.now());
    const bool is_again = std::exchange(is_again_, false);
    if (is_traced_ && !is_again) trace(TraceLine::Direction::in, frame);
    return dispatch(frame);
}

MqttClient::Flow MqttClient::dispatch(const mqtt::Frame& frame) {
    using mqtt::PacketType;
    const mqtt::Version version = version_.value_or(mqtt::Version::v311);
    // Decode, then hand on: a decoder's error is answered in one place.
    const auto with = [this](const auto& decoded, auto method) {
        if (!decoded) return fail(decoded.error());
        return (this->*method)(*decoded);
    };
    const auto with_names = [this](const auto& decoded, auto method) {
        if (!decoded) return fail(decoded.error());
        if (mount_point_.empty()) return (this->*method)(*decoded);
        KeptNames kept;
        return (this->*method)(mounted(mount_point_, *decoded, kept));
    };
    switch (frame.type) {
        case PacketType::connect:
            return on_connect(frame);
        case PacketType::publish:
            return with(mqtt::decode_publish(frame, version), &MqttClient::on_publish);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubcomp:
            return with(mqtt::decode_ack(frame, version), &MqttClient::on_ack);
        case PacketType::pubrel:
            return with(mqtt::decode_ack(frame, version), &MqttClient::on_pubrel);
        case PacketType::subscribe:
            return with_names(mqtt::decode_subscribe(frame, version), &MqttClient::on_subscribe);
        case PacketType::unsubscribe:
            return with_names(mqtt::decode_unsubscribe(frame, version),
                              &MqttClient::on_unsubscribe);
        case PacketType::pingreq: {
            const auto checked = mqtt::check_ping(frame);
            if (!checked) return fail(checked.error());
            mqtt::encode_pingresp(scratch_);  // [MQTT-3.12.4-1]
            send_encoded();
            return Flow::next;
        }
        case PacketType::disconnect:
            return with(mqtt::decode_disconnect(frame, version), &MqttClient::on_disconnect);
        case PacketType::auth:  // No CONNECT of ours has an authentication method: 0x8C.
            return disconnect(mqtt::ReasonCode::protocol_error, "MQTT-4.12.0-1");
        case PacketType::connack:
        case PacketType::suback:
        case PacketType::unsuback:
        case PacketType::pingresp:
            break;  // Never proceed: the handshake refuses them.
    }
    return disconnect(mqtt::ReasonCode::protocol_error, "");
}

MqttClient::Flow MqttClient::on_disconnect(const mqtt::Disconnect& packet) {
    if (version_ == mqtt::Version::v5) {
        const auto expiry =
            session::expiry_after_disconnect(terms_, packet.session_expiry_s, limits_);
        if (!expiry) return fail(expiry.error());
        if (std::exchange(session_->expiry_s, *expiry) != *expiry && *expiry != 0) {
            if (shard_.takes_durable()) {
                shard_.record(*session_, session::SessionOpened{session_->key, *expiry});
            } else {
                shard_.restate_later(*session_);
            }
        }
    }
    end(packet.reason == mqtt::ReasonCode::success ? session::ConnectionEnd::disconnected
                                                   : session::ConnectionEnd::disconnected_with_will,
        true);
    return Flow::stop;
}

// Answers.

template <class Packet>
void MqttClient::send(const Packet& packet) {
    mqtt::encode(packet, version_.value_or(mqtt::Version::v311), scratch_);
    send_encoded();
}
template void MqttClient::send(const mqtt::Connack&);
template void MqttClient::send(const mqtt::Ack&);
template void MqttClient::send(const mqtt::Suback&);
template void MqttClient::send(const mqtt::Unsuback&);

/// With `detail` as its Reason String, where the client's Maximum Packet Size has room for it
/// [MQTT-3.2.2-19] [MQTT-3.14.2-3]. DISCONNECT and CONNACK may carry one in any case
/// [MQTT-3.1.2-29].
template <class Packet>
void MqttClient::send_explained(Packet packet, std::string_view detail) {
    const mqtt::Version version = version_.value_or(mqtt::Version::v311);
    if (version == mqtt::Version::v5 && !detail.empty()) {
        packet.reason_string = detail;
        mqtt::encode(packet, version, scratch_);
        if (packet_bytes_max() == 0 || scratch_.size() <= packet_bytes_max()) {
            send_encoded();
            return;
        }
        scratch_.clear();
        packet.reason_string.reset();
    }
    send(packet);
}
template void MqttClient::send_explained(mqtt::Connack, std::string_view);

void MqttClient::send_encoded() {
    if (packet_bytes_max() != 0 && scratch_.size() > packet_bytes_max()) {
        scratch_.clear();  // [MQTT-3.1.2-24]
        is_answer_too_large_ = true;
        return;
    }
    if (is_traced_) trace_sent(scratch_);
    append_packet(encoding_, scratch_, output_.own());
    scratch_.clear();
    shard_.metrics_.messages_sent.add();
    shard_.mark_dirty(*this);
}

void MqttClient::flush_answers() {
    mqtt::Ack answer;
    if (session_ == nullptr) return;
    session::Inbound& inbound = session_->inbound;
    while (inbound.pop_answer(answer)) send(answer);
    if (inbound.is_withheld() && !withheld_since_) withheld_since_ = shard_.now();
    while (inbound.pop_pubcomp(answer)) send(answer);
    session::Outbound& outbound = session_->outbound;
    while (const auto packet_id = outbound.pop_pubrel()) {
        send(mqtt::Ack{.type = mqtt::PacketType::pubrel, .packet_id = *packet_id});
    }
    if (outbound.can_send()) shard_.queue_pull(*this);
}

void MqttClient::on_placed() {
    if (!is_closing_ && hold_ != Hold::connack && durability_ == Durability::memory) {
        flush_answers();
    }
}

template <class Packet>
void MqttClient::send_after(log::Ticket ticket, const Packet& packet) {
    ByteBuffer encoded;
    mqtt::encode(packet, version_.value_or(mqtt::Version::v311), encoded);
    deferred_.emplace_back(ticket, std::move(encoded));
    shard_.await_ticket(ticket, *session_);
}
template void MqttClient::send_after(log::Ticket, const mqtt::Ack&);
template void MqttClient::send_after(log::Ticket, const mqtt::Suback&);
template void MqttClient::send_after(log::Ticket, const mqtt::Unsuback&);

void MqttClient::on_durable(log::Ticket up_to) {
    if (session_ == nullptr || is_closing_) return;
    if (hold_ == Hold::connack) {
        if (up_to < connack_ticket_) return;
        welcome();
        release();
        return;
    }
    while (!deferred_.empty() && deferred_.front().first <= up_to) {
        scratch_ = std::move(deferred_.front().second);
        deferred_.pop_front();
        send_encoded();
    }
    flush_answers();
}

void MqttClient::on_refused(log::Ticket ticket) {
    if (session_ == nullptr || is_closing_) return;
    if (hold_ == Hold::connack) {
        if (ticket == connack_ticket_) refuse(mqtt::ReasonCode::server_unavailable, "");
        return;
    }
    const bool is_owed = std::any_of(deferred_.begin(), deferred_.end(),
                                     [=](const auto& waits) { return waits.first == ticket; });
    if (is_owed) {
        std::ignore = disconnect(mqtt::ReasonCode::quota_exceeded, "");
        return;
    }
    shard_.metrics_.publishes_refused.add();
    flush_answers();
}

// Holding back.

MqttClient::Flow MqttClient::hold_back(Hold reason) {
    hold_ = reason;
    held_since_ = shard_.now();
    if (keep_alive_) keep_alive_->on_held(shard_.now());
    stream_->set_reading(false);
    if (reason == Hold::turn) {
        shard_.awaiting_turn_.push_back(id_);
    } else if (reason != Hold::authentication && reason != Hold::connack) {
        shard_.hold(*this);
    }
    return Flow::stop;
}

void MqttClient::on_maybe_released() {
    if (is_closing_) return;  // Taken over while it was held: it has no session any more.
    bool is_over = false;
    switch (hold_) {
        case Hold::none:
        case Hold::authentication:
        case Hold::connack:
        case Hold::turn:
            return;
        case Hold::window:
            is_over = session_->inbound.can_admit();
            break;
        case Hold::log:
            is_over = !shard_.is_log_full();
            break;
        case Hold::quota:
            is_over = shard_.now() >= held_until_;
            if (!is_over) shard_.wake_no_later_than(held_until_);
            break;
        case Hold::replies:
            is_over = output_.own_pending() <= shard_.settings().replies_bytes_max / 2;
            break;
    }
    if (is_over) {
        release();
    } else {
        shard_.hold(*this);
    }
}

void MqttClient::on_turn() {
    if (!is_closing_ && hold_ == Hold::turn) release();
}

void MqttClient::release() {
    is_again_ =
        hold_ == Hold::window || hold_ == Hold::log || hold_ == Hold::quota || hold_ == Hold::turn;
    hold_ = Hold::none;
    if (keep_alive_) keep_alive_->on_released(shard_.now());
    if (!shard_.is_draining_) stream_->set_reading(true);
    consume({});
    note_input();
}

void MqttClient::note_input() {
    const bool is_debtor = hold_ == Hold::none || hold_ == Hold::replies;
    shard_.input_.note(input_account_, id_, is_closing_ ? 0 : input_.size(), is_debtor);
}

void MqttClient::on_input_excess() {
    shard_.metrics_.input_excesses.add();
    std::ignore = disconnect(mqtt::ReasonCode::quota_exceeded, "");
}

// The end.

MqttClient::Flow MqttClient::fail(const mqtt::ProtocolError& error) {
    shard_.metrics_.protocol_errors.add();
    FH_LOG(debug, "protocol_error", {"client", identity().client_id}, {"detail", error.detail},
           {"statement", error.statement}, {"offset", error.offset});
    if (!version_) {
        end(session::ConnectionEnd::lost, false);
        return Flow::stop;
    }
    std::string detail{error.field};
    if (!detail.empty()) detail += ": ";
    detail += error.detail;
    return disconnect(error.reason, error.statement, session::ConnectionEnd::lost, detail);
}

MqttClient::Flow MqttClient::disconnect(mqtt::ReasonCode reason, std::string_view statement,
                                        session::ConnectionEnd how, std::string_view detail) {
    FH_LOG(debug, "client_disconnected", {"client", identity().client_id},
           {"reason", mqtt::name(reason)}, {"statement", statement});
    // Before 5.0 a server has no DISCONNECT: it closes. [MQTT-4.13.1-1]
    if (version_ == mqtt::Version::v5 && session_ != nullptr && hold_ != Hold::connack) {
        send_explained(mqtt::Disconnect{.reason = reason}, detail);  // [MQTT-3.14.4-1]
    }
    if (how == session::ConnectionEnd::server_stopping) send_close(ws::CloseCode::going_away, "");
    end(how, true);
    return Flow::stop;
}

void MqttClient::on_taken_over() {
    std::ignore = disconnect(mqtt::ReasonCode::session_taken_over, "MQTT-3.1.4-3",
                             session::ConnectionEnd::taken_over);
}

void MqttClient::on_expelled() {
    std::ignore = disconnect(mqtt::ReasonCode::not_authorized, "");
}

void MqttClient::on_ousted() {
    if (is_closing_) return;
    if (session_ == nullptr) return end(session::ConnectionEnd::lost, false);
    std::ignore = disconnect(mqtt::ReasonCode::administrative_action, "");
}

bool MqttClient::is_drained() const {
    if (session_ == nullptr || hold_ == Hold::connack) return true;  // It was promised nothing yet.
    return session_->inbound.unanswered() == 0 && deferred_.empty() && is_sent_out();
}

void MqttClient::on_drain() {
    if (is_closing_) return;
    std::ignore = disconnect(mqtt::ReasonCode::server_shutting_down, "",
                             session::ConnectionEnd::server_stopping);
}

void MqttClient::on_closed(const std::string& reason) {
    FH_LOG(debug, "connection_closed", {"client", identity().client_id}, {"reason", reason});
    if (!is_closing_) end_session_part(session::ConnectionEnd::lost);
    shard_.input_.note(input_account_, id_, 0, false);
    shard_.bury(*this);
}

void MqttClient::end(session::ConnectionEnd how, bool is_polite) {
    if (is_closing_) return;
    end_session_part(how);
    input_ = {};
    shard_.input_.note(input_account_, id_, 0, false);
    if (!is_polite) {
        shard_.bury(*this);
        return;
    }
    send_close(ws::CloseCode::normal, "");  // If it was not said yet why.
    // What the socket does not take now is lost: the bus does not wait for a client.
    if (!is_blocked_) std::ignore = output_.flush(*stream_);
    is_closing_ = true;
    stream_->shut_down();
}

/// The session goes on without its connection, or ends with it.
void MqttClient::end_session_part(session::ConnectionEnd how) {
    if (session_ == nullptr) return;
    if (mode_ != ReadMode::idle) detach();
    mode_ = ReadMode::idle;
    leave_index();
    ClientSession& session = *std::exchange(session_, nullptr);
    FH_LOG(connection, "client_left", {"client", session.identity.client_id},
           {"how", session::name(how)});
    session.client = nullptr;
    session.cursor = cursor_;
    if (durability_ == Durability::memory) --shard_.answered_at_placed_;
    session.inbound.on_disconnected();
    retained_.clear();
    shard_.on_session_left(session, how);
}

Seq MqttClient::cursor() const {
    if (owes()) return session_->owed.front();
    // Until CONNACK it has not begun to read.
    return hold_ == Hold::connack ? cursor_ : position();
}

// Time.

void MqttClient::on_tick() {
    if (is_closing_) return;
    const MonotonicTime now = shard_.now();
    if (session_ == nullptr) {
        const bool is_late =
            handshake_.on_tick(now - accepted_at_).kind != session::Action::Kind::proceed ||
            now - accepted_at_ > shard_.settings().connect_timeout;
        if (is_late) {
            shard_.metrics_.limits.connect_timeout.add();
            end(session::ConnectionEnd::lost, false);
        }
        return;
    }
    if (keep_alive_->is_expired(now)) {  // [MQTT-3.1.2-22]
        shard_.metrics_.keep_alive_timeouts.add();
        std::ignore = disconnect(mqtt::ReasonCode::keep_alive_timeout, "MQTT-3.1.2-22");
        return;
    }
    if (websocket_) ping_websocket();
    if (hold_ == Hold::connack && now - held_since_ > shard_.settings().publish_stall_max) {
        refuse(mqtt::ReasonCode::server_unavailable, "");
        return;
    }
    const Microseconds held_max = keep_alive_->held_max(shard_.settings().publish_stall_max);
    const bool is_stalled = (hold_ == Hold::window || hold_ == Hold::log || hold_ == Hold::quota) &&
                            now - held_since_ > held_max;
    if (is_stalled || (withheld_since_ && now - *withheld_since_ > held_max)) {
        shard_.metrics_.limits.publish_stall.add();
        std::ignore = disconnect(mqtt::ReasonCode::quota_exceeded, "");
    }
}

void MqttClient::on_gap(Seq from, Seq to) {
    FH_LOG(info, "reader_gap", {"client", identity().client_id}, {"from_seq", number(from)},
           {"to_seq", number(to)});
    shard_.metrics_.publishes_dropped.add();  // At least one; how many nobody can know any more.
}

}  // namespace firehose::bus
