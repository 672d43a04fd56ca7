// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "bus/authenticator.h"
#include "bus/client.h"
#include "bus/input_budget.h"
#include "bus/inspection.h"
#include "bus/mount_point.h"
#include "bus/retained_view.h"
#include "bus/session_store.h"
#include "bus/settings.h"
#include "bus/share_table.h"
#include "bus/sys_topics.h"
#include "bus/tail_index.h"
#include "mqtt/codec.h"
#include "session/connect_rules.h"
#include "session/handshake.h"
#include "session/keep_alive.h"
#include "session/topic_alias.h"
#include "ws/decoder.h"

/// One MQTT connection: finds packets in its bytes, asks the session's state machines what they
/// mean, and performs it on the shard.
///
/// One packet, one `on_<packet>()`, in the source file of that name. A packet that cannot be
/// executed yet (a password is being checked, the log or the window is full) stays in the input
/// and the socket is not read meanwhile: `hold_` says why.
/// Ownership: the shard owns it; it refers to its ClientSession, which may outlive it.
/// Threads:   the shard's.
/// Source:    MQTT 5.0 chapters 3 and 4; rules **Back-pressure**, **Position of a packet**.
namespace firehose::bus {

class MqttClient final : public Client {
public:
    MqttClient(Shard& shard, ConnectionId id, Incoming&& incoming);

    // ByteStreamHandler
    void on_bytes(ByteSpan bytes) override;
    void on_closed(const std::string& reason) override;

    // Client
    [[nodiscard]] const Identity& identity() const override;
    [[nodiscard]] const session::Subscriptions& subscriptions() const override;
    [[nodiscard]] std::uint32_t packet_bytes_max() const noexcept override;
    [[nodiscard]] bool wants_durable() const override;
    [[nodiscard]] bool is_feedable() const override;
    [[nodiscard]] Taken deliver(const PlacedRecord& placed) override;
    [[nodiscard]] bool owes() const override;
    [[nodiscard]] bool owe(Seq seq) override;
    [[nodiscard]] std::optional<Seq> take_owed() override;
    [[nodiscard]] Pulled pull_own() override;
    void on_tick() override;
    void on_gap(Seq from, Seq to) override;
    [[nodiscard]] bool is_drained() const override;
    void on_drain() override;

    // From the shard.
    void on_auth(const AuthReply& reply);
    /// What its session awaits is placed: only some listeners' clients care.
    void on_placed();
    void on_share(const PlacedRecord& placed);
    /// What its session awaits is durable, or was refused; the session has heard of it.
    void on_durable(log::Ticket up_to);
    void on_refused(log::Ticket ticket);
    /// At the end of a turn in which it was held: goes on reading if the reason is gone.
    void on_maybe_released();
    /// Its SUBSCRIBE or UNSUBSCRIBE is next.
    void on_turn();
    /// More input than all clients may leave unfinished waits, and this one's longest.
    void on_input_excess();
    /// Another connection took the session over [MQTT-3.1.4-3].
    void on_taken_over();
    /// Rights changed, or who decides them.
    void on_access_changed() {
        if (slot_) refresh_index();
    }
    /// A reload took its right to be here.
    void on_expelled();
    [[nodiscard]] bool has_session() const noexcept { return session_ != nullptr; }
    /// AuthReply::generation of its password.
    [[nodiscard]] std::uint64_t password_generation() const noexcept {
        return password_generation_;
    }
    /// The operator does not want it here.
    void on_ousted();
    void inspect(ConnectionRow& row) const;
    [[nodiscard]] bool is_websocket() const noexcept { return websocket_ != nullptr; }
    [[nodiscard]] std::size_t input_bytes() const noexcept { return input_.size(); }
    /// Whether its packets are told to the operator, from now on.
    void set_traced(bool is_traced) noexcept { is_traced_ = is_traced; }
    void send_sys(const SysTopics::Values& values, const std::vector<std::string>* only) override;
    /// The first position that was not handed over: what its session remembers.
    [[nodiscard]] Seq cursor() const;

private:
    enum class Hold : std::uint8_t {
        none,
        authentication,
        connack,
        window,
        log,
        replies,
        turn,
        quota,
    };
    struct RetainedCopies {
        std::string filter;
        Seq max_seq{};
        std::optional<std::string> resume_after;
        std::deque<RetainedView::Entry> entries;  // Of the page at hand,
        std::uint64_t as_of = 0;                  // RetainedView::changes() before it was made.
        bool is_last_page = false;
    };
    /// What a client that came back missed, and how much of it it may still be given.
    struct Backlog {
        Seq end{};
        std::uint64_t messages = 0;
        std::uint64_t bytes = 0;
    };
    enum class Flow : std::uint8_t { next, stop };

    // mqtt_client.cpp: bytes to packets, answers, the end.
    [[nodiscard]] std::size_t execute(ByteSpan input);
    [[nodiscard]] Flow on_packet(const mqtt::Frame& frame);
    [[nodiscard]] Flow dispatch(const mqtt::Frame& frame);
    void consume(ByteSpan bytes);
    void on_websocket_bytes(ByteSpan bytes);
    /// A WebSocket's, once; nothing of it is sent after.
    void send_close(ws::CloseCode code, std::string_view reason);
    void ping_websocket();
    [[nodiscard]] Flow fail(const mqtt::ProtocolError& error);
    [[nodiscard]] Flow disconnect(mqtt::ReasonCode reason, std::string_view statement,
                                  session::ConnectionEnd end = session::ConnectionEnd::lost,
                                  std::string_view detail = {});
    [[nodiscard]] Flow hold_back(Hold reason);
    void release();
    /// Tells the shard's budget what waits in the input.
    void note_input();
    [[nodiscard]] Flow on_disconnect(const mqtt::Disconnect& packet);
    template <class Packet>
    void send(const Packet& packet);
    template <class Packet>
    void send_explained(Packet packet, std::string_view detail);
    void send_encoded();
    /// Sends what is owed to a control record once that is durable, in the order of the tickets.
    /// A record that is refused after all closes the connection: the client asks again.
    template <class Packet>
    void send_after(log::Ticket ticket, const Packet& packet);
    void flush_answers();
    /// Ends the connection: the will, the session, the stream. `is_polite`: what is queued is
    /// sent first.
    void end(session::ConnectionEnd how, bool is_polite);
    void end_session_part(session::ConnectionEnd how);

    // client_limits.cpp: what is refused or slowed because there is too much of it.
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_connect(const mqtt::Connect& connect);
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_subscribe(
        const mqtt::Subscribe& subscribe);
    [[nodiscard]] Flow refuse_subscribe(const mqtt::Subscribe& subscribe, mqtt::ReasonCode reason);
    [[nodiscard]] bool is_within_rate();
    [[nodiscard]] Flow refuse_unsubscribe(const mqtt::Unsubscribe& unsubscribe,
                                          mqtt::ReasonCode reason);
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_filter(std::string_view filter);
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_one_more(std::string_view filter);
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_topic(std::string_view topic);
    [[nodiscard]] std::optional<mqtt::ReasonCode> refused_publish(const mqtt::Publish& publish,
                                                                  std::string_view topic);
    [[nodiscard]] bool is_within_quota(const mqtt::Publish& publish);
    void bound_waiting_input();
    void note_frame_error(const mqtt::ProtocolError& error);

    // client_trace.cpp
    void trace(TraceLine::Direction direction, const mqtt::Frame& frame) const;
    void trace_sent(ByteSpan packet) const;

    // on_connect.cpp
    [[nodiscard]] Flow on_connect(const mqtt::Frame& frame);
    [[nodiscard]] mqtt::ReasonCode client_id_problem(const mqtt::Connect& connect) const;
    void accept();
    void welcome();
    void refuse(mqtt::ReasonCode reason, std::string_view statement, std::string_view detail = {});
    [[nodiscard]] Flow refuse_malformed(const mqtt::Frame& frame, const mqtt::ProtocolError& error);
    [[nodiscard]] bool take_session();
    [[nodiscard]] ClientSession* resumable(const std::string& key);
    void open_session(ClientSession& session);

    // on_publish.cpp
    [[nodiscard]] Flow on_publish(const mqtt::Publish& publish);
    void refuse_publish(const mqtt::Publish& publish);
    [[nodiscard]] mqtt::ReasonCode judge_topic(std::string_view topic);
    [[nodiscard]] mqtt::ReasonCode judge(const mqtt::Publish& publish, std::string_view topic);
    [[nodiscard]] Flow on_pubrel(const mqtt::Ack& ack);

    // on_subscribe.cpp
    [[nodiscard]] Flow on_subscribe(const mqtt::Subscribe& subscribe);
    [[nodiscard]] mqtt::ReasonCode subscribe_one(const mqtt::Subscribe::Entry& entry,
                                                 std::uint32_t id);
    [[nodiscard]] Flow on_unsubscribe(const mqtt::Unsubscribe& unsubscribe);
    [[nodiscard]] const session::Subscription* made_of(std::string_view filter) const;
    void note_sys();

    // on_share.cpp
    [[nodiscard]] bool may_share() const;
    [[nodiscard]] mqtt::ReasonCode subscribe_shared(const mqtt::Subscribe::Entry& entry,
                                                    std::uint32_t id);
    [[nodiscard]] bool unsubscribe_shared(std::string_view filter);
    [[nodiscard]] Taken deliver_share(const ShareTable::Share& share, const PlacedRecord& placed);
    [[nodiscard]] Pulled pull_shares();
    void forget_share(Seq seq);

    void enter_index();
    void leave_index();
    void refresh_index();

    // on_ack.cpp: what the client acknowledges, and deliveries.
    [[nodiscard]] Flow on_ack(const mqtt::Ack& ack);
    [[nodiscard]] Flow act_on(const session::AckOutcome& outcome, const mqtt::Ack& ack);
    [[nodiscard]] Pulled pull_unsent();
    [[nodiscard]] Pulled pull_owed();
    [[nodiscard]] Pulled pull_retained();
    struct Copy {
        bool is_retained_copy = false;
        bool retain = false;
        std::string_view shared = {};  // The filter of a shared subscription.
    };
    bool send_delivery(const PlacedRecord& placed, const session::Match& match, Copy copy);
    [[nodiscard]] bool put_publish(const PlacedRecord& placed, DeliveryOptions& options);
    /// With the topic as the client knows it.
    [[nodiscard]] bool put_named(const PlacedRecord& placed, DeliveryOptions& options);
    [[nodiscard]] bool set_expiry(const PlacedRecord& placed, DeliveryOptions& options) const;
    [[nodiscard]] bool fits_backlog(const PlacedRecord& placed) const;
    void take_from_backlog(const PlacedRecord& placed);
    [[nodiscard]] Taken send_retained(const RetainedCopies& copies,
                                      const session::Subscription& wanted);
    void send_unsent(const session::InFlight& in_flight, const PlacedRecord& placed);
    void give_up(const session::InFlight& in_flight);

    session::Handshake handshake_;
    MonotonicTime accepted_at_;
    std::unique_ptr<ws::Decoder> websocket_;  // Null: plain MQTT.
    bool has_sent_close_ = false;             // A WebSocket's.
    MonotonicTime pinged_at_;                 // A WebSocket.
    std::optional<mqtt::Version> version_;
    Hold hold_ = Hold::none;
    MonotonicTime held_since_;
    MonotonicTime held_until_;  // Hold::quota.
    ByteBuffer input_;
    InputBudget::Account input_account_;
    ByteBuffer scratch_;  // One encoded packet; empty between packets.

    // From CONNECT on.
    session::ConnectTerms terms_;
    session::ConnectLimits limits_;
    std::string user_name_;
    bool has_user_name_ = false;
    std::uint64_t password_generation_ = 0;
    session::Will pending_will_;
    std::optional<session::KeepAlive> keep_alive_;
    std::optional<session::TopicAliases> aliases_;
    session::OutboundAliases outbound_aliases_{0};
    ClientSession* session_ = nullptr;
    log::Ticket connack_ticket_{};  // Of what CONNECT recorded; 0: nothing.
    std::optional<TailIndex::Slot> slot_;
    TailIndex* slot_index_ = nullptr;  // Where slot_ is.
    std::list<RetainedCopies> retained_;
    Backlog backlog_;
    std::optional<session::InFlight> unsent_;                 // Waits for its record.
    std::list<std::pair<log::Ticket, ByteBuffer>> deferred_;  // Packets that wait for a ticket.
    std::optional<MonotonicTime> withheld_since_;
    std::string good_topic_;              // The last one that it might publish to,
    std::uint64_t good_topic_epoch_ = 0;  // by the rules of then.
    Durability durability_;               // The entrance's when it connected.
    std::string mount_point_;             // Likewise.
    bool is_standard_ = false;
    bool session_present_ = false;
    bool wants_sys_ = false;
    bool is_answer_too_large_ = false;  // One could not be sent: the connection is of no use.
    bool is_traced_ = false;
    bool is_again_ = false;  // The next packet was held, and was seen before.
};

}  // namespace firehose::bus
