// SPDX-License-Identifier: Apache-2.0
#include "ws/utf8_check.h"

namespace firehose::ws {

bool Utf8Check::on_bytes(ByteSpan bytes) noexcept {
    for (const std::byte unit : bytes) {
        const auto value = std::to_integer<std::uint8_t>(unit);
        if (!is_valid_) break;
        if (missing_ > 0) {
            is_valid_ = value >= next_min_ && value <= next_max_;
            --missing_;
            next_min_ = 0x80;
            next_max_ = 0xBF;
        } else if (value >= 0xC2 && value <= 0xDF) {  // 0xC0 and 0xC1 would be overlong.
            missing_ = 1;
        } else if (value >= 0xE0 && value <= 0xEF) {
            missing_ = 2;
            if (value == 0xE0) next_min_ = 0xA0;  // Below: overlong.
            if (value == 0xED) next_max_ = 0x9F;  // Above: surrogates.
        } else if (value >= 0xF0 && value <= 0xF4) {
            missing_ = 3;
            if (value == 0xF0) next_min_ = 0x90;  // Below: overlong.
            if (value == 0xF4) next_max_ = 0x8F;  // Above: beyond U+10FFFF.
        } else {
            is_valid_ = value < 0x80;
        }
    }
    return is_valid_;
}

}  // namespace firehose::ws
