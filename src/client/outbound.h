// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/client_events.h"
#include "client/packet_ids.h"
#include "mqtt/packets.h"
#include "mqtt/types.h"

/// Publishes of QoS 1 and 2 on their way to the server: in order, each once, across connections.
///
/// Ownership: keeps a copy of each message until it is acknowledged. Threads: none.
/// Invariant: on one connection, what was sent and not acknowledged never exceeds the server's
///            Receive Maximum [MQTT-3.3.4-7]; messages are sent and sent again in the order in
///            which they were published [MQTT-4.6.0-1]. No identifier is held by two exchanges.
/// Cost:      O(log n) a step.
/// Source:    MQTT 5.0 sections 4.3.2, 4.3.3, 4.4, 4.9.
namespace firehose::client {

class Outbound {
public:
    explicit Outbound(PacketIds& packet_ids) noexcept : packet_ids_(packet_ids) {}

    struct Stored {
        std::string topic;
        ByteBuffer payload;
        ByteBuffer properties;  // Wire form, 5.0 only.
        mqtt::Qos qos = mqtt::Qos::at_least_once;
        bool retain = false;
    };

    void add(Token token, Stored message);

    /// A connection starts; nothing has been sent on it.
    /// @param window  the server's Receive Maximum.
    /// Returns the exchanges that end here: without a session on the server there is no answer to
    /// expect for a QoS 2 message that it has acknowledged as received.
    [[nodiscard]] std::vector<Token> start(bool session_present, std::size_t window);

    /// Appends the next packet that may be sent. False if there is none, or the window is full.
    [[nodiscard]] bool send_next(mqtt::Version version, ByteBuffer& out);

    struct Answer {
        enum class Kind : std::uint8_t { unknown, wrong, go_on, done } kind = Kind::unknown;
        Token token{};  // With `done`.
    };
    /// PUBACK, PUBREC or PUBCOMP arrived. `go_on` asks for PUBREL. `wrong`: the identifier belongs
    /// to an exchange that expects something else.
    [[nodiscard]] Answer on_ack(mqtt::PacketType type, std::uint16_t packet_id,
                                mqtt::ReasonCode reason);

    [[nodiscard]] std::size_t size() const noexcept { return exchanges_.size(); }

private:
    enum class State : std::uint8_t { unsent, published, released };
    struct Exchange {
        Stored message;
        State state = State::unsent;
        std::uint16_t packet_id = 0;
        bool is_on_wire = false;  // Sent on this connection.
    };

    void finish(std::map<Token, Exchange>::iterator exchange);
    [[nodiscard]] static bool expects(const Exchange& exchange, mqtt::PacketType type) noexcept;

    PacketIds& packet_ids_;
    std::map<Token, Exchange> exchanges_;  // In the order of publishing.
    std::map<std::uint16_t, Token> by_packet_id_;
    Token next_{};             // Exchanges before it are on the wire.
    std::size_t on_wire_ = 0;  // How many are.
    std::size_t window_ = 0;
};

}  // namespace firehose::client
