// SPDX-License-Identifier: Apache-2.0
#include "session/outbound.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace firehose::session {

namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using Kind = AckOutcome::Kind;

constexpr std::size_t kPacketIdMax = 65'535;
constexpr log::Ticket kNoTicket{};
constexpr AckOutcome kProtocolError{Kind::protocol_error, ReasonCode::protocol_error};

}  // namespace

std::ostream& operator<<(std::ostream& out, const AckOutcome& outcome) {
    switch (outcome.kind) {
        case Kind::done:
            return out << "done, seq " << outcome.seq;
        case Kind::send_pubrel:
            return out << "send PUBREL " << outcome.reason;
        case Kind::record:
            return out << "record, seq " << outcome.seq;
        case Kind::ignore:
            return out << "ignore";
        case Kind::protocol_error:
            return out << "protocol error " << outcome.reason << ' ' << outcome.statement;
    }
    return out;
}

void Outbound::on_connected(std::uint16_t window, bool is_recorded) {
    window_ = window;
    is_recorded_ = is_recorded;
    sent_ = 0;
    next_ = 0;
    resend_end_ = in_flight_.size();
    releases_.clear();  // They are sent again with the rest.
    for (InFlight& entry : in_flight_) {
        entry.is_sent = false;
        if (is_recorded_) continue;
        entry.is_recorded = true;
        entry.ticket = kNoTicket;
    }
    if (!is_recorded_) unrecorded_ = 0;
}

/// Whether what the entry sends next has been recorded. QoS 1 does not wait for it.
bool Outbound::is_released(const InFlight& entry) const noexcept {
    return entry.qos == Qos::at_least_once || (entry.is_recorded && entry.ticket <= durable_);
}

bool Outbound::can_send() const noexcept {
    return next_ != in_flight_.size() && is_released(in_flight_[next_]);
}

std::optional<InFlight> Outbound::next_to_send() {
    if (!can_send()) return std::nullopt;
    InFlight& entry = in_flight_[next_];
    // A PUBREL is no PUBLISH and goes whatever the window [MQTT-3.3.4-8]; it still takes a place,
    // which is ours: a client that counts to PUBCOMP is not overrun.
    const bool is_publish = entry.awaits != InFlight::Awaits::pubcomp;  // [MQTT-4.3.3-6]
    if (is_publish && sent_ >= window_) return std::nullopt;            // [MQTT-3.3.4-9]
    entry.is_sent = true;
    ++sent_;
    ++next_;
    InFlight given = entry;
    entry.was_sent = true;
    return given;
}

bool Outbound::has_room() const noexcept {
    return next_ >= resend_end_ && in_flight_.size() < window_;
}

/// The lowest free id. [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
std::uint16_t Outbound::take_id() {
    while (lowest_free_ < ids_.size() && (ids_[lowest_free_] & kTaken) != 0) ++lowest_free_;
    FH_ASSERT(lowest_free_ <= kPacketIdMax);
    if (ids_.size() <= lowest_free_) ids_.resize(lowest_free_ + 1);
    ids_[lowest_free_] |= kTaken;
    return static_cast<std::uint16_t>(lowest_free_++);
}

Outbound::Begun Outbound::begin(Delivery delivery) {
    FH_ASSERT(has_room() && delivery.qos != Qos::at_most_once);
    const std::uint16_t id = take_id();
    const bool is_exactly_once = delivery.qos == Qos::exactly_once;
    const bool is_sent = !has_unsent() && !(is_recorded_ && is_exactly_once);
    const bool is_copy = delivery.is_copy || !delivery.shared_filter.empty();
    if (!is_copy) assigned_end_ = std::max(assigned_end_, next(delivery.seq));
    in_flight_.push_back(
        {.seq = delivery.seq,
         .subscription_ids = std::move(delivery.subscription_ids),
         .packet_id = id,
         .qos = delivery.qos,
         .awaits = is_exactly_once ? InFlight::Awaits::pubrec : InFlight::Awaits::puback,
         .retain = delivery.retain,
         .is_sent = is_sent,
         .is_copy = is_copy,
         .was_sent = is_sent,
         .is_recorded = !is_recorded_,
         .shared_filter = std::move(delivery.shared_filter)});
    if (is_recorded_) ++unrecorded_;
    if (is_sent) {
        ++sent_;
        ++next_;
    }
    return {id, is_sent};
}

Outbound::Position Outbound::find(std::uint16_t packet_id) {
    if (packet_id >= ids_.size() || (ids_[packet_id] & kTaken) == 0) return in_flight_.end();
    return std::find_if(in_flight_.begin(), in_flight_.end(),
                        [packet_id](const auto& entry) { return entry.packet_id == packet_id; });
}

void Outbound::complete(Position position) {
    const std::uint16_t id = position->packet_id;
    ids_[id] = static_cast<std::uint8_t>(ids_[id] & ~kTaken);
    lowest_free_ = std::min<std::size_t>(lowest_free_, id);
    if (is_recorded_ && (ids_[id] & kCompleted) == 0) {
        ids_[id] |= kCompleted;
        completed_.push_back(id);
    }
    if (!position->is_recorded) --unrecorded_;
    if (position->is_sent) --sent_;
    const auto index = static_cast<std::size_t>(position - in_flight_.begin());
    if (index < next_) --next_;
    if (index < resend_end_) --resend_end_;
    in_flight_.erase(position);
}

AckOutcome Outbound::on_puback(std::uint16_t packet_id) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) return {};
    if (entry->awaits != InFlight::Awaits::puback || !entry->was_sent) return kProtocolError;
    const Seq seq = entry->seq;
    complete(entry);  // Whatever its reason. [MQTT-4.3.2-3] [MQTT-4.4.0-2]
    return {.kind = Kind::done, .seq = seq};
}

AckOutcome Outbound::on_pubrec(std::uint16_t packet_id, ReasonCode reason) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) {
        // The exchange is not ours any more; PUBREL lets the client forget it too (3.6.2.1).
        return {.kind = Kind::send_pubrel, .reason = ReasonCode::packet_identifier_not_found};
    }
    if (entry->qos != Qos::exactly_once || !entry->was_sent) return kProtocolError;
    const Seq seq = entry->seq;
    const bool is_first = entry->awaits == InFlight::Awaits::pubrec;
    if (is_first && reason >= ReasonCode::unspecified_error) {
        complete(entry);  // [MQTT-4.4.0-2]
        return {.kind = Kind::done, .seq = seq};
    }
    entry->awaits = InFlight::Awaits::pubcomp;
    if (!is_recorded_) return {.kind = Kind::send_pubrel, .seq = seq};  // [MQTT-4.3.3-4]
    if (is_first) {
        if (std::exchange(entry->is_recorded, false)) ++unrecorded_;
        releases_.push_back(packet_id);
        return {.kind = Kind::record, .seq = seq};
    }
    // Repeated: recorded once; answered now, or by the PUBREL that waits for the record.
    if (!is_released(*entry)) return {};
    return {.kind = Kind::send_pubrel, .seq = seq};
}

AckOutcome Outbound::on_pubcomp(std::uint16_t packet_id) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) return {};
    if (entry->awaits != InFlight::Awaits::pubcomp || !is_released(*entry)) return kProtocolError;
    const Seq seq = entry->seq;
    complete(entry);  // [MQTT-4.3.3-5]
    return {.kind = Kind::done, .seq = seq};
}

void Outbound::drop(std::uint16_t packet_id) {
    if (const Position entry = find(packet_id); entry != in_flight_.end()) complete(entry);
}

Outbound::Records Outbound::record(log::Ticket ticket) {
    Records records;
    // New ones are at the end, and there are seldom others.
    for (auto entry = in_flight_.rbegin(); unrecorded_ != 0; ++entry) {
        if (entry->is_recorded) continue;
        entry->is_recorded = true;
        entry->ticket = ticket;
        --unrecorded_;
        if (entry->awaits == InFlight::Awaits::pubcomp) {
            records.received.ids.push_back(entry->packet_id);
        } else {
            records.assigned.entries.push_back({.packet_id = entry->packet_id,
                                                .qos = entry->qos,
                                                .retain = entry->retain,
                                                .is_copy = entry->is_copy,
                                                .seq = entry->seq,
                                                .subscription_ids = entry->subscription_ids,
                                                .shared_filter = entry->shared_filter});
        }
    }
    std::ranges::reverse(records.received.ids);
    std::ranges::reverse(records.assigned.entries);
    if (records.assigned.entries.empty()) return records;
    records.assigned.completed = std::exchange(completed_, {});
    for (const std::uint16_t id : records.assigned.completed) {
        ids_[id] = static_cast<std::uint8_t>(ids_[id] & ~kCompleted);
    }
    return records;
}

void Outbound::on_durable(log::Ticket up_to) {
    durable_ = std::max(durable_, up_to);
}

void Outbound::on_refused(log::Ticket ticket) {
    for (InFlight& entry : in_flight_) {
        if (!entry.is_recorded || entry.ticket != ticket) continue;
        entry.is_recorded = false;
        ++unrecorded_;
    }
}

std::optional<std::uint16_t> Outbound::pop_pubrel() {
    while (!releases_.empty()) {
        const std::uint16_t id = releases_.front();
        const Position entry = find(id);
        const bool is_over =
            entry == in_flight_.end() || entry->awaits != InFlight::Awaits::pubcomp;
        if (!is_over && !is_released(*entry)) return std::nullopt;
        releases_.pop_front();
        if (!is_over) return id;
    }
    return std::nullopt;
}

void Outbound::adopt(std::vector<InFlight> in_flight) {
    FH_ASSERT(in_flight_.empty());
    for (InFlight& entry : in_flight) {
        entry.is_sent = false;
        if (ids_.size() <= entry.packet_id) ids_.resize(entry.packet_id + std::size_t{1});
        ids_[entry.packet_id] |= kTaken;
        in_flight_.push_back(std::move(entry));
    }
    resend_end_ = in_flight_.size();
}

std::optional<Seq> Outbound::oldest() const noexcept {
    const auto entry = std::min_element(in_flight_.begin(), in_flight_.end(),
                                        [](const auto& a, const auto& b) { return a.seq < b.seq; });
    if (entry == in_flight_.end()) return std::nullopt;
    return entry->seq;
}

}  // namespace firehose::session
