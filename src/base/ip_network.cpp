// SPDX-License-Identifier: Apache-2.0
#include "base/ip_network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace firehose {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

IpAddress IpAddress::from_v4(const std::array<std::uint8_t, 4>& bytes) noexcept {
    IpAddress address;
    std::ranges::copy(kMapped, address.bytes_.begin());
    std::ranges::copy(bytes, address.bytes_.begin() + kMapped.size());
    address.is_v4_ = true;
    return address;
}

IpAddress IpAddress::from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
    IpAddress address;
    address.bytes_ = bytes;
    address.is_v4_ = std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy{text.substr(0, text.find('%'))};
    if (std::array<std::uint8_t, 4> v4; ::inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) {
        return from_v4(v4);
    }
    if (std::array<std::uint8_t, 16> v6; ::inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) {
        return from_v6(v6);
    }
    return std::nullopt;
}

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const std::uint8_t* from = bytes_.data() + (is_v4_ ? kMapped.size() : 0);
    ::inet_ntop(is_v4_ ? AF_INET : AF_INET6, from, text.data(), text.size());
    return text.data();
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || text.find('%') != std::string_view::npos) return std::nullopt;
    const bool is_short = text.substr(0, slash).find(':') == std::string_view::npos;
    const unsigned most = is_short ? 32 : 128;
    unsigned bits = most;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, failed] =
            std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (failed != std::errc{} || end != digits.data() + digits.size() || bits > most) {
            return std::nullopt;
        }
    }
    IpNetwork network;
    network.address_ = *address;
    network.bits_ = bits + (128 - most);
    for (unsigned bit = network.bits_; bit < 128; ++bit) {
        if ((address->bytes()[bit / 8] >> (7 - bit % 8) & 1U) != 0) return std::nullopt;
    }
    return network;
}

bool IpNetwork::contains(const IpAddress& address) const noexcept {
    const auto& ours = address_.bytes();
    const auto& theirs = address.bytes();
    const std::size_t whole = bits_ / 8;
    if (!std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(whole),
                    theirs.begin())) {
        return false;
    }
    const unsigned rest = bits_ % 8;
    return rest == 0 || (ours[whole] ^ theirs[whole]) >> (8 - rest) == 0;
}

IpNetworks::IpNetworks(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
        if (const auto network = IpNetwork::parse(text)) networks_.push_back(*network);
    }
}

bool IpNetworks::contains(std::string_view address) const {
    if (networks_.empty()) return false;
    const auto parsed = IpAddress::parse(address);
    return parsed && std::ranges::any_of(networks_, [&](const IpNetwork& network) {
               return network.contains(*parsed);
           });
}

bool is_loopback(const IpAddress& address) noexcept {
    if (address.is_v4()) return address.bytes()[kMapped.size()] == 127;
    std::array<std::uint8_t, 16> one{};
    one.back() = 1;
    return address.bytes() == one;
}

std::string shortened_address(std::string_view text) {
    const auto address = IpAddress::parse(text);
    if (!address) return std::string{text};
    const std::array<std::uint8_t, 16>& bytes = address->bytes();
    if (address->is_v4()) {
        return std::to_string(bytes[12]) + "." + std::to_string(bytes[13]) + "." +
               std::to_string(bytes[14]) + ".x";
    }
    std::string shown;
    for (std::size_t i = 0; i < 6; i += 2) {
        std::array<char, 4> digits{};
        const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                                bytes[i] << 8 | bytes[i + 1], 16);
        shown.append(digits.data(), end);
        shown += ':';
    }
    return shown + "x";
}

}  // namespace firehose
