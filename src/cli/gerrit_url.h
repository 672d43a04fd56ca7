// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

/// How a Gerrit is named on a command line: ssh://user@host:port.
///
/// Lifetime: values. Threads: any.
namespace firehose::cli {

struct GerritUrl {
    std::string username;
    std::string host;  // Without the brackets of an IPv6 address.
    std::uint16_t port = 29'418;

    friend bool operator==(const GerritUrl&, const GerritUrl&) = default;
};

/// @return the parts, or what is wrong in a sentence without a full stop.
[[nodiscard]] Result<GerritUrl, std::string> parse_gerrit_url(std::string_view url);

}  // namespace firehose::cli
