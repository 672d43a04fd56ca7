// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

/// What one shard counts. Fields are named as they are exported.
///
/// Threads: written by the shard, read by any (relaxed: figures for people, no ordering).
namespace firehose::bus {

class Counter {
public:
    void add(std::uint64_t amount = 1) noexcept {
        // One writer: a plain load and store is cheaper than a locked add.
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t amount = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
    }
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// How often each limit was met, by its name in the configuration.
struct LimitMetrics {
    Counter packet_bytes;
    Counter connect_bytes;
    Counter connections;
    Counter subscriptions;
    Counter subscription_bytes;
    Counter filters_per_subscribe;
    Counter topic_bytes;
    Counter topic_levels;
    Counter client_id_bytes;
    Counter user_name_bytes;
    Counter user_properties;
    Counter connect_timeout;
    Counter wildcard_all;
    Counter retained_count;
    Counter retained_bytes;
    Counter publish_quota;     // A publisher was held; nothing was dropped.
    Counter publish_inflight;  // Likewise.
    Counter publish_stall;
    Counter replies;
};

struct Metrics {
    LimitMetrics limits;
    Counter clients_connected;
    Counter clients_total;  // Connected and stored sessions.
    Counter clients_maximum;
    Counter connections_accepted;
    Counter connects_received;
    Counter connects_refused;
    Counter messages_received;  // Control packets of any kind.
    Counter messages_sent;
    Counter publishes_received;
    Counter publishes_sent;     // Own deliveries and feed deliveries to members.
    Counter publishes_denied;   // By the ACL.
    Counter publishes_refused;  // By a limit or the log.
    Counter publishes_dropped;  // Matched a reader and was lost to it.
    Counter bytes_received;
    Counter bytes_sent;
    Counter subscriptions;
    Counter protocol_errors;
    Counter sessions_taken_over;
    Counter sessions_expired;
    Counter keep_alive_timeouts;
    Counter feeds;
    Counter feed_bytes;
    Counter members_fallen_out;
    Counter catch_up_reads;
    Counter too_large;
    Counter input_excesses;  // Ended because limits.input_bytes_max was passed.
    Counter event_streams;
    Counter acl_epoch;  // How often rights were changed.
};

}  // namespace firehose::bus
