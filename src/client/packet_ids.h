// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

/// The Packet Identifiers of one session in one direction.
///
/// Invariant: an identifier is free or belongs to exactly one exchange; 0 is never given out.
/// Threads:   none. Cost: 8 KiB; O(1) while few are in use.
/// Source:    MQTT 5.0 section 2.2.1 [MQTT-2.2.1-3].
namespace firehose::client {

class PacketIds {
public:
    /// A free one; the caller keeps the number in use below 65'535 (asserted).
    [[nodiscard]] std::uint16_t take();
    void give_back(std::uint16_t id);

private:
    std::bitset<65'536> used_;
    std::size_t count_ = 0;  // Bits of used_ that are set.
    std::uint16_t last_ = 0;
};

}  // namespace firehose::client
