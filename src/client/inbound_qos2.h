// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

/// Which inbound QoS 2 messages were delivered and wait for PUBREL.
///
/// Threads: none. Cost: O(log n). Source: MQTT 5.0 section 4.3.3, method B (deliver at once).
namespace firehose::client {

class InboundQos2 {
public:
    enum class Arrival : std::uint8_t { is_new, is_repeated, is_too_many };

    /// A PUBLISH of QoS 2 arrived. Deliver it only if it is new. [MQTT-4.3.3-10]
    /// @param limit  the Receive Maximum that the server was told. [MQTT-3.3.4-9]
    [[nodiscard]] Arrival on_publish(std::uint16_t packet_id, std::size_t limit) {
        if (waiting_.contains(packet_id)) return Arrival::is_repeated;
        if (waiting_.size() >= limit) return Arrival::is_too_many;
        waiting_.insert(packet_id);
        return Arrival::is_new;
    }
    /// PUBREL: the identifier may be used again. False if it was not known. [MQTT-4.3.3-12]
    bool on_pubrel(std::uint16_t packet_id) { return waiting_.erase(packet_id) > 0; }
    /// The server has no session: what it sends is new.
    void forget() { waiting_.clear(); }

private:
    std::set<std::uint16_t> waiting_;
};

}  // namespace firehose::client
