// SPDX-License-Identifier: Apache-2.0
#include "simulation/figures.h"

namespace firehose::simulation {

std::string_view name(Counted what) noexcept {
    static constexpr std::array<std::string_view, kCountedCount> kNames{"records",
                                                                        "connections",
                                                                        "disk_reads",
                                                                        "blocks_refused",
                                                                        "deliveries",
                                                                        "acknowledged",
                                                                        "websockets",
                                                                        "resent",
                                                                        "retained_copies",
                                                                        "retained_clears",
                                                                        "wills_published",
                                                                        "wills_taken_back",
                                                                        "sessions_resumed",
                                                                        "sessions_expired",
                                                                        "clock_forward",
                                                                        "clock_back",
                                                                        "short_writes",
                                                                        "failed_writes",
                                                                        "failed_syncs",
                                                                        "full_disks",
                                                                        "refused",
                                                                        "hang_ups",
                                                                        "degraded",
                                                                        "overruns",
                                                                        "kills",
                                                                        "power_cuts",
                                                                        "clean_stops",
                                                                        "stops_while_degraded",
                                                                        "torn_writes",
                                                                        "torn_seals",
                                                                        "torn_checkpoints",
                                                                        "torn_starts",
                                                                        "failed_starts",
                                                                        "qos_2_at_a_stop",
                                                                        "resent_qos_2",
                                                                        "sessions_restored",
                                                                        "retained_restored",
                                                                        "bytes_cut",
                                                                        "gap_records",
                                                                        "lost_at_crash",
                                                                        "session_rows",
                                                                        "retained_rows",
                                                                        "checkpoint_failures",
                                                                        "generations",
                                                                        "store_fallbacks",
                                                                        "store_losses",
                                                                        "keep_records",
                                                                        "seals",
                                                                        "segments_dropped"};
    return kNames[static_cast<std::size_t>(what)];
}

}  // namespace firehose::simulation
