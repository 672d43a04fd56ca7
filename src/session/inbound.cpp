// SPDX-License-Identifier: Apache-2.0
#include "session/inbound.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::session {

namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;

constexpr log::Ticket kNoTicket{};

bool is_refusal(ReasonCode reason) noexcept {
    return reason >= ReasonCode::unspecified_error;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Verdict verdict) {
    switch (verdict) {
        case Verdict::append:
            return out << "append";
        case Verdict::repeat:
            return out << "repeat";
        case Verdict::exceeded:
            return out << "exceeded";
    }
    return out;
}

void Inbound::on_connected(Version version, std::uint16_t window, InboundMode mode) {
    on_disconnected();
    version_ = version;
    window_ = window;
    mode_ = mode;
}

void Inbound::on_disconnected() {
    answers_.clear();
    has_withheld_ = false;
    counted_ = 0;  // A new connection begins with its whole Receive Maximum. [MQTT-4.9.0-1]
    for (auto& [id, held] : held_) held.is_queued = held.is_counted = false;
    for (Release& release : releases_) release.is_wanted = release.is_counted = false;
}

bool Inbound::can_admit() const noexcept {
    return version_ == Version::v5 || answers_.size() < window_;
}

Verdict Inbound::on_publish(Qos qos, std::uint16_t packet_id) {
    if (qos == Qos::at_most_once) return Verdict::append;
    // Receive Maximum counts what is not yet answered by PUBACK, PUBCOMP, or a PUBREC that
    // refuses [MQTT-3.3.4-7]: a QoS 2 exchange counts to its end, not to its PUBREC.
    const bool counts = version_ == Version::v5;
    const bool is_full = counts && counted_ >= window_;
    if (qos == Qos::exactly_once) {
        if (const auto known = held_.find(packet_id); known != held_.end()) {
            Held& held = known->second;
            if (counts && !held.is_counted) {
                if (is_full) return Verdict::exceeded;
                held.is_counted = true;
                ++counted_;
            }
            // One PUBREC answers all repeats that came before it, so repeats cost nothing.
            if (!held.is_queued) {
                answers_.push_back({.ticket = held.ticket, .packet_id = packet_id, .qos = qos});
                held.is_queued = true;
            }
            return Verdict::repeat;  // [MQTT-4.3.3-10] [MQTT311-4.3.3-2]
        }
        if (held_.size() >= mode_.held_max) return Verdict::exceeded;
    }
    if (is_full) return Verdict::exceeded;
    if (counts) ++counted_;
    if (qos == Qos::exactly_once) {
        held_.emplace(packet_id, Held{.is_queued = true, .is_counted = counts});
    }
    return Verdict::append;
}

void Inbound::awaits(Qos qos, std::uint16_t packet_id, log::Ticket ticket) {
    if (qos == Qos::at_most_once) return;
    if (qos == Qos::exactly_once) held_.at(packet_id).ticket = ticket;
    answers_.push_back({.ticket = ticket, .packet_id = packet_id, .qos = qos});
}

void Inbound::answers_now(Qos qos, std::uint16_t packet_id, ReasonCode reason) {
    if (qos == Qos::at_most_once) return;
    FH_ASSERT(version_ == Version::v5 || !is_refusal(reason));
    // A refused id is free at once: its next PUBLISH is a new message. [MQTT-4.3.3-9]
    if (qos == Qos::exactly_once && is_refusal(reason)) held_.erase(packet_id);
    answers_.push_back({.packet_id = packet_id, .qos = qos, .reason = reason});
}

void Inbound::withhold(Qos qos, std::uint16_t packet_id) {
    FH_ASSERT(version_ != Version::v5 && qos != Qos::at_most_once);
    if (qos == Qos::exactly_once) held_.erase(packet_id);
    answers_.push_back({.packet_id = packet_id, .qos = qos, .is_withheld = true});
    has_withheld_ = true;
}

void Inbound::on_placed(log::Ticket up_to) {
    placed_ = std::max(placed_, up_to);
}

void Inbound::on_durable(log::Ticket up_to) {
    durable_ = std::max(durable_, up_to);
    placed_ = std::max(placed_, up_to);
    // What nobody waits for is over now; the rest goes by pop_pubcomp.
    std::erase_if(releases_, [this](const Release& release) {
        return release.is_recorded && !release.is_wanted && release.ticket <= durable_;
    });
}

void Inbound::on_refused(log::Ticket ticket, ReasonCode reason) {
    for (Answer& answer : answers_) {
        if (answer.ticket != ticket) continue;
        if (version_ == Version::v5) {
            answer.ticket = kNoTicket;
            answer.reason = reason;
        } else {
            answer.is_withheld = has_withheld_ = true;
        }
    }
    // It is not in the log: what the client sends again is to be appended.
    std::erase_if(held_, [ticket](const auto& entry) { return entry.second.ticket == ticket; });
    for (Release& release : releases_) {
        if (!release.is_recorded || release.ticket != ticket) continue;
        release.is_recorded = false;
        ++unrecorded_;
    }
}

log::Ticket Inbound::safe() const noexcept {
    return mode_.answers_at_placed ? placed_ : durable_;
}

bool Inbound::is_ready(const Answer& answer) const noexcept {
    return !answer.is_withheld && answer.ticket <= safe();
}

bool Inbound::is_withheld() const noexcept {
    return !answers_.empty() && answers_.front().is_withheld;
}

bool Inbound::pop_answer(mqtt::Ack& out) {
    // In the order of the publishes. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    if (answers_.empty() || !is_ready(answers_.front())) return false;
    const Answer answer = answers_.front();
    answers_.pop_front();
    const bool is_qos_2 = answer.qos == Qos::exactly_once;
    out = {.type = is_qos_2 ? mqtt::PacketType::pubrec : mqtt::PacketType::puback,
           .packet_id = answer.packet_id,
           .reason = answer.reason,
           .reason_string = std::nullopt};
    const bool ends = !is_qos_2 || is_refusal(answer.reason);
    if (ends && version_ == Version::v5) {
        --counted_;
    } else if (const auto held = held_.find(answer.packet_id); is_qos_2 && held != held_.end()) {
        held->second.is_queued = false;
    }
    return true;
}

bool Inbound::is_pubrec_unsent(std::uint16_t packet_id) const {
    const auto held = held_.find(packet_id);
    return held != held_.end() && held->second.is_queued;
}

std::optional<mqtt::Ack> Inbound::on_pubrel(std::uint16_t packet_id) {
    mqtt::Ack pubcomp{.type = mqtt::PacketType::pubcomp,
                      .packet_id = packet_id,
                      .reason = ReasonCode::success,
                      .reason_string = std::nullopt};
    const auto held = held_.find(packet_id);
    // A PUBREL before our PUBREC answers nothing: to complete would say "stored" too early.
    if (held == held_.end() || held->second.is_queued) {
        const auto waiting = std::ranges::find(releases_, packet_id, &Release::packet_id);
        if (held == held_.end() && waiting != releases_.end()) {
            waiting->is_wanted = true;  // Its record is under way: one PUBCOMP for all PUBRELs.
            return std::nullopt;
        }
        pubcomp.reason = ReasonCode::packet_identifier_not_found;
        return pubcomp;
    }
    const bool is_counted = held->second.is_counted;
    held_.erase(held);  // [MQTT-4.3.3-11] [MQTT-4.3.3-12]
    if (mode_.is_recorded) {
        releases_.push_back({.packet_id = packet_id, .is_counted = is_counted});
        ++unrecorded_;
        return std::nullopt;
    }
    if (is_counted) --counted_;
    return pubcomp;
}

std::vector<std::uint16_t> Inbound::record(log::Ticket ticket) {
    std::vector<std::uint16_t> ids;
    for (Release& release : releases_) {
        if (release.is_recorded) continue;
        release.is_recorded = true;
        release.ticket = ticket;
        // An id that is held again was recorded with its new message: to free it would be wrong.
        if (!held_.contains(release.packet_id)) ids.push_back(release.packet_id);
    }
    unrecorded_ = 0;
    return ids;
}

bool Inbound::pop_pubcomp(mqtt::Ack& out) {
    const auto ready = std::ranges::find_if(releases_, [this](const Release& release) {
        return release.is_recorded && release.is_wanted && release.ticket <= safe();
    });
    if (ready == releases_.end()) return false;
    out = {.type = mqtt::PacketType::pubcomp,
           .packet_id = ready->packet_id,
           .reason = ReasonCode::success,
           .reason_string = std::nullopt};
    if (ready->is_counted) --counted_;
    releases_.erase(ready);
    return true;
}

std::vector<std::uint16_t> Inbound::held_ids() const {
    std::vector<std::uint16_t> ids;
    ids.reserve(held_.size());
    for (const auto& [id, held] : held_) ids.push_back(id);
    return ids;
}

void Inbound::adopt(std::span<const std::uint16_t> held_ids) {
    FH_ASSERT(held_.empty() && releases_.empty());
    for (const std::uint16_t id : held_ids) held_.emplace(id, Held{});
}

}  // namespace firehose::session
