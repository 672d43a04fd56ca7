// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// What MQTT asks of text, and the one question about topic names that the codec answers.
///
/// Lifetime:  looks at its argument only. Threads: pure functions.
/// Cost:      one pass; eight ASCII bytes a step.
/// Source:    MQTT 5.0 section 1.5.4, 4.7.1; RFC 3629. Noncharacters, control characters and a BOM
///            are allowed: the standard only advises against them.
namespace firehose::mqtt {

enum class TextFault : std::uint8_t { none, ill_formed, null_character };

/// Well-formed UTF-8 without surrogates and overlong forms [MQTT-1.5.4-1], without U+0000
/// [MQTT-1.5.4-2].
[[nodiscard]] TextFault text_fault(std::string_view text) noexcept;

/// Topic names must not contain the wildcard characters. [MQTT-3.3.2-2]
[[nodiscard]] bool has_wildcard(std::string_view topic_name) noexcept;

}  // namespace firehose::mqtt
