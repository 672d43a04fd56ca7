// SPDX-License-Identifier: Apache-2.0
#include "simulation/reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "topic/topic_filter.h"

namespace firehose::simulation {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kBrokenMessage = 8;  // Which message Break hits.

}  // namespace

Reader::Reader(Stage& stage, SimClient::Options options, Part part)
    : Actor(stage, std::move(options)), part_(part) {
    begin_reading();
}

void Reader::begin_reading() {
    readings_.push_back({.who = name() + " " + std::to_string(readings_.size() + 1),
                         .qos_max = part_.qos,
                         .subscribed_below = kUnknown});
}

void Reader::on_event(const client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        on_connected(connected->session_present);
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        on_message(*message);
    } else if (const auto* subscribed = std::get_if<client::Subscribed>(&event)) {
        if (subscribed->reasons.at(0) >= mqtt::ReasonCode::unspecified_error) {
            if (!stage_.may_refuse) return fail("SUBSCRIBE refused");
            stage_.figures.add(Counted::refused);
            return;
        }
        reading().subscribed_below =
            std::min(reading().subscribed_below, number(stage_.log->end()));
    }
}

void Reader::on_connected(bool session_present) {
    if (session_present) stage_.figures.add(Counted::sessions_resumed);
    if (has_lost_store()) {
        // What its session was cannot be told from the log alone.
        if (session_present && part_.session != Session::none) doubt();
    } else if (part_.session == Session::stays && has_session_ && !session_present) {
        fail("its session is gone");
    } else if (part_.session == Session::expires && has_session_ && away_since_) {
        const bool is_early = !may_have_expired();
        if (!session_present && is_early) fail("its session ended too early");
        if (!session_present) stage_.figures.add(Counted::sessions_expired);
        // Perhaps a new one, made by a CONNECT whose answer never came.
        if (session_present && !is_early && client_.is_subscribed()) doubt();
    }
    has_session_ = has_session_ || part_.session != Session::none;
    connected_at_ = number(stage_.log->end());
    away_since_ = orphan_since_;
    const bool is_used = reading().subscribed_below != kUnknown || !reading().messages.empty();
    if (!session_present && is_used) begin_reading();
    if (part_.session == Session::none) reading().with_copies.clear();
}

bool Reader::may_have_expired() const {
    const std::uint32_t expiry_s = client_.machine().options().session_expiry_s;
    const auto is_over = [&](Microseconds away) {
        return away >= std::chrono::seconds{expiry_s - 1};
    };
    const MonotonicTime now = stage_.clock.monotonic();
    if (crashes_ == stage_.crashes) return is_over(now - *away_since_);
    // After a start the wall clock counts, and that steps; but nothing expires at once.
    const bool was_there = crashes_ + 1 == stage_.crashes &&
                           !is_over(std::max(stage_.stopped_at - *away_since_, Microseconds{0}));
    return !was_there || now - stage_.started_at >= stage_.session_grace;
}

void Reader::doubt() {
    begin_reading();
    reading().is_doubtful = true;
    client_.subscribe();
}

void Reader::on_message(const client::Message& message) {
    const Seen seen{.number = number_of(as_text(message.payload)),
                    .qos = static_cast<int>(message.qos),
                    .retain = message.retain,
                    .topic = message.topic};
    if (seen.number == kNobodys || seen.number >= stage_.next_number) {
        return fail("a payload that nobody published");
    }
    const std::string_view payload = as_text(message.payload);
    if (seen.number != kClear && payload != payload_of(seen.number, payload.size())) {
        return fail("a damaged payload");
    }
    stage_.figures.add(message.retain ? Counted::retained_copies : Counted::deliveries);
    if (message.dup) stage_.figures.add(Counted::resent);
    if (message.dup && message.qos == mqtt::Qos::exactly_once && reading().may_lose_qos0) {
        stage_.figures.add(Counted::resent_qos_2);
    }
    const bool hits_copy = stage_.broken == Break::retained && part_.checks_copies;
    if (hits_copy && message.retain && !std::exchange(is_hit_done_, true)) return;
    reading().with_copies.push_back(seen);
    if (message.retain) return;  // A copy, not a delivery.
    if (!keep(seen)) return;
    reading().messages.push_back(seen);
    if (held_back_) reading().messages.push_back(*std::exchange(held_back_, {}));
}

/// What Break does to a message that arrives.
bool Reader::keep(const Seen& seen) {
    const bool is_hit = seen.qos == 2 && seen.number != kClear && !is_hit_done_ &&
                        reading().messages.size() >= kBrokenMessage;
    if (!is_hit) return true;
    switch (stage_.broken) {
        case Break::drop:
            is_hit_done_ = true;
            return false;
        case Break::swap:
            is_hit_done_ = true;
            held_back_ = seen;
            return false;
        case Break::twice:
            is_hit_done_ = true;
            reading().messages.push_back(seen);
            return true;
        default:
            return true;
    }
}

void Reader::on_disconnected(bool) {
    if (!away_since_) {
        away_since_ = stage_.clock.monotonic();
        crashes_ = stage_.crashes;
    }
    orphan_since_.reset();
    if (part_.session != Session::none) reading().may_lose_qos0 = true;
}

void Reader::on_crash() {
    if (!client_.has_pipe() || orphan_since_) return;
    orphan_since_ = stage_.stopped_at;
    if (away_since_) return;  // It had not yet come back.
    away_since_ = orphan_since_;
    crashes_ = stage_.crashes - 1;
}

std::optional<std::string> Reader::waits_for() const {
    if (!client_.has_pipe() || !client_.machine().is_connected()) return "not connected";
    if (!client_.is_subscribed()) return "not subscribed";
    return {};
}

std::optional<std::string> Reader::check(const Records& records) {
    const std::vector<Seen> kept = matching(records.kept);
    const std::vector<Seen> ever = matching(records.ever);
    for (Reading& reading : readings_) {
        if (reading.is_doubtful) continue;
        reading.is_complete = &reading == &readings_.back();
        // Without a session it read the tail, in one life of the server; so does one at QoS 0.
        const bool is_tail = part_.session == Session::none || part_.qos == 0;
        if (is_tail ? stage_.may_drop : stage_.may_forget) {
            reading.overrun_below = std::max(stage_.oldest_ever, number(stage_.log->oldest()));
        }
        if (auto problem = check_reader(reading, is_tail ? ever : kept)) {
            return problem;
        }
    }
    // A value that came live may have been overrun.
    const bool is_overrun = number(stage_.log->oldest()) > connected_at_;
    if (!part_.checks_copies || is_overrun) return {};
    return check_retained(reading().with_copies, kept, records.blurred);
}

std::vector<Seen> Reader::matching(const std::vector<Seen>& records) const {
    std::vector<Seen> found;
    std::copy_if(records.begin(), records.end(), std::back_inserter(found),
                 [&](const Seen& record) { return topic::matches(part_.filter, record.topic); });
    return found;
}

}  // namespace firehose::simulation
