// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/arrivals.h"
#include "bus/address_limits.h"
#include "bus/retained_view.h"
#include "bus/shard.h"
#include "log/log_metrics.h"
#include "source/metrics.h"

/// What /metrics of the admin door says: every counter of the bus, the log, the sources, and what
/// the process and its sockets take.
///
/// Threads: the shard's (it looks at connections). Cost: O(connections) and three files of /proc.
/// Invariant: the names are listed in app/metrics_page_test.cpp; who renames one changes that.
namespace firehose::app {

struct MetricsSources {
    const bus::Shard& shard;
    const log::LogMetrics& log;
    const bus::RetainedView& retained;
    const bus::AddressLimits& addresses;
    const ArrivalMetrics& arrivals;
    const source::SourceMetrics& source;
    Microseconds uptime{0};
};

[[nodiscard]] std::string metrics_page(const MetricsSources& from);

/// What this process and the machine's TCP sockets take, from /proc. 0: not known.
struct ProcessFigures {
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_descriptors = 0;
    std::uint64_t tcp_sockets = 0;       // Of this network namespace.
    std::uint64_t tcp_socket_bytes = 0;  // Buffers, of the whole machine.
};
[[nodiscard]] ProcessFigures process_figures();

}  // namespace firehose::app
