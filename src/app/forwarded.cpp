// SPDX-License-Identifier: Apache-2.0
#include "app/forwarded.h"

namespace firehose::app {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string client_address(const IpNetworks& trusted, std::string peer, std::string_view header) {
    while (!header.empty() && trusted.contains(peer)) {
        const auto comma = header.rfind(',');
        const std::string_view last =
            trimmed(comma == std::string_view::npos ? header : header.substr(comma + 1));
        header = header.substr(0, comma == std::string_view::npos ? 0 : comma);
        const auto address = IpAddress::parse(last);
        if (!address) break;
        peer = address->text();
    }
    return peer;
}

}  // namespace firehose::app
