// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/ip_network.h"

/// Whose request it is behind proxies: X-Forwarded-For, as far as it can be believed.
///
/// Each proxy adds the address that it saw at the end; whoever is before the first one that we do
/// not trust may have written anything.
/// Threads: a pure function. Source: MDN on X-Forwarded-For, "selecting an IP address"; there is no
/// standard for it (RFC 7239 defines another header).
namespace firehose::app {

/// `peer` is the connection's own address, `header` all values joined by commas.
[[nodiscard]] std::string client_address(const IpNetworks& trusted, std::string peer,
                                         std::string_view header);

}  // namespace firehose::app
