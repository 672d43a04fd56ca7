// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include <arpa/inet.h>

#include <charconv>
#include <limits>
#include <span>

namespace firehose::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// From the largest: formatting takes the first that divides.
constexpr Unit kBinaryUnits[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}};
constexpr Unit kDecimalUnits[] = {
    {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}, {"B", 1}};
constexpr Unit kTimes[] = {{"d", 86'400'000'000},
                           {"h", 3'600'000'000},
                           {"min", 60'000'000},
                           {"s", 1'000'000},
                           {"ms", 1'000}};
constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

struct Quantity {
    std::uint64_t number;
    std::string_view unit;
};

std::optional<Quantity> split(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with(' ')) text.remove_prefix(1);
    return Quantity{number, text};
}

std::optional<std::uint64_t> scaled(const Quantity& quantity, std::span<const Unit> units) {
    for (const Unit& unit : units) {
        if (unit.name != quantity.unit) continue;
        if (quantity.number > kMost / unit.factor) return std::nullopt;
        return quantity.number * unit.factor;
    }
    return std::nullopt;
}

bool is_address(int family, const std::string& host) {
    unsigned char address[sizeof(in6_addr)];
    return inet_pton(family, host.c_str(), address) == 1;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    const auto quantity = split(text);
    if (!quantity) return std::nullopt;
    const auto binary = scaled(*quantity, kBinaryUnits);
    return binary ? binary : scaled(*quantity, kDecimalUnits);
}

std::optional<Microseconds> parse_duration(std::string_view text) {
    const auto quantity = split(text);
    if (!quantity) return std::nullopt;
    const auto microseconds = scaled(*quantity, kTimes);
    if (!microseconds) return std::nullopt;
    return Microseconds{static_cast<std::int64_t>(*microseconds)};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.find('\0') != std::string_view::npos) return std::nullopt;

    Endpoint endpoint;
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (failed != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (is_v6) host = host.substr(1, host.size() - 2);
    endpoint.host = host;
    if (!is_address(is_v6 ? AF_INET6 : AF_INET, endpoint.host)) return std::nullopt;
    return endpoint;
}

std::string format_bytes(std::uint64_t bytes) {
    for (const Unit& unit : kBinaryUnits) {
        if (bytes != 0 && bytes % unit.factor == 0) {
            return std::to_string(bytes / unit.factor) + " " + std::string{unit.name};
        }
    }
    return std::to_string(bytes);
}

std::string format_duration(Microseconds time) {
    const auto count = static_cast<std::uint64_t>(time.count());
    for (const Unit& unit : kTimes) {
        if (count != 0 && count % unit.factor == 0) {
            return std::to_string(count / unit.factor) + " " + std::string{unit.name};
        }
    }
    return count == 0 ? "0 s" : std::to_string(count) + " us";
}

std::string format_endpoint(const Endpoint& endpoint) {
    const bool is_v6 = endpoint.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + endpoint.host + "]" : endpoint.host;
    return host + ":" + std::to_string(endpoint.port);
}

std::string format_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
    return digits;
}

}  // namespace firehose::config
