// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "bus/metrics.h"

/// The values under $SYS/broker/: a small table, no records.
///
/// Every name of mosquitto 2.0's manual is there, `connection/#` of its bridges apart; what has no
/// meaning here is 0. Renewed on an interval; readers are sent what changed since the interval
/// before, and all of it when they subscribe, at QoS 0. Names and units are mosquitto's. Threads:
/// the shard's. Cost: some fifty strings an interval. Source:  mosquitto(8), "Broker status";
/// reference list of the eight that dashboards use.
namespace firehose::bus {

/// What the counters do not tell.
struct SysFacts {
    std::string version;
    std::string_view durability;  // "disk" or "memory".
    Microseconds uptime{0};
    std::uint64_t heap_bytes = 0;
    std::uint64_t retained_messages = 0;
    std::uint64_t messages_in_flight = 0;  // To connected clients, QoS 1 and 2.
    std::uint64_t sessions_stored = 0;     // Of them connected: the metrics' clients_connected.
};

class SysTopics {
public:
    using Values = std::map<std::string, std::string, std::less<>>;

    /// Recomputes all values. `elapsed` since the last call feeds the load averages.
    void update(const Metrics& metrics, const SysFacts& facts, Microseconds elapsed);

    [[nodiscard]] const Values& values() const noexcept { return values_; }
    /// The topics that changed in the last update.
    [[nodiscard]] const std::vector<std::string>& changed() const noexcept { return changed_; }

private:
    /// A rate a minute, averaged over 1, 5 and 15 minutes.
    struct Load {
        std::uint64_t before = 0;
        std::array<double, 3> per_minute{};
    };
    void set(std::string_view name, std::string value);
    void set(std::string_view name, std::uint64_t value) { set(name, std::to_string(value)); }
    void set_load(std::string_view name, std::uint64_t count, Microseconds elapsed);

    Values values_;
    std::vector<std::string> changed_;
    std::map<std::string, Load, std::less<>> loads_;
    std::uint64_t heap_maximum_ = 0;
};

}  // namespace firehose::bus
