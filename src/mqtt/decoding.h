// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "mqtt/codec.h"
#include "mqtt/wire_reader.h"

/// What the decoders of the single packets share; not for users of the codec.
///
/// Threads: pure functions. Source: MQTT 5.0 sections 2.1.3 and 2.4.
namespace firehose::mqtt {

/// A reader at the first byte after the fixed header. The frame's packet must be `type`: anything
/// else is our bug.
[[nodiscard]] WireReader read_body(const Frame& frame) noexcept;

/// The four flag bits of packets for which they are fixed. [MQTT-2.1.3-1]
void expect_flags(WireReader& in, const Frame& frame, std::uint8_t flags) noexcept;

/// As `expect_flags` with 0010. 3.1 calls bit 3 DUP in these packets and lets clients set it.
void expect_acked_flags(WireReader& in, const Frame& frame, Version version) noexcept;

/// A reason code, one of `allowed`; else a protocol error with `statement`.
[[nodiscard]] ReasonCode read_reason(WireReader& in, std::initializer_list<ReasonCode> allowed,
                                     std::string_view statement) noexcept;

/// Bits 0 and 1 of `bits`; 3 is malformed.
[[nodiscard]] Qos read_qos(WireReader& in, unsigned bits, std::string_view field,
                           std::string_view statement) noexcept;

}  // namespace firehose::mqtt
