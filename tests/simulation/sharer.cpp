// SPDX-License-Identifier: Apache-2.0
#include "simulation/sharer.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace firehose::simulation {

void Sharer::on_event(const client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        if (has_session_ && !connected->session_present && stage_.store_losses == 0) {
            fail("its session is gone");
        }
        has_session_ = true;
    } else if (const auto* subscribed = std::get_if<client::Subscribed>(&event)) {
        if (subscribed->reasons.at(0) >= mqtt::ReasonCode::unspecified_error) {
            if (!stage_.may_refuse) fail("SUBSCRIBE refused");
            return;
        }
        crew_->due_from = std::min(crew_->due_from, number(stage_.log->end()));
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        if (message->retain) return fail("a retained copy");
        const int number = number_of(as_text(message->payload));
        if (number == kClear) return;  // Known by its topic alone.
        if (number == kNobodys || number >= stage_.next_number) {
            return fail("a payload that nobody published");
        }
        crew_->times[number] += times(message->qos);
        stage_.figures.add(Counted::shared_deliveries);
    }
}

int Sharer::times(mqtt::Qos qos) {
    const bool is_broken =
        stage_.broken == Break::share_drop || stage_.broken == Break::share_twice;
    if (!is_broken || qos != mqtt::Qos::exactly_once || std::exchange(is_hit_done_, true)) return 1;
    return stage_.broken == Break::share_drop ? 0 : 2;
}

std::optional<std::string> Sharer::waits_for() const {
    if (!client_.has_pipe() || !client_.machine().is_connected()) return "not connected";
    if (!client_.is_subscribed()) return "not subscribed";
    return {};
}

std::optional<std::string> Sharer::check(const Records& records) {
    // What its members were is in the store once their records have left the log.
    if (stage_.store_losses != 0) return {};
    const std::uint64_t overrun =
        stage_.may_forget ? std::max(stage_.oldest_ever, number(stage_.log->oldest())) : 0;
    std::map<int, int> copies;  // A publisher may have put it into the log twice, at QoS 1.
    for (const Seen& seen : records.ever) ++copies[seen.number];
    for (const Seen& seen : records.kept) {
        if (seen.number < 0 || seen.seq < crew_->due_from || seen.seq < overrun) continue;
        const int qos = std::min(seen.qos, crew_->qos);
        const auto found = crew_->times.find(seen.number);
        const int times = found == crew_->times.end() ? 0 : found->second;
        const std::string what =
            std::to_string(seen.number) + " (seq " + std::to_string(seen.seq) + ")";
        if (qos != 0 && times == 0) return "the crew never got " + what;
        if (qos != 1 && times > copies[seen.number]) {
            return "the crew got " + what + " " + std::to_string(times) + " times";
        }
    }
    return {};
}

}  // namespace firehose::simulation
