// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// The words of RFC 6455: opcodes, close codes, and which of those may be sent.
///
/// Threads: none. Source: RFC 6455 sections 5.2, 7.4 and 11.7.
namespace firehose::ws {

enum class Opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

/// Not closed: peers may send 3000 to 4999 as well.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status = 1005,  // Never on the wire: the close frame was empty.
    invalid_payload = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    internal_error = 1011,
};

/// Whether a close frame may carry `code` (section 7.4, and the registry it opened).
[[nodiscard]] bool may_be_sent(std::uint16_t code) noexcept;

}  // namespace firehose::ws
