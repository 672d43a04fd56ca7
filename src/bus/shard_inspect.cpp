// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <tuple>

#include "bus/event_stream.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// What an operator asks of a shard: lists in pages, a client to be gone, its packets.
namespace firehose::bus {
namespace {

std::string_view name_of(ReadMode mode) {
    switch (mode) {
        case ReadMode::idle:
            return "idle";
        case ReadMode::feed:
            return "feed";
        case ReadMode::tail:
            return "tail";
        case ReadMode::behind:
            return "behind";
    }
    return "";
}

/// The first `max` of what comes after `after`, in order.
template <class Value>
void keep_page(std::vector<Value>& all, std::size_t max) {
    if (all.size() > max) {
        std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(max), all.end());
        all.resize(max);
    }
    std::sort(all.begin(), all.end());
}

/// Begins the place of a packed session, its slot; keys begin with a lower-case letter.
constexpr char kPackedPlace = '#';

std::size_t slot_of(std::string_view digits) {
    std::size_t slot = 0;
    std::ignore = std::from_chars(digits.data(), digits.data() + digits.size(), slot);
    return slot;
}

std::optional<std::uint64_t> seconds_left(std::optional<MonotonicTime> until, MonotonicTime now) {
    if (!until) return std::nullopt;
    const auto left = std::max(*until - now, Microseconds{0});
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(left).count());
}

}  // namespace

std::vector<ConnectionRow> Shard::connections(ConnectionId after, std::size_t max) {
    std::vector<ConnectionId> ids;
    for (const auto& [id, client] : clients_) {
        if (id > after) ids.push_back(id);
    }
    keep_page(ids, max);
    std::vector<ConnectionRow> rows;
    for (const ConnectionId id : ids) {
        Client& client = *find(id);
        ConnectionRow row{.id = id,
                          .address = client.peer().address,
                          .listener = client.entrance().name,
                          .reading = name_of(client.mode()),
                          .subscriptions = client.subscriptions().size(),
                          .unsent_bytes = client.output().own_pending()};
        if (const auto* mqtt = dynamic_cast<const MqttClient*>(&client)) {
            mqtt->inspect(row);
        } else {
            row.user_name = client.identity().user_name;
            row.transport = client.encoding() == Encoding::sse ? "sse" : "ndjson";
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

ConnectionCounts Shard::connection_counts() const {
    ConnectionCounts counts;
    for (const auto& [id, client] : clients_) {
        counts.unsent_bytes += client->output().own_pending();
        const auto* mqtt = dynamic_cast<const MqttClient*>(client.get());
        if (mqtt == nullptr) {
            ++(client->encoding() == Encoding::sse ? counts.sse : counts.ndjson);
            continue;
        }
        ++(mqtt->is_websocket() ? counts.websocket : counts.mqtt);
        counts.input_bytes += mqtt->input_bytes();
    }
    return counts;
}

std::vector<SessionRow> Shard::sessions(const std::string& after, std::size_t max) {
    std::vector<SessionRow> rows;
    if (!after.starts_with(kPackedPlace)) rows = open_sessions(after, max);
    const std::size_t from = after.starts_with(kPackedPlace)
                                 ? slot_of(std::string_view{after}.substr(1)) + 1
                                 : std::size_t{0};
    for (const OfflineSessions::Seen& seen : sessions_.offline().see(from, max - rows.size())) {
        const session::StoredSession& session = seen.session;
        const bool has_author = session.will && !session.will->author.empty();
        Identity who = SessionStore::identity_of(has_author ? session.will->author : session.key);
        rows.push_back({.place = kPackedPlace + std::to_string(seen.place),
                        .client_id = std::move(who.client_id),
                        .user_name = std::move(who.user_name),
                        .is_durable = session.expiry_s != 0,
                        .expires_in_s = seconds_left(seen.ends_at, now_),
                        .subscriptions = session.subscriptions.size(),
                        .in_flight = session.in_flight.size(),
                        .cursor = session.cursor});
    }
    return rows;
}

/// Those that are not packed, by key.
std::vector<SessionRow> Shard::open_sessions(std::string_view after, std::size_t max) {
    std::vector<std::string_view> keys;
    sessions_.for_each([&](const ClientSession& session) {
        if (session.key > after) keys.push_back(session.key);
    });
    keep_page(keys, max);
    std::vector<SessionRow> rows;
    sessions_.for_each([&](const ClientSession& session) {
        if (!std::binary_search(keys.begin(), keys.end(), std::string_view{session.key})) return;
        rows.push_back(
            {.place = session.key,
             .client_id = session.identity.client_id,
             .user_name = session.identity.user_name,
             .is_connected = session.client != nullptr,
             .is_durable = session.is_durable(),
             .expires_in_s = seconds_left(session.ends_at, now_),
             .subscriptions = session.subscriptions.size(),
             .in_flight = session.outbound.in_flight().size(),
             .cursor = session.client != nullptr ? session.client->cursor() : session.cursor});
    });
    std::ranges::sort(rows, {}, &SessionRow::place);
    return rows;
}

std::size_t Shard::oust(std::string_view client_id) {
    std::vector<ConnectionId> ids;
    for (const auto& [id, client] : clients_) {
        if (!client->is_closing() && client->identity().client_id == client_id &&
            dynamic_cast<const MqttClient*>(client.get()) != nullptr) {
            ids.push_back(id);
        }
    }
    for (const ConnectionId id : ids) {
        if (Client* client = find(id)) static_cast<MqttClient&>(*client).on_ousted();
    }
    return ids.size();
}

bool Shard::trace(std::string client_id, TraceSink sink) {
    std::erase_if(traces_, [](const auto& trace) { return !trace.second(nullptr); });
    if (traces_.size() >= kTracesMax) return false;
    for (const auto& [id, client] : clients_) {
        auto* mqtt = dynamic_cast<MqttClient*>(client.get());
        if (mqtt != nullptr && mqtt->identity().client_id == client_id) mqtt->set_traced(true);
    }
    traces_.emplace_back(std::move(client_id), std::move(sink));
    return true;
}

bool Shard::is_traced(std::string_view client_id) const {
    return std::ranges::any_of(traces_,
                               [&](const auto& trace) { return trace.first == client_id; });
}

/// A trace whose listener is gone ends with the next packet.
void Shard::tell(std::string_view client_id, const TraceLine& line) {
    std::erase_if(traces_, [&](const auto& trace) {
        return trace.first == client_id && !trace.second(&line);
    });
}

}  // namespace firehose::bus
