// SPDX-License-Identifier: Apache-2.0
#include "bus/sys_topics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace firehose::bus {

void SysTopics::set(std::string_view name, std::string value) {
    std::string topic{"$SYS/broker/"};
    topic += name;
    const auto [at, is_new] = values_.try_emplace(topic, value);
    if (!is_new && at->second == value) return;
    at->second = std::move(value);
    changed_.push_back(std::move(topic));
}

void SysTopics::set_load(std::string_view name, std::uint64_t count, Microseconds elapsed) {
    constexpr std::array<double, 3> kMinutes{1, 5, 15};
    constexpr std::array<std::string_view, 3> kNames{"1min", "5min", "15min"};
    Load& load = loads_[std::string{name}];
    const double minutes = std::chrono::duration<double, std::ratio<60>>(elapsed).count();
    const double added = static_cast<double>(count - load.before);
    load.before = count;
    for (std::size_t i = 0; i < kMinutes.size(); ++i) {
        if (minutes > 0) {
            const double kept = std::exp(-minutes / kMinutes[i]);
            load.per_minute[i] = added / minutes * (1 - kept) + load.per_minute[i] * kept;
        }
        char text[32];
        const int length = std::snprintf(text, sizeof text, "%.2f", load.per_minute[i]);
        set("load/" + std::string{name} + "/" + std::string{kNames[i]},
            std::string{text, static_cast<std::size_t>(length)});
    }
}

void SysTopics::update(const Metrics& m, const SysFacts& facts, Microseconds elapsed) {
    changed_.clear();
    set("version", facts.version);
    set("firehose/durability", std::string{facts.durability});
    set("uptime",
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(facts.uptime).count()) +
            " seconds");
    const std::uint64_t connected = m.clients_connected.value();
    const std::uint64_t total = std::max(facts.sessions_stored, connected);
    set("clients/total", total);
    set("clients/connected", connected);
    set("clients/active", connected);  // The older name of the same figure.
    set("clients/disconnected", total - connected);
    set("clients/inactive", total - connected);
    set("clients/expired", m.sessions_expired.value());
    set("clients/maximum", m.clients_maximum.value());
    set("messages/received", m.messages_received.value());
    set("messages/sent", m.messages_sent.value());
    set("messages/inflight", facts.messages_in_flight);
    set("messages/stored", facts.retained_messages);
    set("store/messages/count", facts.retained_messages);
    set("store/messages/bytes",
        std::uint64_t{0});  // Payloads are the log's, whoever waits for them.
    set("publish/messages/received", m.publishes_received.value());
    set("publish/messages/sent", m.publishes_sent.value());
    set("publish/messages/dropped", m.publishes_dropped.value());
    set("bytes/received", m.bytes_received.value());
    set("bytes/sent", m.bytes_sent.value());
    set("subscriptions/count", m.subscriptions.value());
    set("shared_subscriptions/count", std::uint64_t{0});
    set("retained messages/count", facts.retained_messages);
    // The manual says "current size", mosquitto sends "current"; dashboards use either.
    heap_maximum_ = std::max(heap_maximum_, facts.heap_bytes);
    set("heap/current", facts.heap_bytes);
    set("heap/current size", facts.heap_bytes);
    set("heap/maximum", heap_maximum_);
    set("heap/maximum size", heap_maximum_);
    set_load("messages/received", m.messages_received.value(), elapsed);
    set_load("messages/sent", m.messages_sent.value(), elapsed);
    set_load("publish/received", m.publishes_received.value(), elapsed);
    set_load("publish/sent", m.publishes_sent.value(), elapsed);
    set_load("publish/dropped", m.publishes_dropped.value(), elapsed);
    set_load("bytes/received", m.bytes_received.value(), elapsed);
    set_load("bytes/sent", m.bytes_sent.value(), elapsed);
    set_load("connections", m.connects_received.value(), elapsed);
    set_load("sockets", m.connections_accepted.value(), elapsed);
}

}  // namespace firehose::bus
