// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bus/rate_limit.h"
#include "mqtt/types.h"

/// Every limit that the bus obeys, by the name it has in the configuration.
///
/// Filled by app from config::Settings; the defaults here are the table's. Threads: read-only once
/// the shards run.
namespace firehose::bus {

enum class AnonymousSessions : std::uint8_t {
    own,       // A namespace of the connection: nobody is taken over, nothing outlives it.
    standard,  // The standard's sessions, by client id, for anonymous clients as well.
};

/// When PUBACK, PUBREC and PUBCOMP are sent to an entrance's clients.
enum class Durability : std::uint8_t {
    disk,    // When what they answer for would survive a power cut.
    memory,  // When it has its place in the log.
};

[[nodiscard]] constexpr std::string_view name(Durability durability) noexcept {
    return durability == Durability::disk ? "disk" : "memory";
}

struct Settings {
    std::uint32_t packet_bytes_max = 2'000'000;  // limits.packet_bytes_max
    // limits.connect_bytes_max: of the first packet, and of what waits for a password's check.
    std::uint32_t connect_bytes_max = 8 * 1024;
    std::size_t input_bytes_max = 64 * 1024 * 1024;   // limits.input_bytes_max, a shard.
    std::size_t connections_max = 15'000;             // limits.connections_max
    std::size_t subscriptions_max = 1'000;            // limits.subscriptions_max, a session.
    std::size_t topic_levels_max = 200;               // limits.topic_levels_max
    std::size_t subscription_bytes_max = 256 * 1024;  // limits.subscription_bytes_max, a session.
    std::size_t filters_per_subscribe_max = 1'000;    // limits.filters_per_subscribe_max
    std::size_t topic_bytes_max = 65'535;             // limits.topic_bytes_max
    std::size_t client_id_bytes_max = 1'024;          // limits.client_id_bytes_max
    std::size_t user_name_bytes_max = 1'024;          // limits.user_name_bytes_max
    std::size_t user_properties_max = 100;            // limits.user_properties_max, a packet.
    bool anonymous_wildcard_all = true;               // auth.anonymous_wildcard_all
    std::size_t retained_count_max = 100'000;         // retained.count_max
    std::size_t retained_bytes_max = 128 << 20;       // retained.bytes_max
    PublishLimits user_publishes;                     // publish.*_per_s, of each user.
    std::chrono::microseconds connect_timeout = std::chrono::seconds{10};
    std::uint16_t publish_inflight_max = 64;  // publish.inflight_max
    std::size_t publish_held_max = 1'000;     // publish.held_max, QoS 2 ids of a session.
    std::chrono::microseconds publish_stall_max = std::chrono::seconds{10};
    std::size_t replies_bytes_max = 64 * 1024;  // connection.replies_max
    std::chrono::microseconds websocket_ping_interval = std::chrono::seconds{30};  // 0: never.
    std::size_t owed_refs = 256;                       // session.owed_refs
    std::uint16_t session_inflight_max = 20;           // session.inflight_max, to one client.
    std::uint16_t receive_maximum = 20;                // session.receive_maximum, from one client.
    std::uint16_t topic_alias_maximum = 10;            // session.topic_alias_max
    std::uint16_t own_topic_alias_max = 10;            // session.own_topic_alias_max
    std::uint16_t keep_alive_max_s = 65'535;           // keep_alive.max
    std::uint32_t session_expiry_max_s = 0xFFFF'FFFF;  // session.expiry_max
    std::size_t sessions_max = 100'000;                // session.count_max, stored ones.
    /// After a start: nothing expires, no will is published before. session.restart_grace,
    /// will.restart_grace
    std::chrono::microseconds session_restart_grace = std::chrono::seconds{60};
    std::chrono::microseconds will_restart_grace = std::chrono::seconds{30};
    std::uint16_t v31_client_id_max = 23;         // limits.v31_client_id_max
    mqtt::Qos qos_max = mqtt::Qos::exactly_once;  // Of publishes; less is announced.
    bool takes_retained = true;                   // False: refused, and announced so.
    /// Filters of names that begin with `$` and are none of ours: granted, though nothing comes.
    bool grants_reserved_filters = false;
    AnonymousSessions anonymous_sessions = AnonymousSessions::own;
    bool keys_by_client_id = false;        // session.key: a session is whoever's has its id.
    std::uint64_t queued_max = 0;          // session.queued_max; 0: no bound.
    std::uint64_t queued_bytes_max = 0;    // session.queued_bytes_max; 0: no bound.
    bool queues_qos_0 = false;             // session.queue_qos_0
    bool upgrades_qos = false;             // session.upgrade_qos
    bool allows_empty_client_id = true;    // client_id.allow_empty
    std::string auto_id_prefix = "auto-";  // client_id.auto_prefix
    std::string client_id_prefix;          // client_id.prefix
    std::uint32_t payload_bytes_max = 0;   // publish.payload_bytes_max; 0: no bound.
    std::size_t feed_window_bytes = 16 * 1024 * 1024;  // feed.window_bytes, a shard.
    std::chrono::microseconds feed_lag_max = std::chrono::seconds{1};  // feed.lag_max
    bool check_retain_source = true;                                   // auth.check_retain_source
    bool share_anonymous = false;                                      // share.anonymous
    std::size_t share_owed_max = 65'536;                               // share.owed_max, a member.
    Durability durability = Durability::disk;  // The weakest of the listeners, for $SYS.
    std::chrono::microseconds sys_interval = std::chrono::seconds{10};

    std::size_t own_bytes_target = 64 * 1024;   // A reader is not pulled past this much unsent.
    std::size_t tail_bytes_per_turn = 1 << 20;  // Rule **Number of shards, turns**.
    std::size_t pull_bytes_per_turn = 64 * 1024;
    std::size_t retained_scan_per_turn = 1'000;
    /// SUBSCRIBE and UNSUBSCRIBE packets, of all clients of a shard; the others wait their turn.
    /// Each costs what its session has of subscriptions, so many at once would keep everybody
    /// waiting.
    std::size_t subscribes_per_turn = 16;
};

}  // namespace firehose::bus
