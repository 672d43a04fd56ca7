// SPDX-License-Identifier: Apache-2.0
#include "net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ip_network.h"

namespace firehose::net {
namespace {

using Outcome = Result<std::optional<ProxyHeader>, std::string_view>;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kLine1BytesMax = 107;  // Section 2.1.
constexpr std::size_t kHead2Bytes = 16;

constexpr unsigned kTypeSsl = 0x20;
constexpr unsigned kSubtypeCommonName = 0x22;
constexpr unsigned kClientSsl = 0x01;
constexpr unsigned kClientCertificates = 0x02 | 0x04;  // In this connection, or its session.

bool is_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failed == std::errc{} && end == text.data() + text.size() &&
           (text.size() == 1 || text.front() != '0');
}

/// The word up to the next space, taken off.
std::string_view take_word(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

Outcome parse_line(std::string_view text) {
    const std::size_t end = text.substr(0, kLine1BytesMax).find("\r\n");
    if (end == std::string_view::npos) {
        if (text.size() >= kLine1BytesMax) return Failure{std::string_view{"its line is too long"}};
        return std::optional<ProxyHeader>{};
    }
    ProxyHeader header{};
    header.size = end + 2;
    std::string_view rest = text.substr(kSignature1.size(), end - kSignature1.size());
    const std::string_view family = take_word(rest);
    if (family == "UNKNOWN") return std::optional{header};  // Whatever follows is ignored.
    if (family != "TCP4" && family != "TCP6") {
        return Failure{std::string_view{"its family is none of TCP4, TCP6, UNKNOWN"}};
    }
    const auto source = IpAddress::parse(take_word(rest));
    const auto destination = IpAddress::parse(take_word(rest));
    const std::string_view source_port = take_word(rest);
    const std::string_view destination_port = take_word(rest);
    const bool wants_v4 = family == "TCP4";
    const auto fits = [&](const std::optional<IpAddress>& address) {
        return address && (address->is_v4() || !wants_v4);
    };
    if (!fits(source) || !fits(destination)) {
        return Failure{std::string_view{"an address is not of its family"}};
    }
    if (!is_port(source_port) || !is_port(destination_port) || !rest.empty()) {
        return Failure{std::string_view{"its ports are not two numbers up to 65535"}};
    }
    header.address = source->text();
    return std::optional{header};
}

/// Type-length-value fields, one after the other. False: one is longer than what is there.
template <class Visit>
bool each_tlv(ByteSpan bytes, Visit visit) {
    while (!bytes.empty()) {
        if (bytes.size() < 3) return false;
        const auto type = std::to_integer<unsigned>(bytes[0]);
        const std::size_t size =
            std::to_integer<std::size_t>(bytes[1]) << 8U | std::to_integer<std::size_t>(bytes[2]);
        bytes = bytes.subspan(3);
        if (bytes.size() < size) return false;
        if (!visit(type, bytes.first(size))) return false;
        bytes = bytes.subspan(size);
    }
    return true;
}

bool read_ssl(ByteSpan value, ProxyHeader& header) {
    constexpr std::size_t kHeadBytes = 5;  // Flags, and whether the certificate was verified.
    if (value.size() < kHeadBytes) return false;
    const auto client = std::to_integer<unsigned>(value[0]);
    const bool is_verified = std::ranges::all_of(
        value.subspan(1, 4), [](std::byte byte) { return byte == std::byte{0}; });
    header.is_tls = (client & kClientSsl) != 0;
    const bool has_certificate = (client & kClientCertificates) != 0;
    return each_tlv(value.subspan(kHeadBytes), [&](unsigned type, ByteSpan text) {
        if (type == kSubtypeCommonName && is_verified && has_certificate) {
            header.common_name = std::string{as_text(text)};
        }
        return true;
    });
}

template <std::size_t Count>
std::array<std::uint8_t, Count> bytes_at(ByteSpan bytes) {
    std::array<std::uint8_t, Count> copy;
    std::ranges::transform(bytes.first(Count), copy.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return copy;
}

Outcome parse_binary(ByteSpan bytes) {
    if (bytes.size() < kHead2Bytes) return std::optional<ProxyHeader>{};
    const auto version_command = std::to_integer<unsigned>(bytes[12]);
    const auto family = std::to_integer<unsigned>(bytes[13]) >> 4U;
    const std::size_t size =
        std::to_integer<std::size_t>(bytes[14]) << 8U | std::to_integer<std::size_t>(bytes[15]);
    if (version_command >> 4U != 2) return Failure{std::string_view{"its version is not 2"}};
    const unsigned command = version_command & 0xFU;
    if (command > 1) return Failure{std::string_view{"its command is neither LOCAL nor PROXY"}};
    ProxyHeader header{};
    header.size = kHead2Bytes + size;
    if (header.size > kProxyHeaderBytesMax) return Failure{std::string_view{"it is too long"}};
    if (bytes.size() < header.size) return std::optional<ProxyHeader>{};
    if (command == 0) return std::optional{header};  // LOCAL: the rest is ignored.
    ByteSpan rest = bytes.subspan(kHead2Bytes, size);
    constexpr std::array<std::size_t, 4> kAddressBytes{0, 12, 36, 216};  // By family.
    // A family without an address, or a later one: what follows says nothing to us.
    if (family == 0 || family >= kAddressBytes.size()) return std::optional{header};
    if (rest.size() < kAddressBytes[family]) {
        return Failure{std::string_view{"it is shorter than its addresses"}};
    }
    if (family == 1) header.address = IpAddress::from_v4(bytes_at<4>(rest)).text();
    if (family == 2) header.address = IpAddress::from_v6(bytes_at<16>(rest)).text();
    const bool is_whole = each_tlv(
        rest.subspan(kAddressBytes[family]),
        [&](unsigned type, ByteSpan value) { return type != kTypeSsl || read_ssl(value, header); });
    if (!is_whole) return Failure{std::string_view{"a field is longer than the header"}};
    return std::optional{header};
}

}  // namespace

Outcome parse_proxy_header(ByteSpan bytes, ProxyProtocol accepted) {
    const std::string_view text = as_text(bytes);
    const auto may_be = [&](std::string_view signature) {
        const std::size_t size = std::min(text.size(), signature.size());
        return text.substr(0, size) == signature.substr(0, size);
    };
    const bool takes_1 = accepted == ProxyProtocol::v1 || accepted == ProxyProtocol::any;
    const bool takes_2 = accepted == ProxyProtocol::v2 || accepted == ProxyProtocol::any;
    if (takes_1 && may_be(kSignature1)) {
        if (text.size() < kSignature1.size()) return std::optional<ProxyHeader>{};
        return parse_line(text);
    }
    if (takes_2 && may_be(kSignature2)) {
        if (text.size() < kSignature2.size()) return std::optional<ProxyHeader>{};
        return parse_binary(bytes);
    }
    return Failure{std::string_view{"there is none"}};
}

}  // namespace firehose::net
