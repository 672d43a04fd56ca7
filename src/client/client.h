// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "client/client_events.h"
#include "client/client_options.h"
#include "client/inbound_qos2.h"
#include "client/keep_alive.h"
#include "client/outbound.h"
#include "client/packet_ids.h"
#include "mqtt/codec.h"

/// An MQTT client as a state machine: told what happened, it answers with bytes and events.
///
///     Client client{{.client_id = "x"}};
///     client.on_connected(now);                      // The transport is there.
///     send(client.output()); client.wrote(n);        // CONNECT, and whatever follows.
///     client.on_bytes(received, now);
///     for (Event& event : client.take_events()) ...
///     client.on_tick(now);                           // At client.next_tick() at the latest.
///
/// One Client is one session over any number of connections: after on_closed, on_connected starts
/// the next one, and publishes of QoS 1 and 2 that nobody acknowledged are sent again, as DUP to a
/// server that still has the session, as new ones to a server that lost it (so QoS 2 is exactly
/// once only as long as the server keeps the session).
/// Ownership: copies what it is given. Threads: none; one owner. No clock, no socket.
/// Bounds:    in_flight_max publishes, receive_maximum inbound QoS 2 ids, one inbound packet of
///            packet_bytes_max. `output` grows with what the owner publishes: stop at
///            `can_publish`, and at a bound of your own for QoS 0.
/// Source:    MQTT 5.0 and 3.1.1, sections 3.1, 4.3, 4.4, 4.9.
namespace firehose::client {

/// Why `publish` and `subscribe` did nothing.
enum class Rejected : std::uint8_t {
    not_connected,         // QoS 0, or a subscription, while no server listens.
    window_full,           // in_flight_max; wait for a Published.
    bad_topic,             // Empty, a wildcard, not UTF-8, or longer than 65'535 bytes.
    too_large,             // For a packet, or for this server.
    qos_not_supported,     // By this server.
    retain_not_supported,  // By this server.
};
[[nodiscard]] std::string_view name(Rejected why) noexcept;

struct Outgoing {
    std::string_view topic;
    ByteSpan payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    std::span<const mqtt::UserProperty> user_properties = {};  // Left out before 5.0.
    ByteSpan properties = {};  // More of them, as they go on the wire; likewise.
};

class Client {
public:
    explicit Client(ClientOptions options);
    Client(const Client&) = delete;  // Its parts refer to each other.
    Client& operator=(const Client&) = delete;

    // What happened.
    void on_connected(MonotonicTime now);
    void on_bytes(ByteSpan bytes, MonotonicTime now);
    void on_tick(MonotonicTime now);
    /// The transport is gone. What is in flight is kept for the next one.
    void on_closed();

    // What to do. QoS 1 and 2 may be published without a connection: they wait.
    [[nodiscard]] Result<Token, Rejected> publish(const Outgoing& message);
    [[nodiscard]] Result<Token, Rejected> subscribe(
        std::span<const mqtt::Subscribe::Entry> entries,
        std::span<const mqtt::UserProperty> user_properties = {},
        std::optional<std::uint32_t> subscription_id = std::nullopt);
    [[nodiscard]] Result<Token, Rejected> unsubscribe(std::span<const std::string_view> filters);
    /// Says goodbye; the answer is a HangUp. Nothing may be published after it until on_connected.
    void disconnect(mqtt::ReasonCode reason = mqtt::ReasonCode::success);

    // What follows.
    /// Bytes to write, in order. Valid until the next call that is not const.
    [[nodiscard]] ByteSpan output() const noexcept;
    /// The first `count` bytes of `output` were written.
    void wrote(std::size_t count);
    [[nodiscard]] std::vector<Event> take_events();
    /// When on_tick is due; nothing if no timer runs.
    [[nodiscard]] std::optional<MonotonicTime> next_tick() const noexcept;

    [[nodiscard]] bool is_connected() const noexcept { return state_ == State::connected; }
    /// Whether `publish` would take one more message of that QoS.
    [[nodiscard]] bool can_publish(mqtt::Qos qos) const noexcept;
    /// QoS 1 and 2 publishes that wait for their acknowledgement or for a connection.
    [[nodiscard]] std::size_t in_flight() const noexcept { return outbound_.size(); }
    [[nodiscard]] const ClientOptions& options() const noexcept { return options_; }
    /// What the server called this client, or options().client_id.
    [[nodiscard]] const std::string& client_id() const noexcept { return client_id_; }

private:
    enum class State : std::uint8_t { closed, connecting, connected, over };
    enum class Awaited : std::uint8_t { suback, unsuback };
    struct Request {
        Token token{};
        Awaited answer = Awaited::suback;
        std::size_t count = 0;  // Reason codes that the answer must have.
    };
    /// What the server's CONNACK allows.
    struct ServerLimits {
        std::optional<std::size_t> packet_bytes_max;
        mqtt::Qos qos_max = mqtt::Qos::exactly_once;
        bool has_retain = true;
    };

    void on_frame(const mqtt::Frame& frame);
    void on_connack(const mqtt::Frame& frame);
    void on_publish(const mqtt::Frame& frame);
    void on_ack(const mqtt::Frame& frame);
    void on_suback(const mqtt::Frame& frame);
    void on_unsuback(const mqtt::Frame& frame);
    void on_disconnect(const mqtt::Frame& frame);
    void on_pingresp(const mqtt::Frame& frame);

    [[nodiscard]] std::optional<Rejected> refusal(const Outgoing& message,
                                                  ByteSpan properties) const noexcept;
    [[nodiscard]] Result<Token, Rejected> start_request(Awaited answer, std::size_t count,
                                                        std::uint16_t& packet_id);
    [[nodiscard]] std::optional<Request> finish_request(std::uint16_t packet_id, Awaited answer,
                                                        std::size_t count);
    void send_connect();
    /// Sends what the window allows of what is in flight.
    void pump();
    void reply(mqtt::PacketType type, std::uint16_t packet_id,
               mqtt::ReasonCode reason = mqtt::ReasonCode::success);
    void break_off(mqtt::ReasonCode reason, std::string text);
    void break_off(const mqtt::ProtocolError& error);
    [[nodiscard]] Token next_token() noexcept;

    ClientOptions options_;
    std::string client_id_;
    State state_ = State::closed;
    bool had_session_ = false;
    MonotonicTime now_;
    MonotonicTime connected_at_;
    ServerLimits server_;
    PacketIds packet_ids_;
    Outbound outbound_;
    InboundQos2 inbound_;
    KeepAlive keep_alive_;
    std::map<std::uint16_t, Request> requests_;
    std::uint64_t last_token_ = 0;
    ByteBuffer input_;   // An incomplete packet at most.
    ByteBuffer output_;  // From written_ on.
    std::size_t written_ = 0;
    std::vector<Event> events_;
};

}  // namespace firehose::client
