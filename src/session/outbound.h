// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <ostream>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "mqtt/types.h"

/// Deliveries to the client at QoS 1 and 2: packet ids, the window, what is sent again.
///
/// The owner sends a PUBLISH when `has_room()`, with the id that `begin` gives; it hears of the
/// client's answers by `on_puback`, `on_pubrec`, `on_pubcomp` and does what the outcome says.
/// After a reconnect of a durable session it sends all that `next_resend` gives before anything
/// new. Payloads are not kept: an entry has the record's seq and what else its PUBLISH needs.
/// Threads:   belongs to its session. Cost: answers in the order of the deliveries are O(1),
///            others O(in flight); 40 bytes an entry.
/// Invariant: a packet id is free or owned by exactly one exchange [MQTT-2.2.1-4]; what is sent
///            and not finished on this connection never exceeds the window [MQTT-3.3.4-9].
/// Source:    MQTT 5.0 sections 2.2.1, 4.3.2, 4.3.3, 4.4, 4.6, 4.9.
namespace firehose::session {

/// One delivery between its first PUBLISH and the end of its exchange.
struct InFlight {
    enum class Awaits : std::uint8_t { puback, pubrec, pubcomp };
    Seq seq{};
    std::vector<std::uint32_t> subscription_ids;
    std::uint16_t packet_id = 0;
    mqtt::Qos qos = mqtt::Qos::at_least_once;
    Awaits awaits = Awaits::puback;
    bool retain = false;
    bool is_sent = false;  // On the current connection.

    friend bool operator==(const InFlight&, const InFlight&) = default;
};

/// What the client's PUBACK, PUBREC or PUBCOMP leads to.
struct AckOutcome {
    enum class Kind : std::uint8_t {
        done,            // The exchange is over; `seq` is delivered, the window has room.
        send_pubrel,     // Send PUBREL with `reason` for the packet id.
        ignore,          // Nothing is known of that id; nothing to say.
        protocol_error,  // Disconnect with `reason`.
    };
    Kind kind = Kind::ignore;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    Seq seq{};  // Of `done` and of the first `send_pubrel`.
    std::string_view statement = {};

    friend bool operator==(const AckOutcome&, const AckOutcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const AckOutcome& outcome);

class Outbound {
public:
    /// The facts of a delivery that its PUBLISH needs when it is sent again.
    struct Delivery {
        Seq seq{};
        mqtt::Qos qos = mqtt::Qos::at_least_once;  // 1 or 2.
        bool retain = false;
        std::vector<std::uint32_t> subscription_ids = {};
    };

    /// A connection begins; `window` is ConnectTerms::outbound_window. What is in flight is to be
    /// sent again, in the order of its first sending. [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    void on_connected(std::uint16_t window);

    /// The next thing to send again: a PUBLISH with DUP [MQTT-3.3.1-1], or a PUBREL where
    /// `awaits` is pubcomp. Nothing when all was sent, or while the window has no place for the
    /// PUBLISH. Valid until the next call of anything.
    [[nodiscard]] const InFlight* next_resend();

    /// Room for one more delivery, and nothing left to send again.
    [[nodiscard]] bool has_room() const noexcept;
    /// Takes a delivery into the window and gives its packet id: the next free one, from 1 up.
    /// Only when `has_room()`.
    [[nodiscard]] std::uint16_t begin(Delivery delivery);

    [[nodiscard]] AckOutcome on_puback(std::uint16_t packet_id);
    /// A reason >= 0x80 ends the exchange (5.0). [MQTT-4.3.3-4]
    [[nodiscard]] AckOutcome on_pubrec(std::uint16_t packet_id, mqtt::ReasonCode reason);
    [[nodiscard]] AckOutcome on_pubcomp(std::uint16_t packet_id);

    /// A delivery that can not be sent again (its record is gone): ends the exchange.
    void drop(std::uint16_t packet_id);

    [[nodiscard]] const std::deque<InFlight>& in_flight() const noexcept { return in_flight_; }
    /// The smallest seq in flight: what a checkpoint of the session must not be beyond.
    [[nodiscard]] std::optional<Seq> oldest() const noexcept;

private:
    using Position = std::deque<InFlight>::iterator;
    [[nodiscard]] Position find(std::uint16_t packet_id);
    void erase(Position position);

    std::deque<InFlight> in_flight_;  // In the order of first sending.
    std::size_t sent_ = 0;            // Of those, with is_sent.
    std::size_t resend_next_ = 0;     // Entries before it were sent on this connection.
    std::uint16_t window_ = 0;
    std::uint16_t last_id_ = 0;
    std::vector<bool> taken_;  // By packet id, as long as the highest ever used.
};

}  // namespace firehose::session
