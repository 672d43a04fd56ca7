// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/admin_door.h"
#include "app/arrivals.h"
#include "bus/address_limits.h"
#include "bus/retained_view.h"
#include "bus/shard.h"
#include "log/segment_log.h"
#include "net/event_loop.h"
#include "source/metrics.h"

/// What an operator sees and does through the admin door, besides backup and erase:
///
///     GET  /metrics                    every counter, as Prometheus reads it
///     GET  /connections?after=&limit=  a JSON page; `next` is the `after` of the following one
///     GET  /sessions?after=&limit=     likewise
///     GET  /debug                      where the bus is: positions, threads' queues, memory
///     POST /disconnect?client=ID       0x98 to MQTT 5 clients
///     GET  /trace?client=ID            one client's packets, a JSON line each, until it is hung up
///
/// Never a payload. Pages have at most kPageMax entries.
/// Lifetime: `parts` outlive the door. Threads: the loop's, which is the shard's.
namespace firehose::app {

struct AdminParts {
    bus::Shard& shard;
    const log::SegmentLog& log;
    const bus::RetainedView& retained;
    const bus::AddressLimits& addresses;
    const ArrivalMetrics& arrivals;
    const source::SourceMetrics& source;
    net::EventLoop& loop;
    MonotonicTime started_at;
};

inline constexpr std::size_t kPageMax = 1'000;
inline constexpr std::size_t kPageDefault = 100;

/// Adds them to `routes`.
void add_operator_routes(const AdminParts& parts, AdminDoor::Routes& routes);

/// What anybody may know of the bus: `/status` of the public port, in JSON.
[[nodiscard]] std::string public_status(const AdminParts& parts);

}  // namespace firehose::app
