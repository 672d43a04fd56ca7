// SPDX-License-Identifier: Apache-2.0
#include "session/connect_rules.h"

#include <algorithm>

#include "topic/topic_name.h"

namespace firehose::session {

namespace {

using mqtt::Connect;
using mqtt::ReasonCode;
using mqtt::Version;

/// 3.x can say five things in a CONNACK (3.1.1 table 3.1); everything else is a close.
bool v3_can_say(ReasonCode reason) noexcept {
    return reason == ReasonCode::unsupported_protocol_version ||
           reason == ReasonCode::client_identifier_not_valid ||
           reason == ReasonCode::server_unavailable ||
           reason == ReasonCode::bad_user_name_or_password || reason == ReasonCode::not_authorized;
}

Failure<ConnectRefusal> refuse(Version version, ReasonCode reason, std::string_view statement,
                               std::string_view detail) noexcept {
    return Failure{ConnectRefusal{.reason = reason,
                                  .statement = statement,
                                  .detail = detail,
                                  .has_connack = version == Version::v5 || v3_can_say(reason)}};
}

/// Characters, not bytes: what begins one is no continuation byte.
std::size_t characters_of(std::string_view utf8) noexcept {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
    }));
}

std::optional<Failure<ConnectRefusal>> check_client_id(const Connect& connect,
                                                       const ConnectLimits& limits) noexcept {
    if (connect.version == Version::v31 && limits.v31_client_id_max != 0 &&
        characters_of(connect.client_id) > limits.v31_client_id_max) {
        return refuse(connect.version, ReasonCode::client_identifier_not_valid, {},
                      "Client Identifier: longer than MQTT 3.1 allows");
    }
    if (!connect.client_id.empty() || connect.version == Version::v5) return std::nullopt;
    if (connect.version == Version::v31) {
        return refuse(connect.version, ReasonCode::client_identifier_not_valid, {},
                      "Client Identifier: empty in MQTT 3.1");
    }
    if (!connect.clean_start) {
        return refuse(connect.version, ReasonCode::client_identifier_not_valid, "MQTT311-3.1.3-8",
                      "Client Identifier: empty without Clean Session");
    }
    return std::nullopt;
}

/// [MQTT-3.2.2-12] [MQTT-3.2.2-13]
std::optional<Failure<ConnectRefusal>> check_will(const Connect& connect,
                                                  const ConnectLimits& limits) noexcept {
    if (!connect.will) return std::nullopt;
    const mqtt::Will& will = *connect.will;
    if (!topic::is_valid_name(will.topic)) {
        return refuse(connect.version, ReasonCode::topic_name_invalid, "MQTT-4.7.0-1",
                      "Will Topic: not a topic name");
    }
    if (will.qos > limits.qos_max) {
        return refuse(connect.version, ReasonCode::qos_not_supported, "MQTT-3.2.2-12",
                      "Will QoS: above Maximum QoS");
    }
    if (will.retain && !limits.takes_retained) {
        return refuse(connect.version, ReasonCode::retain_not_supported, "MQTT-3.2.2-13",
                      "Will Retain: retained messages are not taken");
    }
    return std::nullopt;
}

std::uint32_t session_expiry(const Connect& connect, const ConnectLimits& limits) noexcept {
    if (connect.version == Version::v5) {
        return std::min(connect.session_expiry_s, limits.session_expiry_max_s);
    }
    // Clean Session 1: the session lasts as long as its connection. [MQTT311-3.1.2-6]
    if (connect.clean_start) return 0;
    return std::min(limits.v311_session_expiry_s, limits.session_expiry_max_s);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConnectRefusal& refusal) {
    return out << refusal.reason << ' ' << refusal.statement << " (" << refusal.detail << ')'
               << (refusal.has_connack ? "" : ", in silence");
}

Result<ConnectTerms, ConnectRefusal> agree(const Connect& connect, const ConnectLimits& limits,
                                           std::string_view assigned_id) {
    const Version version = connect.version;
    if (const auto refused = check_client_id(connect, limits)) return *refused;
    if (connect.authentication_method) {
        // We have no enhanced authentication. [MQTT-4.12.0-1]
        return refuse(version, ReasonCode::bad_authentication_method, "MQTT-4.12.0-1",
                      "Authentication Method: none is supported");
    }
    if (const auto refused = check_will(connect, limits)) return *refused;

    ConnectTerms terms;
    terms.version = version;
    terms.is_id_assigned = connect.client_id.empty();
    terms.client_id = terms.is_id_assigned ? assigned_id : connect.client_id;  // [MQTT-3.1.3-6]
    terms.clean_start = connect.clean_start;
    terms.session_expiry_s = session_expiry(connect, limits);
    terms.is_expiry_changed =
        version == Version::v5 && terms.session_expiry_s != connect.session_expiry_s;

    terms.keep_alive_s = connect.keep_alive_s;
    const std::uint16_t longest = limits.keep_alive_max_s;
    const bool is_limited = longest != 0 && longest != 65'535;
    if (is_limited && (connect.keep_alive_s == 0 || connect.keep_alive_s > longest)) {
        if (version != Version::v5) {
            // 3.x cannot be told another value; the refusal is mosquitto's choice too.
            return refuse(version, ReasonCode::client_identifier_not_valid, {},
                          "Keep Alive: longer than keep_alive.max");
        }
        terms.keep_alive_s = longest;
        terms.is_keep_alive_changed = true;  // [MQTT-3.1.2-21]
    }

    if (version == Version::v5) {
        terms.outbound_window = std::min(connect.receive_maximum, limits.outbound_inflight_max);
        terms.inbound_window = limits.receive_maximum;
        terms.inbound_alias_max = limits.topic_alias_maximum;
        terms.outbound_alias_max = std::min(connect.topic_alias_maximum, limits.outbound_alias_max);
        terms.outbound_packet_max = connect.maximum_packet_size.value_or(0xFFFF'FFFF);
        terms.wants_problem_information = connect.request_problem_information;
    } else {
        terms.outbound_window = limits.outbound_inflight_max;
        terms.inbound_window = limits.v311_inflight_max;
    }
    return terms;
}

mqtt::Connack connack(const ConnectTerms& terms, const ConnectLimits& limits,
                      bool session_present) {
    mqtt::Connack out;
    out.session_present = session_present;
    if (terms.version != Version::v5) return out;
    if (terms.is_expiry_changed) out.session_expiry_s = terms.session_expiry_s;
    out.receive_maximum = terms.inbound_window;
    out.maximum_packet_size = limits.packet_bytes_max;
    if (limits.qos_max != mqtt::Qos::exactly_once) out.maximum_qos = limits.qos_max;
    if (!limits.takes_retained) out.retain_available = false;
    if (!limits.has_shared) out.shared_available = false;
    if (terms.is_id_assigned) out.assigned_client_id = terms.client_id;  // [MQTT-3.1.3-7]
    if (terms.inbound_alias_max != 0) out.topic_alias_maximum = terms.inbound_alias_max;
    if (terms.is_keep_alive_changed) out.server_keep_alive_s = terms.keep_alive_s;
    return out;
}

Result<std::uint32_t, mqtt::ProtocolError> expiry_after_disconnect(
    const ConnectTerms& terms, std::optional<std::uint32_t> requested_s,
    const ConnectLimits& limits) {
    if (!requested_s) return terms.session_expiry_s;
    const bool asked_for_none = terms.session_expiry_s == 0 && !terms.is_expiry_changed;
    if (asked_for_none && *requested_s != 0) {
        mqtt::ProtocolError error;
        error.reason = ReasonCode::protocol_error;
        error.detail = "DISCONNECT: Session Expiry Interval was 0 in CONNECT";
        error.statement = "MQTT-4.13.1-1";
        return Failure{error};
    }
    return std::min(*requested_s, limits.session_expiry_max_s);
}

}  // namespace firehose::session
