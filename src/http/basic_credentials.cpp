// SPDX-License-Identifier: Apache-2.0
#include "http/basic_credentials.h"

#include <algorithm>
#include <cstdint>

namespace firehose::http {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.empty() || text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    text.remove_suffix(padding);
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char letter : text) {
        const std::size_t value = kAlphabet.find(letter);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes += static_cast<char>(bits >> held & 0xFFU);
    }
    return bytes;
}

bool is_control(char byte) {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F;
}

}  // namespace

std::optional<BasicCredentials> parse_basic(std::string_view authorization) {
    constexpr std::string_view kScheme = "basic ";
    const bool is_basic =
        authorization.size() > kScheme.size() &&
        std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                   [](char ours, char theirs) {
                       return ours == (theirs >= 'A' && theirs <= 'Z' ? theirs + 32 : theirs);
                   });
    if (!is_basic) return std::nullopt;
    authorization.remove_prefix(kScheme.size());
    const std::size_t start = std::min(authorization.find_first_not_of(' '), authorization.size());
    const auto pair = decode_base64(authorization.substr(start));
    if (!pair || std::any_of(pair->begin(), pair->end(), is_control)) return std::nullopt;
    const std::size_t colon = pair->find(':');  // The first: a password may have more.
    if (colon == std::string::npos) return std::nullopt;
    return BasicCredentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

}  // namespace firehose::http
