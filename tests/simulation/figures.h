// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What a run went through: how often each thing happened that the simulation is there for.
///
/// A long run demands that none of them stays at zero, so that a promise is never said to be kept
/// where nobody tried it.
/// Threads: values.
namespace firehose::simulation {

enum class Counted : std::uint8_t {
    records,
    connections,
    disk_reads,
    blocks_refused,  // By the full log, though publishers were held back.
    deliveries,
    acknowledged,      // Publishes at QoS 1 and 2, by PUBACK or PUBCOMP.
    websockets,        // Connections in WebSocket frames.
    resent,            // Deliveries with DUP.
    retained_copies,   // Deliveries.
    retained_clears,   // Publishes.
    wills_published,   // In the log.
    wills_taken_back,  // By the client's return or its DISCONNECT.
    sessions_resumed,
    sessions_expired,
    clock_forward,
    clock_back,
    short_writes,   // Runs in which the disk takes and gives a part only.
    failed_writes,  // Faults that struck.
    failed_syncs,   // The same.
    full_disks,     // Times that the disk was full for a while.
    refused,        // Publishes, connections and subscriptions that were told so.
    hang_ups,       // Connections that the server ended.
    degraded,       // Steps in which the log took nothing durable.
    overruns,       // Readers' records that retention took.
    kills,          // The process died.
    power_cuts,     // The machine did.
    clean_stops,
    stops_while_degraded,
    torn_writes,        // Stops in the middle of what the writer did,
    torn_seals,         // of sealing a segment,
    torn_checkpoints,   // of a checkpoint's round, or a segment's end.
    torn_starts,        // Stops in the middle of a start.
    failed_starts,      // The disk failed while the folder was recovered.
    qos_2_at_a_stop,    // Publishes in flight.
    resent_qos_2,       // With DUP, over a connection.
    sessions_restored,  // At starts.
    retained_restored,
    bytes_cut,      // Torn tails, by recovery.
    gap_records,    // Read in the log.
    lost_at_crash,  // Records that somebody saw and that are not there any more.
    session_rows,   // Written by checkpoints.
    retained_rows,
    checkpoint_failures,
    generations,
    store_fallbacks,  // A start found the store's previous generation,
    store_losses,     // or none.
    keep_records,
    shared_deliveries,  // To members of a shared subscription.
    seals,              // Segments.
    segments_dropped,
};
inline constexpr std::size_t kCountedCount =
    static_cast<std::size_t>(Counted::segments_dropped) + 1;

[[nodiscard]] std::string_view name(Counted what) noexcept;

class Figures {
public:
    void add(Counted what, std::uint64_t count = 1) noexcept {
        values_[static_cast<std::size_t>(what)] += count;
    }
    [[nodiscard]] std::uint64_t operator[](Counted what) const noexcept {
        return values_[static_cast<std::size_t>(what)];
    }
    void add(const Figures& other) noexcept {
        for (std::size_t i = 0; i < kCountedCount; ++i) values_[i] += other.values_[i];
    }

private:
    std::array<std::uint64_t, kCountedCount> values_{};
};

}  // namespace firehose::simulation
