// SPDX-License-Identifier: Apache-2.0
#include "cli/gerrit_url.h"

#include <charconv>

#include "config/checks.h"

namespace firehose::cli {

Result<GerritUrl, std::string> parse_gerrit_url(std::string_view url) {
    constexpr std::string_view kScheme = "ssh://";
    const auto wrong = [](std::string_view why) {
        return Failure{std::string{why} + "; write ssh://user@host:29418"};
    };
    if (!url.starts_with(kScheme)) return wrong("it does not begin with ssh://");
    url.remove_prefix(kScheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);

    const auto at = url.rfind('@');
    if (at == std::string_view::npos || at == 0) return wrong("it names no user");
    GerritUrl parts;
    parts.username = url.substr(0, at);
    std::string_view host = url.substr(at + 1);

    const auto colon = host.rfind(':');
    const bool has_port = colon != std::string_view::npos && !host.ends_with(']');
    if (has_port) {
        const std::string_view digits = host.substr(colon + 1);
        const auto [end, failed] =
            std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
        if (failed != std::errc{} || end != digits.data() + digits.size() || parts.port == 0) {
            return wrong("its port is no number from 1 to 65535");
        }
        host = host.substr(0, colon);
    }
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    parts.host = host;
    if (parts.host.empty() || !config::host_problem(parts.host).empty()) {
        return wrong("it names no host");
    }
    if (!config::user_problem(parts.username).empty()) return wrong("its user is no user name");
    return parts;
}

}  // namespace firehose::cli
