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

/// Compares a reading to the log from record `start` on.
[[nodiscard]] std::optional<std::string> compare_from(const Reading& reading,
                                                      const std::vector<Seen>& log,
                                                      std::size_t start) {
    std::size_t next = start;
    const auto may_be_missing = [&](const Seen& record) {
        return record.qos == 0 && reading.may_lose_qos0;
    };
    for (const Seen& got : reading.messages) {
        std::size_t found = next;
        while (found < log.size() && !is_same(log[found], got) && may_be_missing(log[found])) {
            ++found;
        }
        if (found < log.size() && is_same(log[found], got)) {
            next = found + 1;
            continue;
        }
        const auto before = log.begin() + static_cast<std::ptrdiff_t>(next);
        const bool is_repeat =
            got.qos == 1 && std::any_of(log.begin() + static_cast<std::ptrdiff_t>(start), before,
                                        [&](const Seen& record) { return is_same(record, got); });
        if (is_repeat) continue;
        return "got " + describe(got) + " where " +
               (next < log.size() ? describe(log[next]) : "nothing") + " was next";
    }
    if (!reading.is_complete) return {};
    const auto missing = std::find_if(log.begin() + static_cast<std::ptrdiff_t>(next), log.end(),
                                      [&](const Seen& record) { return !may_be_missing(record); });
    if (missing == log.end()) return {};
    return "never got " + describe(*missing);
}

}  // namespace

std::string payload_of(int number, std::size_t size) {
    std::string payload = std::to_string(number) + ":";
    if (payload.size() < size) payload.resize(size, '.');
    return payload;
}

int number_of(std::string_view payload) {
    int number = -1;
    const auto end = std::from_chars(payload.data(), payload.data() + payload.size(), number);
    return end.ec == std::errc{} && end.ptr != payload.data() + payload.size() && *end.ptr == ':'
               ? number
               : -1;
}

std::optional<std::string> check_publisher(const std::vector<Sent>& sent,
                                           const std::vector<Seen>& log) {
    std::map<int, int> times;
    int newest = -1;
    for (const Seen& record : log) {
        if (++times[record.number] > 1 || record.qos == 0) continue;
        if (record.number < newest) {
            return "log: " + describe(record) + " came after " + std::to_string(newest);
        }
        newest = record.number;
    }
    for (const Sent& publish : sent) {
        const int count = times.contains(publish.number) ? times[publish.number] : 0;
        const std::string what = "publish " + std::to_string(publish.number) + " (QoS " +
                                 std::to_string(publish.qos) + ") is in the log " +
                                 std::to_string(count) + " times";
        if (publish.qos != 1 && count > 1) return what;
        if (publish.qos > 0 && publish.is_acknowledged && count == 0) return what;
        times.erase(publish.number);
    }
    if (times.empty()) return {};
    return "log: nobody published " + std::to_string(times.begin()->first);
}

std::optional<std::string> check_reader(const Reading& reading, const std::vector<Seen>& records) {
    std::vector<Seen> log = records;
    for (Seen& record : log) record.qos = std::min(record.qos, reading.qos_max);
    // A publish that was sent again is in the log twice, so the start may be one of several.
    std::optional<std::string> first_problem;
    for (std::size_t start = 0; start <= log.size(); ++start) {
        const bool is_late = start > 0 && log[start - 1].seq >= reading.subscribed_below;
        if (is_late) break;
        const bool may_start = reading.messages.empty() || reading.may_lose_qos0 ||
                               (start < log.size() && is_same(log[start], reading.messages[0]));
        if (!may_start) continue;
        auto problem = compare_from(reading, log, start);
        if (!problem) return {};
        // The attempt that is furthest on says best what is wrong.
        first_problem = std::move(problem);
    }
    return reading.who + ": " +
           first_problem.value_or("did not begin at or before the answer to its SUBSCRIBE");
}

std::optional<std::string> check_retained(const std::vector<Seen>& messages,
                                          const std::vector<Seen>& log) {
    std::map<std::string, int> expected;
    std::map<int, std::size_t> place;  // Of a record, by number; sent again: the last one.
    for (std::size_t i = 0; i < log.size(); ++i) {
        place[log[i].number] = i;
        if (log[i].retain) expected[log[i].topic] = log[i].number;
    }
    std::map<std::string, int> values;
    std::map<std::string, int> copies;
    for (const Seen& got : messages) {
        if (!place.contains(got.number)) return "retained: nobody published " + describe(got);
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
