// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>

/// The Packet Identifiers of one session in one direction.
///
/// Invariant: an identifier is free or belongs to exactly one exchange; 0 is never given out.
/// Threads:   none. Cost: O(log n) of the identifiers in use.
/// Source:    MQTT 5.0 section 2.2.1 [MQTT-2.2.1-3].
namespace firehose::client {

class PacketIds {
public:
    /// A free one; the caller keeps the number in use below 65'535 (asserted).
    [[nodiscard]] std::uint16_t take();
    void give_back(std::uint16_t id) { used_.erase(id); }

private:
    std::set<std::uint16_t> used_;
    std::uint16_t last_ = 0;
};

}  // namespace firehose::client
