// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string_view>

#include "mqtt/types.h"

/// Why a peer's packet cannot be accepted.
///
/// Lifetime: `detail`, `statement` and `field` are string literals. Threads: values.
namespace firehose::mqtt {

struct ProtocolError {
    ReasonCode reason = ReasonCode::malformed_packet;  // What DISCONNECT or CONNACK shall say.
    std::string_view detail;                           // A literal for people: "ill-formed UTF-8".
    std::string_view statement;  // "MQTT-1.5.4-1", empty where the standard has no number.
    std::size_t offset = 0;      // Bytes from the start of the packet.
    std::string_view field;      // "Topic Name", empty where the detail says it all.

    friend bool operator==(const ProtocolError&, const ProtocolError&) = default;
};

/// `malformed_packet: Topic Name: ill-formed UTF-8 at byte 4 (MQTT-1.5.4-1)`.
std::ostream& operator<<(std::ostream& out, const ProtocolError& error);

}  // namespace firehose::mqtt
