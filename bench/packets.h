// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/codec.h"

/// The few MQTT 3.1.1 packets of the load generator, made by the project's codec once and then
/// copied: so that the generator costs as little as it can on a machine that it shares with the
/// server under test.
namespace firehose::bench {

[[nodiscard]] inline std::string text_of(const ByteBuffer& bytes) {
    return std::string{as_text(bytes)};
}

struct Login {
    std::string user_name;  // Empty: anonymous.
    std::string password;
};

[[nodiscard]] inline std::string connect_packet(std::string_view client_id, const Login& login,
                                                bool clean_session) {
    mqtt::Connect connect{.clean_start = clean_session, .client_id = client_id};
    if (!login.user_name.empty()) {
        connect.user_name = login.user_name;
        connect.password = as_bytes(login.password);
    }
    ByteBuffer out;
    mqtt::encode(connect, out);
    return text_of(out);
}

[[nodiscard]] inline std::string subscribe_packet(std::string_view filter, mqtt::Qos qos) {
    mqtt::Subscribe subscribe{.packet_id = 1, .entries = {{filter, {.qos = qos}}}};
    ByteBuffer out;
    mqtt::encode(subscribe, mqtt::Version::v311, out);
    return text_of(out);
}

/// A PUBLISH, and where its packet identifier stands (QoS 1 and 2).
struct PublishTemplate {
    std::string bytes;
    std::size_t id_at = 0;

    /// Appends a copy with that identifier.
    void append_to(std::string& out, std::uint16_t packet_id) const {
        const std::size_t begin = out.size();
        out += bytes;
        if (id_at == 0) return;
        out[begin + id_at] = static_cast<char>(packet_id >> 8U);
        out[begin + id_at + 1] = static_cast<char>(packet_id & 0xFFU);
    }
};

[[nodiscard]] inline PublishTemplate publish_template(std::string_view topic,
                                                      std::size_t payload_bytes, mqtt::Qos qos) {
    std::string payload(payload_bytes, '.');
    // Not a pattern that a compressor folds to nothing, nor noise: half of the bits are given.
    std::uint32_t state = 1;
    for (char& c : payload) {
        state = state * 1'664'525U + 1'013'904'223U;
        c = static_cast<char>('a' + (state >> 28U));
    }
    mqtt::Publish publish{.qos = qos, .topic = topic, .payload = as_bytes(payload)};
    if (qos != mqtt::Qos::at_most_once) publish.packet_id = 1;
    ByteBuffer out;
    mqtt::encode(publish, mqtt::Version::v311, out);
    PublishTemplate result{.bytes = text_of(out)};
    if (qos != mqtt::Qos::at_most_once) {
        result.id_at = out.size() - payload_bytes - sizeof(std::uint16_t);
    }
    return result;
}

inline constexpr std::string_view kPingRequest{"\xC0\x00", 2};

}  // namespace firehose::bench
