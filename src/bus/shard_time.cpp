// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// What time does: keep-alive, delayed wills and the end of sessions, $SYS.
namespace firehose::bus {
namespace {

constexpr std::size_t kDueMax = 10'000;  // Sessions in one tick; the rest a second later.

}  // namespace

void Shard::tick() {
    std::vector<ConnectionId> open;
    open.reserve(clients_.size());
    for (const auto& [id, client] : clients_) open.push_back(id);
    for (const ConnectionId id : open) {
        if (Client* client = find(id)) client->on_tick();
    }
    expel_laggards();
    for (ClientSession* session : sessions_.due(now_, kDueMax)) on_due(*session);
    shared_.retained.forget_tombstones(tail_position_);
    const bool has_sys = shared_.settings.sys_interval.count() != 0;
    if (has_sys && now_ >= next_sys_) push_sys_topics();
}

void Shard::push_sys_topics() {
    const Microseconds elapsed = sys_updated_at_ ? now_ - *sys_updated_at_ : Microseconds{0};
    if (!sys_updated_at_) started_at_ = now_;
    sys_updated_at_ = now_;
    next_sys_ = now_ + shared_.settings.sys_interval;
    metrics_.clients_total.set(sessions_.size());
    std::uint64_t in_flight = 0;
    sessions_.for_each([&](const ClientSession& session) {
        if (session.client != nullptr) in_flight += session.outbound.in_flight().size();
    });
    sys_.update(metrics_,
                {.version = shared_.version,
                 .durability = name(shared_.settings.durability),
                 .uptime = now_ - started_at_,
                 .heap_bytes = shared_.heap_bytes == nullptr ? 0 : shared_.heap_bytes(),
                 .retained_messages = shared_.retained.count(),
                 .messages_in_flight = in_flight,
                 .sessions_stored = sessions_.size()},
                elapsed);
    for (auto& [id, client] : clients_) client->send_sys(sys_.values(), &sys_.changed());
}

/// Lines of the program's log: no records, at QoS 0, to whoever is subscribed now.
void Shard::push_sys_lines() {
    for (SysLine& line : sys_lines_.take_all()) {
        const std::vector<std::string> only{line.topic};
        const SysTopics::Values values{{std::move(line.topic), std::move(line.text)}};
        for (auto& [id, client] : clients_) client->send_sys(values, &only);
    }
}

}  // namespace firehose::bus
