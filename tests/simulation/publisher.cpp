// SPDX-License-Identifier: Apache-2.0
#include "simulation/publisher.h"

namespace firehose::simulation {

void Publisher::act() {
    client::Client& machine = client_.machine();
    Random& random = stage_.random;
    const int qos = static_cast<int>(random.below(3));
    const std::string topic = "t/" + std::to_string(random.below(5));
    const bool is_retained = random.chance(30);
    const bool is_clear = is_retained && random.chance(15);
    const int number = is_clear ? kClear : stage_.next_number;
    const std::string payload =
        is_clear ? ""
                 : payload_of(number, random.chance(5) ? random.below(20'000) : random.below(300));
    const bool was_connected = machine.is_connected();
    const auto token = machine.publish({.topic = topic,
                                        .payload = as_bytes(payload),
                                        .qos = static_cast<mqtt::Qos>(qos),
                                        .retain = is_retained});
    if (!token) return;
    if (is_clear) {
        stage_.figures.add(Counted::retained_clears);
    } else {
        ++stage_.next_number;
    }
    pending_.emplace(
        *token,
        Pending{.index = sent_.size(), .made_on = connections_, .was_connected = was_connected});
    const bool is_unpromised =
        durability_ == bus::Durability::memory && qos == 2 && stage_.crashes != 0;
    sent_.push_back({.number = number, .qos = qos, .topic = topic, .is_unpromised = is_unpromised});
}

void Publisher::on_event(const client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        if (has_lost_store()) {
            // What its session was cannot be told from the log alone.
            for (auto& [token, pending] : pending_) sent_[pending.index].may_repeat = true;
        } else if (has_session_ && !connected->session_present) {
            fail("its session is gone");
        }
        if (connected->session_present) stage_.figures.add(Counted::sessions_resumed);
        has_session_ = true;
        ++connections_;
    } else if (const auto* published = std::get_if<client::Published>(&event)) {
        on_published(*published);
    }
}

void Publisher::on_published(const client::Published& published) {
    const auto found = pending_.find(published.token);
    if (found == pending_.end()) return fail("acknowledged twice");
    const Pending pending = found->second;
    Sent& sent = sent_[pending.index];
    pending_.erase(found);
    if (published.reason == mqtt::ReasonCode::quota_exceeded && stage_.may_refuse) {
        stage_.figures.add(Counted::refused);
        sent.is_refused = pending.was_connected && pending.made_on == connections_;
        return;
    }
    // A PUBREL that was sent again finds its exchange finished: no error [4.3.3, table 3-7].
    const bool is_known =
        published.reason == mqtt::ReasonCode::success ||
        (published.reason == mqtt::ReasonCode::packet_identifier_not_found && sent.qos == 2);
    if (!is_known) {
        return fail("publish refused: " + std::to_string(static_cast<int>(published.reason)));
    }
    sent.is_acknowledged = true;
    if (sent.qos != 0) stage_.figures.add(Counted::acknowledged);
}

void Publisher::on_disconnected(bool) {
    if (stage_.figures[Counted::degraded] == 0) return;
    for (auto& [token, pending] : pending_) sent_[pending.index].may_come_late = true;
}

void Publisher::on_crash() {
    for (const auto& [token, pending] : pending_) {
        if (sent_[pending.index].qos == 2) stage_.figures.add(Counted::qos_2_at_a_stop);
    }
    if (durability_ != bus::Durability::memory) return;
    for (Sent& sent : sent_) sent.is_unpromised = true;
}

std::optional<std::string> Publisher::waits_for() const {
    if (client_.machine().in_flight() != 0) {
        return std::to_string(client_.machine().in_flight()) + " in flight";
    }
    if (!client_.has_pipe() || !client_.machine().is_connected()) return "not connected";
    return {};
}

std::optional<std::string> Publisher::check(const Records& records) {
    // What is not kept may be gone again.
    const bool is_gone = stage_.may_forget && !stage_.is_kept;
    return check_publisher(sent_, is_gone ? records.ever : records.kept, records.ever);
}

}  // namespace firehose::simulation
