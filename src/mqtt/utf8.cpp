// SPDX-License-Identifier: Apache-2.0
#include "mqtt/utf8.h"

#include <cstddef>
#include <cstring>

namespace firehose::mqtt {
namespace {

constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080ULL;
constexpr std::uint64_t kLowBits = 0x0101'0101'0101'0101ULL;

/// True if none of `Words` times eight bytes is zero or above 0x7F.
template <std::size_t Words>
bool is_plain_ascii(const char* bytes) noexcept {
    std::uint64_t odd = 0;
    for (std::size_t i = 0; i < Words; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + i * sizeof word, sizeof word);
        // High bits of zero bytes come from the subtraction, of others from the word itself.
        odd |= ((word - kLowBits) & ~word) | word;
    }
    return (odd & kHighBits) == 0;
}

/// What a lead byte promises: the length, and the range of the second byte, which is what rules out
/// overlong forms, surrogates and code points above U+10FFFF (RFC 3629, section 4).
struct Sequence {
    std::size_t length;
    unsigned char second_min;
    unsigned char second_max;
};

constexpr Sequence sequence_of(unsigned char lead) noexcept {
    if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
    if (lead == 0xE0) return {3, 0xA0, 0xBF};
    if (lead == 0xED) return {3, 0x80, 0x9F};
    if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
    if (lead == 0xF0) return {4, 0x90, 0xBF};
    if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
    if (lead == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

/// Length of the well-formed multi-byte sequence that `text` starts with, or 0.
std::size_t multi_byte_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const Sequence sequence = sequence_of(at(0));
    if (sequence.length == 0 || sequence.length > text.size()) return 0;
    if (at(1) < sequence.second_min || at(1) > sequence.second_max) return 0;
    for (std::size_t i = 2; i < sequence.length; ++i) {
        if (at(i) < 0x80 || at(i) > 0xBF) return 0;
    }
    return sequence.length;
}

}  // namespace

TextFault text_fault(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size()) {
        if (text.size() - i >= 64 && is_plain_ascii<8>(text.data() + i)) {
            i += 64;
            continue;
        }
        if (text.size() - i >= 8 && is_plain_ascii<1>(text.data() + i)) {
            i += 8;
            continue;
        }
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == 0) return TextFault::null_character;
        if (byte < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = multi_byte_length(text.substr(i));
        if (length == 0) return TextFault::ill_formed;
        i += length;
    }
    return TextFault::none;
}

bool has_wildcard(std::string_view topic_name) noexcept {
    // Two passes of memchr: faster than one by find_first_of.
    return topic_name.find('+') != std::string_view::npos ||
           topic_name.find('#') != std::string_view::npos;
}

}  // namespace firehose::mqtt
