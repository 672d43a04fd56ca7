// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "mqtt/packets.h"
#include "mqtt/protocol_error.h"

/// What a CONNECT asks for, what it is granted, or why it is refused: pure functions.
///
/// Who the client is (password, ACL) and whether a session exists is the bus's business and comes
/// after this.
/// Lifetime: Terms own their text; statements and details are literals.
/// Threads:  pure functions.
/// Source:   MQTT 5.0 sections 3.1.2, 3.1.3, 3.2.2; 3.1.1 sections 3.1.2, 3.1.3, 3.2.2.3.
namespace firehose::session {

inline constexpr std::uint32_t kNeverExpires = 0xFFFF'FFFF;

/// Named limits, from the configuration and, where they differ, from who is connecting.
struct ConnectLimits {
    std::uint16_t keep_alive_max_s = 0;  // 0 and 65'535: the client's own, even none.
    std::uint32_t session_expiry_max_s = kNeverExpires;   // 0: sessions end with their connection.
    std::uint32_t v311_session_expiry_s = kNeverExpires;  // Of a 3.1.1 session that is kept.
    std::uint16_t outbound_inflight_max = 20;             // Ours, whatever Receive Maximum says.
    std::uint16_t receive_maximum = 64;                   // Announced to 5.0 clients.
    std::uint16_t v311_inflight_max = 64;                 // `publish.inflight_max`.
    std::uint16_t topic_alias_maximum = 10;               // Announced to 5.0 clients.
    std::uint16_t outbound_alias_max = 10;                // Ours, if the client takes so many.
    std::uint32_t packet_bytes_max = 2'000'000;           // Announced to 5.0 clients.
    std::uint16_t v31_client_id_max = 23;                 // Characters; 0: as many as they like.
    mqtt::Qos qos_max = mqtt::Qos::exactly_once;          // Of publishes; announced likewise.
    bool takes_retained = true;                           // Announced likewise.
    bool has_shared = true;                               // Shared subscriptions; likewise.
};

/// What was agreed with an accepted client.
struct ConnectTerms {
    mqtt::Version version = mqtt::Version::v311;
    std::string client_id;
    bool is_id_assigned = false;  // Ours: 5.0 hears it in CONNACK. [MQTT-3.1.3-7]
    bool clean_start = true;
    std::uint32_t session_expiry_s = 0;
    bool is_expiry_changed = false;      // Differs from what a 5.0 client asked for.
    std::uint16_t keep_alive_s = 0;      // 0: none.
    bool is_keep_alive_changed = false;  // [MQTT-3.1.2-21]
    std::uint16_t outbound_window = 1;   // Most QoS 1 and 2 deliveries in flight. [MQTT-3.3.4-9]
    std::uint16_t inbound_window = 1;    // See inbound.h.
    std::uint32_t outbound_packet_max = 0xFFFF'FFFF;  // The client's Maximum Packet Size.
    std::uint16_t inbound_alias_max = 0;              // See topic_alias.h.
    std::uint16_t outbound_alias_max = 0;             // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
    bool wants_problem_information = true;            // [MQTT-3.1.2-29]

    /// The session outlives its connection.
    [[nodiscard]] bool is_durable() const noexcept { return session_expiry_s != 0; }
};

struct ConnectRefusal {
    mqtt::ReasonCode reason = mqtt::ReasonCode::unspecified_error;
    std::string_view statement;
    std::string_view detail;
    bool has_connack = true;  // False: 3.x has no return code for it; close in silence.

    friend bool operator==(const ConnectRefusal&, const ConnectRefusal&) = default;
};
std::ostream& operator<<(std::ostream& out, const ConnectRefusal& refusal);

/// @param assigned_id  the id for a client that sent none: unique, made by the caller.
[[nodiscard]] Result<ConnectTerms, ConnectRefusal> agree(const mqtt::Connect& connect,
                                                         const ConnectLimits& limits,
                                                         std::string_view assigned_id);

/// The CONNACK that tells a client its terms. Views into `terms`.
[[nodiscard]] mqtt::Connack connack(const ConnectTerms& terms, const ConnectLimits& limits,
                                    bool session_present);

/// The session expiry that a DISCONNECT leaves: `requested_s` within our limit, or what was agreed
/// where it has none. Fails with 0x82 if CONNECT asked for 0 and this asks for more.
[[nodiscard]] Result<std::uint32_t, mqtt::ProtocolError> expiry_after_disconnect(
    const ConnectTerms& terms, std::optional<std::uint32_t> requested_s,
    const ConnectLimits& limits);

}  // namespace firehose::session
