// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/deque.h"
#include "base/ids.h"
#include "log/block.h"
#include "mqtt/types.h"
#include "session/control_record.h"

/// Deliveries to the client at QoS 1 and 2: packet ids, the window, what is sent again.
///
/// The owner begins a delivery when `has_room()`, and sends its PUBLISH at once if `begin` says
/// so, else when `next_to_send` gives it; it hears of the client's answers by `on_puback`,
/// `on_pubrec`, `on_pubcomp` and does what the outcome says. After a reconnect of a durable
/// session `next_to_send` gives what is to be sent again, before anything new.
/// In a session that is recorded, ids and PUBRECs are to be recorded (`has_unrecorded`,
/// `record`): a QoS 2 PUBLISH is given when its assignment is durable, a PUBREL (`pop_pubrel`)
/// when its PUBREC is; QoS 1 waits for nothing but what is before it, since first deliveries are
/// in the order of their seqs (rule **What a session may not forget**).
/// Payloads are not kept: an entry has the record's seq and what else its PUBLISH needs.
/// Threads:   belongs to its session. Cost: answers in the order of the deliveries are O(1),
///            others O(in flight); 88 bytes an entry.
/// Invariant: a packet id is free or owned by exactly one exchange [MQTT-2.2.1-4]; what is sent
///            and not finished on this connection never exceeds the window [MQTT-3.3.4-9];
///            what is in flight never does. The lowest free id is taken first, so that a crash
///            leaves no more ids in doubt than were ever in flight together.
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
    bool is_sent = false;            // On the current connection.
    bool is_copy = false;            // Of a retained message.
    bool was_sent = true;            // On any: it is sent again with DUP.
    bool is_recorded = true;         // What it awaits is in the log, under `ticket`.
    log::Ticket ticket{};            // 0: durable.
    std::string shared_filter = {};  // Of a shared subscription; empty: an ordinary delivery.

    friend bool operator==(const InFlight&, const InFlight&) = default;
};

/// What the client's PUBACK, PUBREC or PUBCOMP leads to.
struct AckOutcome {
    enum class Kind : std::uint8_t {
        done,            // The exchange is over; `seq` is delivered, the window has room.
        send_pubrel,     // Send PUBREL with `reason` for the packet id.
        record,          // It is to be recorded; its PUBREL comes by `pop_pubrel`.
        ignore,          // Nothing is known of that id; nothing to say.
        protocol_error,  // Disconnect with `reason`.
    };
    Kind kind = Kind::ignore;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    Seq seq{};  // Of `done`, and of the first `send_pubrel` or `record`.
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
        bool is_copy = false;            // Of a retained message: says nothing of the cursor.
        std::string shared_filter = {};  // The same, of a shared subscription.
    };
    struct Begun {
        std::uint16_t packet_id = 0;
        bool is_sent = true;  // Send it now; else it comes by next_to_send.
    };

    /// A connection begins; `window` is ConnectTerms::outbound_window. What is in flight is to be
    /// sent again, in the order of its first sending. [MQTT-4.4.0-1] [MQTT-4.6.0-1]
    /// `is_recorded`: the session is durable.
    void on_connected(std::uint16_t window, bool is_recorded = false);

    /// The next thing to send that was not sent on this connection: a PUBLISH, with DUP where it
    /// `was_sent` before [MQTT-3.3.1-1], or a PUBREL where `awaits` is pubcomp. Nothing when all
    /// was sent, while the window has no place for the PUBLISH, or while its record is awaited.
    [[nodiscard]] std::optional<InFlight> next_to_send();
    /// `next_to_send` has something, but for the window.
    [[nodiscard]] bool can_send() const noexcept;

    /// Room for one more delivery, and nothing left to send again.
    [[nodiscard]] bool has_room() const noexcept;
    /// Something begun was not sent yet: what needs no id must not overtake it.
    [[nodiscard]] bool has_unsent() const noexcept { return next_ != in_flight_.size(); }
    /// Takes a delivery into the window, with the lowest free packet id. Only when `has_room()`.
    [[nodiscard]] Begun begin(Delivery delivery);
    /// Records before it that are no retained copies have been begun, or never will be: no seq is
    /// assigned a second time.
    [[nodiscard]] Seq assigned_end() const noexcept { return assigned_end_; }

    [[nodiscard]] AckOutcome on_puback(std::uint16_t packet_id);
    /// A reason >= 0x80 ends the exchange (5.0). [MQTT-4.3.3-4]
    [[nodiscard]] AckOutcome on_pubrec(std::uint16_t packet_id, mqtt::ReasonCode reason);
    [[nodiscard]] AckOutcome on_pubcomp(std::uint16_t packet_id);

    /// A delivery that can not be sent again (its record is gone): ends the exchange.
    void drop(std::uint16_t packet_id);

    /// Ids or PUBRECs wait to be recorded.
    [[nodiscard]] bool has_unrecorded() const noexcept { return unrecorded_ != 0; }
    struct Records {
        IdsAssigned assigned;     // Not to be written when it has no entries.
        PubrecReceived received;  // The same when it has no ids.
    };
    /// They are recorded now, under `ticket`.
    [[nodiscard]] Records record(log::Ticket ticket);
    /// All tickets up to this one are durable, but for those refused before.
    void on_durable(log::Ticket up_to);
    /// The log did not take it: what it was to record is to be recorded again.
    void on_refused(log::Ticket ticket);
    /// The next PUBREL whose PUBREC is durable, in their order [MQTT-4.6.0-4]. Nothing: none.
    [[nodiscard]] std::optional<std::uint16_t> pop_pubrel();

    /// Takes back what was put away or stored, in the order of first sending, where there is none.
    void adopt(std::vector<InFlight> in_flight);

    [[nodiscard]] const Deque<InFlight>& in_flight() const noexcept { return in_flight_; }
    /// The smallest seq in flight: what a checkpoint of the session must not be beyond.
    [[nodiscard]] std::optional<Seq> oldest() const noexcept;

private:
    using Position = Deque<InFlight>::iterator;
    [[nodiscard]] Position find(std::uint16_t packet_id);
    [[nodiscard]] bool is_released(const InFlight& entry) const noexcept;
    [[nodiscard]] std::uint16_t take_id();
    void complete(Position position);

    Deque<InFlight> in_flight_;   // In the order of first sending.
    std::size_t sent_ = 0;        // Of those, with is_sent.
    std::size_t next_ = 0;        // Entries before it were sent on this connection.
    std::size_t resend_end_ = 0;  // Entries before it are older than this connection.
    std::size_t unrecorded_ = 0;  // Entries without is_recorded.
    std::uint16_t window_ = 0;
    bool is_recorded_ = false;
    log::Ticket durable_{};
    Seq assigned_end_{};
    Deque<std::uint16_t> releases_;  // PUBRELs that wait for their PUBREC's record.

    enum IdState : std::uint8_t { kTaken = 1, kCompleted = 2 };
    std::vector<std::uint8_t> ids_;         // IdStates by packet id, to the highest ever used.
    std::size_t lowest_free_ = 1;           // No id below it is free.
    std::vector<std::uint16_t> completed_;  // Since the last record of ids.
};

}  // namespace firehose::session
