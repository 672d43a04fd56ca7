// SPDX-License-Identifier: Apache-2.0
#include "session/outbound.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::session {

namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using Kind = AckOutcome::Kind;

constexpr std::size_t kPacketIdMax = 65'535;
constexpr AckOutcome kProtocolError{Kind::protocol_error, ReasonCode::protocol_error};

}  // namespace

std::ostream& operator<<(std::ostream& out, const AckOutcome& outcome) {
    switch (outcome.kind) {
        case Kind::done:
            return out << "done, seq " << outcome.seq;
        case Kind::send_pubrel:
            return out << "send PUBREL " << outcome.reason;
        case Kind::ignore:
            return out << "ignore";
        case Kind::protocol_error:
            return out << "protocol error " << outcome.reason << ' ' << outcome.statement;
    }
    return out;
}

void Outbound::on_connected(std::uint16_t window) {
    window_ = window;
    sent_ = 0;
    resend_next_ = 0;
    for (InFlight& entry : in_flight_) entry.is_sent = false;
}

const InFlight* Outbound::next_resend() {
    if (resend_next_ == in_flight_.size()) return nullptr;
    InFlight& entry = in_flight_[resend_next_];
    // A PUBREL is no PUBLISH and goes whatever the window [MQTT-3.3.4-8]; it still takes a place,
    // which is ours: a client that counts to PUBCOMP is not overrun.
    const bool is_publish = entry.awaits != InFlight::Awaits::pubcomp;  // [MQTT-4.3.3-6]
    if (is_publish && sent_ >= window_) return nullptr;                 // [MQTT-3.3.4-9]
    entry.is_sent = true;
    ++sent_;
    ++resend_next_;
    return &entry;
}

bool Outbound::has_room() const noexcept {
    return resend_next_ == in_flight_.size() && sent_ < window_;
}

std::uint16_t Outbound::begin(Delivery delivery) {
    FH_ASSERT(has_room() && delivery.qos != Qos::at_most_once);
    // The next free id, from 1 up and round again. [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
    do {
        last_id_ =
            last_id_ == kPacketIdMax ? std::uint16_t{1} : static_cast<std::uint16_t>(last_id_ + 1);
        if (taken_.size() <= last_id_) taken_.resize(last_id_ + std::size_t{1});
    } while (taken_[last_id_]);
    taken_[last_id_] = true;
    in_flight_.push_back({.seq = delivery.seq,
                          .subscription_ids = std::move(delivery.subscription_ids),
                          .packet_id = last_id_,
                          .qos = delivery.qos,
                          .awaits = delivery.qos == Qos::exactly_once ? InFlight::Awaits::pubrec
                                                                      : InFlight::Awaits::puback,
                          .retain = delivery.retain,
                          .is_sent = true});
    ++sent_;
    resend_next_ = in_flight_.size();
    return last_id_;
}

Outbound::Position Outbound::find(std::uint16_t packet_id) {
    if (packet_id >= taken_.size() || !taken_[packet_id]) return in_flight_.end();
    return std::find_if(in_flight_.begin(), in_flight_.end(),
                        [packet_id](const auto& entry) { return entry.packet_id == packet_id; });
}

void Outbound::erase(Position position) {
    taken_[position->packet_id] = false;
    if (position->is_sent) --sent_;
    if (static_cast<std::size_t>(position - in_flight_.begin()) < resend_next_) --resend_next_;
    in_flight_.erase(position);
}

AckOutcome Outbound::on_puback(std::uint16_t packet_id) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) return {};
    if (entry->awaits != InFlight::Awaits::puback) return kProtocolError;
    const Seq seq = entry->seq;
    erase(entry);  // Whatever its reason. [MQTT-4.3.2-3] [MQTT-4.4.0-2]
    return {.kind = Kind::done, .seq = seq};
}

AckOutcome Outbound::on_pubrec(std::uint16_t packet_id, ReasonCode reason) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) {
        // The exchange is not ours any more; PUBREL lets the client forget it too (3.6.2.1).
        return {.kind = Kind::send_pubrel, .reason = ReasonCode::packet_identifier_not_found};
    }
    if (entry->qos != Qos::exactly_once) return kProtocolError;
    const Seq seq = entry->seq;
    if (reason >= ReasonCode::unspecified_error && entry->awaits == InFlight::Awaits::pubrec) {
        erase(entry);  // [MQTT-4.4.0-2]
        return {.kind = Kind::done, .seq = seq};
    }
    entry->awaits = InFlight::Awaits::pubcomp;
    return {.kind = Kind::send_pubrel, .seq = seq};  // [MQTT-4.3.3-4]
}

AckOutcome Outbound::on_pubcomp(std::uint16_t packet_id) {
    const Position entry = find(packet_id);
    if (entry == in_flight_.end()) return {};
    if (entry->awaits != InFlight::Awaits::pubcomp) return kProtocolError;
    const Seq seq = entry->seq;
    erase(entry);  // [MQTT-4.3.3-5]
    return {.kind = Kind::done, .seq = seq};
}

void Outbound::drop(std::uint16_t packet_id) {
    if (const Position entry = find(packet_id); entry != in_flight_.end()) erase(entry);
}

std::optional<Seq> Outbound::oldest() const noexcept {
    const auto entry = std::min_element(in_flight_.begin(), in_flight_.end(),
                                        [](const auto& a, const auto& b) { return a.seq < b.seq; });
    if (entry == in_flight_.end()) return std::nullopt;
    return entry->seq;
}

}  // namespace firehose::session
