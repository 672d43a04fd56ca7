// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "bus/acl.h"
#include "bus/authenticator.h"
#include "bus/peer.h"
#include "bus/settings.h"
#include "mqtt/types.h"

/// What a listener means for the clients that come in by it, and what such a client brings along.
///
/// Ownership: the shard's (`Shard::add_entrance`), at a stable address; it outlives its clients.
///            Acl and Authenticator are others'; they outlive their use here.
/// Threads:   the shard's: a reload changes it in place, between two packets.
namespace firehose::bus {

struct Entrance {
    std::string name;  // Of the listener, for logs.
    Durability durability = Durability::disk;
    /// Whether clients without a checked password are let in.
    bool allows_anonymous = true;
    /// Users are who their certificates say; without one nobody is let in.
    bool takes_users_from_certificates = false;
    const Acl* acl = nullptr;                // Never null once it is added.
    Authenticator* authenticator = nullptr;  // Likewise.
    /// Before every topic of its clients, who never see it; not before the bus's own (`$...`).
    std::string mount_point;
    bool takes_client_id_from_user_name = false;
    mqtt::Qos qos_max = mqtt::Qos::exactly_once;  // Of publishes and deliveries; announced.
    std::uint16_t topic_alias_max = 65'535;       // If less than the settings'.
    std::uint16_t own_topic_alias_max = 65'535;   // Likewise.
    std::vector<mqtt::Version> versions;          // Empty: all.
    bool allows_empty_client_id = true;           // If the settings do so.
    std::string auto_id_prefix;                   // Empty: the settings'.
    std::size_t connections_max = 0;              // 0: any number.
    std::size_t connections = 0;                  // Now: each holds a Place.

    [[nodiscard]] bool accepts(mqtt::Version version) const {
        return versions.empty() || std::ranges::find(versions, version) != versions.end();
    }
};

/// A stream that was accepted, with what is known of it.
struct Incoming {
    std::unique_ptr<ByteStream> stream;
    Entrance& entrance;
    Peer peer = {};
    bool is_websocket = false;  // MQTT inside WebSocket frames.
    ByteBuffer unread = {};     // Read from the stream already.
};

}  // namespace firehose::bus
