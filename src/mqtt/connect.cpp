// SPDX-License-Identifier: Apache-2.0
// CONNECT (MQTT 5.0 section 3.1; 3.1.1 section 3.1; 3.1 section 3.1).
#include "base/assert.h"
#include "mqtt/decoding.h"
#include "mqtt/properties.h"
#include "mqtt/utf8.h"

namespace firehose::mqtt {
namespace {

constexpr std::string_view kName = "MQTT";
constexpr std::string_view kName31 = "MQIsdp";

struct ConnectFlags {
    static constexpr unsigned kReserved = 0x01;
    static constexpr unsigned kCleanStart = 0x02;
    static constexpr unsigned kWill = 0x04;
    static constexpr unsigned kWillQos = 0x18;
    static constexpr unsigned kWillRetain = 0x20;
    static constexpr unsigned kPassword = 0x40;
    static constexpr unsigned kUserName = 0x80;

    unsigned bits = 0;

    [[nodiscard]] bool has(unsigned flag) const noexcept { return (bits & flag) != 0; }
};

constexpr std::string_view protocol_name(Version version) noexcept {
    return version == Version::v31 ? kName31 : kName;
}

std::optional<Version> version_of(std::string_view protocol, std::uint8_t level) noexcept {
    for (const Version version : {Version::v31, Version::v311, Version::v5}) {
        if (static_cast<std::uint8_t>(version) == level && protocol == protocol_name(version)) {
            return version;
        }
    }
    return std::nullopt;
}

Version read_version(WireReader& in) noexcept {
    const std::size_t at = in.offset();
    const std::string_view protocol = in.utf8("Protocol Name");
    if (protocol != kName && protocol != kName31) {
        in.fail_at(at, {.detail = "neither MQTT nor MQIsdp",
                        .statement = "MQTT-3.1.2-1",
                        .field = "Protocol Name"});
    }
    const std::size_t level_at = in.offset();
    const std::uint8_t level = in.u8("Protocol Version");
    const auto version = version_of(protocol, level);
    if (!version) {
        in.fail_at(level_at, {.reason = ReasonCode::unsupported_protocol_version,
                              .detail = "none of 3.1, 3.1.1 and 5.0",
                              .statement = "MQTT-3.1.2-2",
                              .field = "Protocol Version"});
    }
    return version.value_or(Version::v311);
}

void check_flags(WireReader& in, std::size_t at, ConnectFlags flags, Version version) noexcept {
    // 3.1 gives the reserved bit, and will bits without a will, no meaning.
    if (version == Version::v31) return;
    if (flags.has(ConnectFlags::kReserved)) {
        in.fail_at(
            at,
            {.detail = "reserved bit set", .statement = "MQTT-3.1.2-3", .field = "Connect Flags"});
    }
    if (!flags.has(ConnectFlags::kWill) &&
        flags.has(ConnectFlags::kWillQos | ConnectFlags::kWillRetain)) {
        in.fail_at(at, {.detail = "Will QoS or Will Retain without a will",
                        .statement = "MQTT-3.1.2-11",
                        .field = "Connect Flags"});
    }
    if (version == Version::v311 && flags.has(ConnectFlags::kPassword) &&
        !flags.has(ConnectFlags::kUserName)) {
        in.fail_at(at, {.detail = "a password without a user name",
                        .statement = "MQTT311-3.1.2-22",
                        .field = "Connect Flags"});
    }
}

void read_properties(WireReader& in, Connect& connect) {
    using enum PropertyId;
    const std::size_t at = in.offset();
    bool has_authentication_data = false;
    PropertyReader properties{in, PropertyScope::connect};
    while (const auto property = properties.next()) {
        const std::uint32_t number = property->number;
        if (property->id == session_expiry_interval) {
            connect.session_expiry_s = number;
        } else if (property->id == receive_maximum) {
            connect.receive_maximum = static_cast<std::uint16_t>(number);
        } else if (property->id == maximum_packet_size) {
            connect.maximum_packet_size = number;
        } else if (property->id == topic_alias_maximum) {
            connect.topic_alias_maximum = static_cast<std::uint16_t>(number);
        } else if (property->id == request_problem_information) {
            connect.request_problem_information = number == 1;
        } else if (property->id == request_response_information) {
            connect.request_response_information = number == 1;
        } else if (property->id == authentication_method) {
            connect.authentication_method = property->text;
        } else if (property->id == authentication_data) {
            has_authentication_data = true;
        } else if (property->id == user_property) {
            connect.user_properties.push_back({.name = property->text, .value = property->value});
        }
    }
    if (has_authentication_data && !connect.authentication_method) {
        in.fail_at(at, {.reason = ReasonCode::protocol_error,
                        .detail = "without an Authentication Method",
                        .field = "Authentication Data"});
    }
}

void read_will_properties(WireReader& in, Will& will) {
    PropertyReader properties{in, PropertyScope::will};
    while (const auto property = properties.next()) {
        if (property->id == PropertyId::will_delay_interval) {
            will.delay_s = property->number;
            continue;
        }
        if (property->id == PropertyId::message_expiry_interval) {
            will.message_expiry_s = property->number;
        } else if (property->id == PropertyId::payload_format_indicator) {
            will.payload_is_utf8 = property->number == 1;
        }
        append(will.properties, property->wire);
    }
}

Will read_will(WireReader& in, ConnectFlags flags, Version version) {
    Will will;
    will.retain = flags.has(ConnectFlags::kWillRetain);
    will.qos =
        read_qos(in, (flags.bits & ConnectFlags::kWillQos) >> 3U, "Will QoS", "MQTT-3.1.2-12");
    if (version == Version::v5) read_will_properties(in, will);
    const std::size_t at = in.offset();
    will.topic = in.utf8("Will Topic");
    if (will.topic.empty()) {
        in.fail_at(at, {.reason = ReasonCode::topic_name_invalid,
                        .detail = "empty",
                        .statement = "MQTT-4.7.3-1",
                        .field = "Will Topic"});
    }
    if (has_wildcard(will.topic)) {
        in.fail_at(at, {.reason = ReasonCode::topic_name_invalid,
                        .detail = "contains a wildcard",
                        .statement = "MQTT-4.7.1-1",
                        .field = "Will Topic"});
    }
    will.payload = in.binary("Will Payload");
    return will;
}

void read_credentials(WireReader& in, ConnectFlags flags, Connect& connect) noexcept {
    // 3.1 lets a client set the flags and leave the fields out at the end of the packet.
    const auto is_left_out = [&] { return connect.version == Version::v31 && in.remaining() == 0; };
    if (flags.has(ConnectFlags::kUserName) && !is_left_out()) {
        connect.user_name = in.utf8("User Name");
    }
    if (flags.has(ConnectFlags::kPassword) && !is_left_out()) {
        connect.password = in.binary("Password");
    }
}

ConnectFlags flags_of(const Connect& packet) noexcept {
    ConnectFlags flags;
    if (packet.clean_start) flags.bits |= ConnectFlags::kCleanStart;
    if (packet.will) {
        flags.bits |= ConnectFlags::kWill | (static_cast<unsigned>(packet.will->qos) << 3U);
        if (packet.will->retain) flags.bits |= ConnectFlags::kWillRetain;
    }
    if (packet.password) flags.bits |= ConnectFlags::kPassword;
    if (packet.user_name) flags.bits |= ConnectFlags::kUserName;
    return flags;
}

/// Values that are the standard's defaults are left out.
void write_properties(WireWriter& writer, const Connect& packet) {
    using enum PropertyId;
    const auto mark = writer.begin_length();
    if (packet.session_expiry_s != 0) {
        write_property(writer, session_expiry_interval, packet.session_expiry_s);
    }
    if (packet.receive_maximum != 65'535) {
        write_property(writer, receive_maximum, packet.receive_maximum);
    }
    write_property(writer, maximum_packet_size, packet.maximum_packet_size);
    if (packet.topic_alias_maximum != 0) {
        write_property(writer, topic_alias_maximum, packet.topic_alias_maximum);
    }
    if (!packet.request_problem_information) {
        write_property(writer, request_problem_information, std::uint8_t{0});
    }
    if (packet.request_response_information) {
        write_property(writer, request_response_information, std::uint8_t{1});
    }
    write_property(writer, authentication_method, packet.authentication_method);
    for (const UserProperty& property : packet.user_properties) write_property(writer, property);
    writer.end_length(mark);
}

/// `message_expiry_s` is not written: a will's stands in its `properties`.
void write_will(WireWriter& writer, const Will& will, Version version) {
    if (version == Version::v5) {
        const auto mark = writer.begin_length();
        if (will.delay_s != 0) {
            write_property(writer, PropertyId::will_delay_interval, will.delay_s);
        }
        writer.bytes(will.properties);
        writer.end_length(mark);
    }
    writer.utf8(will.topic);
    writer.binary(will.payload);
}

}  // namespace

Result<Connect, ProtocolError> decode_connect(const Frame& frame) {
    WireReader in = read_body(frame);
    expect_flags(in, frame, 0);
    Connect connect;
    connect.version = read_version(in);
    const std::size_t flags_at = in.offset();
    const ConnectFlags flags{in.u8("Connect Flags")};
    check_flags(in, flags_at, flags, connect.version);
    connect.clean_start = flags.has(ConnectFlags::kCleanStart);
    connect.keep_alive_s = in.u16("Keep Alive");
    if (connect.version == Version::v5) read_properties(in, connect);
    // 3.1 asks for 1 to 23 characters; ours is to accept any. An empty one is judged by `session`.
    connect.client_id = in.utf8("Client Identifier");
    if (flags.has(ConnectFlags::kWill)) connect.will = read_will(in, flags, connect.version);
    read_credentials(in, flags, connect);
    in.expect_end();
    if (in.error()) return Failure{*in.error()};
    return connect;
}

std::optional<Version> connect_version(const Frame& frame) noexcept {
    if (frame.type != PacketType::connect) return std::nullopt;
    WireReader in = read_body(frame);
    const Version version = read_version(in);
    if (in.error()) return std::nullopt;
    return version;
}

void encode(const Connect& packet, ByteBuffer& out) {
    WireWriter writer{out};
    const auto mark = writer.begin_packet(PacketType::connect, 0);
    writer.utf8(protocol_name(packet.version));
    writer.u8(static_cast<std::uint8_t>(packet.version));
    writer.u8(static_cast<std::uint8_t>(flags_of(packet).bits));
    writer.u16(packet.keep_alive_s);
    if (packet.version == Version::v5) write_properties(writer, packet);
    writer.utf8(packet.client_id);
    if (packet.will) write_will(writer, *packet.will, packet.version);
    if (packet.user_name) writer.utf8(*packet.user_name);
    if (packet.password) writer.binary(*packet.password);
    writer.end_length(mark);
}

}  // namespace firehose::mqtt
