// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/deque.h"
#include "log/block.h"
#include "mqtt/packets.h"

/// Publishes from the client at QoS 1 and 2: which are new, when they are answered, in what order.
///
/// For each PUBLISH the owner asks `on_publish`, and on `append` calls exactly one of `awaits`
/// (it was appended: the answer waits for its ticket), `answers_now` (refused, or dropped as
/// if it had been taken) and `withhold`. On `repeat` it does nothing: the answer is queued here.
/// Answers leave by `pop_answer` in the order of the publishes, refusals too (rule
/// **Acknowledgements**).
/// A QoS 2 packet id is held from its PUBLISH to its PUBREL, also across connections of a durable
/// session; answers that were not sent when a connection ended are dropped (the client sends
/// again, and a held id is a `repeat`). In a session that is recorded a PUBREL frees its id at
/// once, is to be recorded (`has_unrecorded`, `record`), and its PUBCOMP leaves by `pop_pubcomp`
/// when the record's ticket is durable (rule **What a session may not forget**).
/// Threads:   belongs to its session. Cost: O(1) but on_refused; 56 bytes a held id; a PUBREL
///            looks through those that wait.
/// Bounds:    unanswered() <= the window (5.0) or one more than can_admit() allows (3.x); held() <=
///            held_max, which also bounds what connection after connection leaves in a session.
/// Source:    MQTT 5.0 sections 4.3.2, 4.3.3, 4.4, 4.6, 4.9; rule **Back-pressure**.
namespace firehose::session {

enum class Verdict : std::uint8_t {
    append,    // New: append it, or refuse it.
    repeat,    // A QoS 2 message that we have: do not append it again. [MQTT-4.3.3-10]
    exceeded,  // More than Receive Maximum (5.0), or than held_max: DISCONNECT 0x93, or a close.
};
std::ostream& operator<<(std::ostream& out, Verdict verdict);

/// What a connection's answers wait for.
struct InboundMode {
    bool is_recorded = false;        // The session is durable: its PUBRELs are recorded.
    bool answers_at_placed = false;  // The listener's durability is `memory`.
    std::size_t held_max = 65'535;   // QoS 2 packet ids between PUBLISH and PUBREL.
};

class Inbound {
public:
    /// A connection begins. `window` is our Receive Maximum (5.0) or `publish.inflight_max` (3.x).
    void on_connected(mqtt::Version version, std::uint16_t window, InboundMode mode = {});
    /// It ended: drops what was not sent.
    void on_disconnected();

    /// 3.x: false while `window` publishes are unanswered; the owner stops reading at the PUBLISH
    /// that cannot be admitted. 5.0: always true, see Verdict::exceeded.
    [[nodiscard]] bool can_admit() const noexcept;

    /// `packet_id` is not read at QoS 0, which is always `append` and never answered.
    [[nodiscard]] Verdict on_publish(mqtt::Qos qos, std::uint16_t packet_id);
    /// It was appended under `ticket`; tickets do not go back. Answered by PUBACK or PUBREC.
    void awaits(mqtt::Qos qos, std::uint16_t packet_id, log::Ticket ticket);
    /// The answer needs no ticket. A reason >= 0x80 (5.0 only) ends the exchange.
    void answers_now(mqtt::Qos qos, std::uint16_t packet_id, mqtt::ReasonCode reason);
    /// 3.x: it was not appended, and there is no word for that: see is_withheld.
    void withhold(mqtt::Qos qos, std::uint16_t packet_id);

    /// All tickets up to this one are placed, or durable, but for those refused before.
    void on_placed(log::Ticket up_to);
    void on_durable(log::Ticket up_to);
    /// The log did not take this ticket. 5.0: answered with `reason` (>= 0x80). 3.x has no word
    /// for it: the answer is withheld for ever, and the owner closes after `publish.stall_max`.
    /// PUBRELs under it are to be recorded again.
    void on_refused(log::Ticket ticket, mqtt::ReasonCode reason);

    /// The next PUBACK or PUBREC that may be sent now. False: none.
    [[nodiscard]] bool pop_answer(mqtt::Ack& out);

    /// A PUBREL for this id would answer a PUBREC that was not sent yet: a protocol error, which
    /// 3.x, having no reasons, can only be told by a close.
    [[nodiscard]] bool is_pubrec_unsent(std::uint16_t packet_id) const;
    /// The PUBCOMP for a PUBREL: success, or 0x92 for an id that is not held or whose PUBREC was
    /// not sent (3.x: the same packet, which has no reason there). Nothing: it waits for a record.
    [[nodiscard]] std::optional<mqtt::Ack> on_pubrel(std::uint16_t packet_id);
    /// PUBRELs wait to be recorded.
    [[nodiscard]] bool has_unrecorded() const noexcept { return unrecorded_ != 0; }
    /// They are recorded now, in one record under `ticket`: its ids, which may be none.
    [[nodiscard]] std::vector<std::uint16_t> record(log::Ticket ticket);
    /// The next PUBCOMP that may be sent now. False: none.
    [[nodiscard]] bool pop_pubcomp(mqtt::Ack& out);

    /// QoS 2 packet ids between PUBLISH and PUBREL, for a session that is put away or stored, in
    /// no order; and taken back, in a session without any.
    [[nodiscard]] std::vector<std::uint16_t> held_ids() const;
    void adopt(std::span<const std::uint16_t> held_ids);

    /// Publishes whose PUBACK or PUBREC was not popped.
    [[nodiscard]] std::size_t unanswered() const noexcept { return answers_.size(); }
    /// QoS 2 packet ids between PUBLISH and PUBREL.
    [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
    /// An answer was withheld on this connection: what comes after it is not to be appended, or it
    /// would be overtaken. [MQTT311-4.6.0-6]
    [[nodiscard]] bool has_withheld() const noexcept { return has_withheld_; }
    /// The oldest answer was withheld by on_refused.
    [[nodiscard]] bool is_withheld() const noexcept;

private:
    struct Answer {
        log::Ticket ticket{};  // 0: none.
        std::uint16_t packet_id = 0;
        mqtt::Qos qos = mqtt::Qos::at_least_once;
        mqtt::ReasonCode reason = mqtt::ReasonCode::success;
        bool is_withheld = false;
    };
    struct Held {
        log::Ticket ticket{};
        bool is_queued = false;   // Its PUBREC is among answers_.
        bool is_counted = false;  // It takes one of this connection's Receive Maximum.
    };
    struct Release {
        log::Ticket ticket{};  // Of its record.
        std::uint16_t packet_id = 0;
        bool is_recorded = false;
        bool is_wanted = true;  // Its PUBREL came on this connection.
        bool is_counted = false;
    };

    [[nodiscard]] log::Ticket safe() const noexcept;
    [[nodiscard]] bool is_ready(const Answer& answer) const noexcept;

    mqtt::Version version_ = mqtt::Version::v311;
    std::uint16_t window_ = 0;
    InboundMode mode_;
    std::size_t counted_ = 0;  // Exchanges begun here without PUBACK, PUBCOMP or PUBREC >= 0x80.
    log::Ticket placed_{};
    log::Ticket durable_{};
    Deque<Answer> answers_;
    std::unordered_map<std::uint16_t, Held> held_;
    std::vector<Release> releases_;  // PUBRELs whose record is not durable, in their order.
    std::size_t unrecorded_ = 0;     // Of those.
    bool has_withheld_ = false;
};

}  // namespace firehose::session
