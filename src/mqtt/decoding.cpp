// SPDX-License-Identifier: Apache-2.0
#include "mqtt/decoding.h"

#include <algorithm>

namespace firehose::mqtt {
namespace {

constexpr std::uint8_t kAckedFlags = 0b0010;
constexpr std::uint8_t kDupFlag = 0b1000;

}  // namespace

WireReader read_body(const Frame& frame) noexcept {
    return WireReader{frame.packet, frame.packet.size() - frame.body.size()};
}

void expect_flags(WireReader& in, const Frame& frame, std::uint8_t flags) noexcept {
    if (frame.flags == flags) return;
    in.fail_at(0, {.detail = "reserved bits are wrong",
                   .statement = "MQTT-2.1.3-1",
                   .field = "fixed header flags"});
}

void expect_acked_flags(WireReader& in, const Frame& frame, Version version) noexcept {
    if (version == Version::v31 && frame.flags == (kAckedFlags | kDupFlag)) return;
    expect_flags(in, frame, kAckedFlags);
}

ReasonCode read_reason(WireReader& in, std::initializer_list<ReasonCode> allowed,
                       std::string_view statement) noexcept {
    const std::size_t at = in.offset();
    const auto reason = static_cast<ReasonCode>(in.u8("Reason Code"));
    if (std::find(allowed.begin(), allowed.end(), reason) != allowed.end()) return reason;
    in.fail_at(at, {.reason = ReasonCode::protocol_error,
                    .detail = "not one of this packet's",
                    .statement = statement,
                    .field = "Reason Code"});
    return ReasonCode::success;
}

Qos read_qos(WireReader& in, unsigned bits, std::string_view field,
             std::string_view statement) noexcept {
    if ((bits & 3U) != 3U) return static_cast<Qos>(bits & 3U);
    in.fail({.detail = "QoS 3", .statement = statement, .field = field});
    return Qos::at_most_once;
}

}  // namespace firehose::mqtt
