// SPDX-License-Identifier: Apache-2.0
#include "simulation/message_log.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace firehose::simulation {
namespace {

[[nodiscard]] bool is_same(const Seen& a, const Seen& b) {
    return a.number == b.number && a.qos == b.qos && a.topic == b.topic;
}

[[nodiscard]] std::string describe(const Seen& seen) {
    return std::to_string(seen.number) + " (QoS " + std::to_string(seen.qos) + ", " + seen.topic +
           ")";
}

struct Comparison {
    std::optional<std::string> problem;
    std::size_t matched = 0;  // How far it came.
};

/// A reading beside the log from record `start` on. Where a repeat may as well be the next record
/// that is the same, both are followed.
class Comparer {
public:
    Comparer(const Reading& reading, const std::vector<Seen>& log, std::size_t start)
        : reading_(reading), log_(log), start_(start) {}

    [[nodiscard]] Comparison compare() const {
        std::set<std::size_t> nexts{start_};  // What may be next in the log.
        for (std::size_t i = 0; i < reading_.messages.size(); ++i) {
            const Seen& got = reading_.messages[i];
            std::set<std::size_t> after;
            for (const std::size_t next : nexts) take(got, next, after);
            if (after.empty()) {
                return {"got " + describe(got) + " where " + name(*nexts.rbegin()) + " was next",
                        i};
            }
            nexts = std::move(after);
        }
        if (!reading_.is_complete) return {};
        std::optional<std::size_t> missing;
        for (const std::size_t next : nexts) {
            missing = first_missing(next);
            if (missing == log_.size()) return {};
        }
        return {"never got " + name(*missing), reading_.messages.size()};
    }

private:
    /// Where it may go on from `next` with what was got.
    void take(const Seen& got, std::size_t next, std::set<std::size_t>& after) const {
        for (std::size_t i = next; i < log_.size(); ++i) {
            if (is_same(log_[i], got)) after.insert(i + 1);
            if (!may_be_missing(log_[i])) break;
        }
        const auto begin = log_.begin() + static_cast<std::ptrdiff_t>(start_);
        const auto end = log_.begin() + static_cast<std::ptrdiff_t>(next);
        const auto is_it = [&](const Seen& record) { return is_same(record, got); };
        if (got.qos == 1 && std::any_of(begin, end, is_it)) after.insert(next);
    }

    [[nodiscard]] std::size_t first_missing(std::size_t next) const {
        const auto begin = log_.begin() + static_cast<std::ptrdiff_t>(next);
        const auto found = std::find_if(
            begin, log_.end(), [&](const Seen& record) { return !may_be_missing(record); });
        return static_cast<std::size_t>(found - log_.begin());
    }

    [[nodiscard]] bool may_be_missing(const Seen& record) const {
        if (record.is_given_up || record.seq < reading_.overrun_below) return true;
        return (record.qos == 0 && reading_.may_lose_qos0) || has_a_copy_overrun(record);
    }

    /// Of one that is in the log twice, the copy that arrived may be taken for the one overrun.
    [[nodiscard]] bool has_a_copy_overrun(const Seen& record) const {
        return std::any_of(log_.begin(), log_.end(), [&](const Seen& other) {
            return other.seq < record.seq && other.seq < reading_.overrun_below &&
                   is_same(other, record);
        });
    }

    [[nodiscard]] std::string name(std::size_t index) const {
        return index < log_.size() ? describe(log_[index]) : "nothing";
    }

    const Reading& reading_;
    const std::vector<Seen>& log_;
    const std::size_t start_;
};

}  // namespace

std::string payload_of(int number, std::size_t size) {
    std::string payload = std::to_string(number) + ":";
    if (payload.size() < size) payload.resize(size, '.');
    return payload;
}

int number_of(std::string_view payload) {
    if (payload.empty()) return kClear;
    int number = kNobodys;
    const auto end = std::from_chars(payload.data(), payload.data() + payload.size(), number);
    return end.ec == std::errc{} && end.ptr != payload.data() + payload.size() && *end.ptr == ':'
               ? number
               : kNobodys;
}

std::optional<std::string> check_publisher(const std::vector<Sent>& sent,
                                           const std::vector<Seen>& log,
                                           const std::vector<Seen>& ever) {
    std::map<int, int> times;  // Of ours, in the log.
    std::set<std::uint64_t> kept;
    for (const Seen& record : log) kept.insert(record.seq);
    std::set<int> taken_once;  // Or refused once.
    for (const Seen& record : ever) {
        if (!kept.contains(record.seq)) taken_once.insert(record.number);
    }
    std::map<std::string, int> clears;
    for (const Sent& publish : sent) {
        if (publish.may_come_late) taken_once.insert(publish.number);
        if (publish.number != kClear) times.emplace(publish.number, 0);
    }
    int newest = kNobodys;
    for (const Seen& record : log) {
        if (record.number == kClear) ++clears[record.topic];
        const auto ours = times.find(record.number);
        if (ours == times.end() || ++ours->second > 1 || record.qos == 0) continue;
        if (taken_once.contains(record.number)) continue;
        if (record.number < newest) {
            return "log: " + describe(record) + " came after " + std::to_string(newest);
        }
        newest = record.number;
    }
    for (const Sent& publish : sent) {
        if (publish.is_unpromised) continue;
        if (publish.number == kClear) {
            // One is as good as another.
            if (publish.qos > 0 && publish.is_acknowledged && --clears[publish.topic] < 0) {
                return "a clear of " + publish.topic + " is not in the log";
            }
            continue;
        }
        const int count = times[publish.number];
        const std::string what = "publish " + std::to_string(publish.number) + " (QoS " +
                                 std::to_string(publish.qos) + ") is in the log " +
                                 std::to_string(count) + " times";
        if (publish.qos != 1 && !publish.may_repeat && count > 1) return what;
        if (publish.qos > 0 && publish.is_acknowledged && count == 0) return what;
        if (publish.is_refused && count > 0) return what + ", and was refused";
    }
    return {};
}

std::optional<std::string> check_reader(const Reading& reading, const std::vector<Seen>& records) {
    std::vector<Seen> log = records;
    for (Seen& record : log) record.qos = std::min(record.qos, reading.qos_max);
    // A publish that was sent again is in the log twice, so the start may be one of several.
    const bool may_miss_the_first = reading.may_lose_qos0 || reading.overrun_below != 0;
    std::optional<Comparison> best;
    for (std::size_t start = 0; start <= log.size(); ++start) {
        const bool is_late = start > 0 && log[start - 1].seq >= reading.subscribed_below;
        if (is_late) break;
        const bool may_start = reading.messages.empty() || may_miss_the_first ||
                               (start < log.size() && is_same(log[start], reading.messages[0]));
        if (!may_start) continue;
        Comparison comparison = Comparer{reading, log, start}.compare();
        if (!comparison.problem) return {};
        // The attempt that came furthest says best what is wrong.
        if (!best || comparison.matched > best->matched) best = std::move(comparison);
    }
    return reading.who + ": " +
           (best ? *best->problem : "did not begin at or before the answer to its SUBSCRIBE");
}

std::optional<std::string> check_retained(const std::vector<Seen>& messages,
                                          const std::vector<Seen>& log,
                                          const std::set<std::string>& blurred) {
    std::map<std::string, int> expected;
    std::map<int, std::size_t> place;  // Of a record, by number; sent again: the last one.
    for (std::size_t i = 0; i < log.size(); ++i) {
        place[log[i].number] = i;
        if (!log[i].retain || blurred.contains(log[i].topic)) continue;
        if (log[i].number == kClear) {
            expected.erase(log[i].topic);
        } else {
            expected[log[i].topic] = log[i].number;
        }
    }
    std::map<std::string, int> values;
    std::map<std::string, int> copies;
    for (const Seen& got : messages) {
        if (blurred.contains(got.topic)) continue;
        if (got.number == kClear) {
            if (got.retain) return "retained: a copy of nothing, " + got.topic;
            values.erase(got.topic);
            continue;
        }
        if (!place.contains(got.number)) {
            if (!got.retain) continue;  // The log gave it up; check_reader has judged it.
            return "retained: nobody published " + describe(got);
        }
        const bool is_retained = got.retain || log[place[got.number]].retain;
        if (!is_retained) continue;
        if (got.retain && !copies.emplace(got.topic, got.number).second) {
            return "retained: two copies of " + got.topic;
        }
        const auto known = values.find(got.topic);
        if (got.retain && known != values.end() && place[known->second] > place[got.number]) {
            return "retained: copy of " + describe(got) + " after " + std::to_string(known->second);
        }
        values[got.topic] = got.number;
    }
    if (values == expected) return {};
    std::string text = "retained: expected";
    for (const auto& [topic, number] : expected) text += " " + topic + "=" + std::to_string(number);
    text += ", got";
    for (const auto& [topic, number] : values) text += " " + topic + "=" + std::to_string(number);
    return text;
}

}  // namespace firehose::simulation
