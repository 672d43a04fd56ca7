// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// IP addresses as numbers, and networks of them: "10.0.0.0/8", "2001:db8::/32", "127.0.0.1".
///
/// An IPv4 address inside an IPv6 one (::ffff:10.0.0.1) is that IPv4 address.
/// Lifetime: values. Threads: any. Cost: no allocation, except for texts.
namespace firehose {

class IpAddress {
public:
    /// nullopt: no numeric address. A zone (%eth0) is left out.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] static IpAddress from_v4(const std::array<std::uint8_t, 4>& bytes) noexcept;
    [[nodiscard]] static IpAddress from_v6(const std::array<std::uint8_t, 16>& bytes) noexcept;

    [[nodiscard]] bool is_v4() const noexcept { return is_v4_; }
    [[nodiscard]] std::string text() const;
    /// IPv4 in the form ::ffff:a.b.c.d.
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
    bool is_v4_ = false;
};

class IpNetwork {
public:
    /// An address, or an address with the number of its leading bits that count. nullopt: neither,
    /// or a bit is set that does not count.
    [[nodiscard]] static std::optional<IpNetwork> parse(std::string_view text);

    [[nodiscard]] bool contains(const IpAddress& address) const noexcept;

private:
    IpAddress address_;
    unsigned bits_ = 0;  // Of the 16 bytes.
};

class IpNetworks {
public:
    /// Texts that are no network are left out: the configuration has checked them.
    explicit IpNetworks(const std::vector<std::string>& texts = {});

    /// `address` is numeric; what is no address is in no network.
    [[nodiscard]] bool contains(std::string_view address) const;

private:
    std::vector<IpNetwork> networks_;
};

/// An address that only this host has: 127.0.0.0/8 and ::1.
[[nodiscard]] bool is_loopback(const IpAddress& address) noexcept;

/// What of a stranger's address a log may keep: "192.0.2.x" (a /24), "2001:db8:1:x" (a /48).
/// What is no address ("local") stays as it is.
[[nodiscard]] std::string shortened_address(std::string_view text);

}  // namespace firehose
