// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

/// One request's head, decoded: what a route needs and nothing of the parser's.
///
/// Lifetime: a value. Threads: none. Cost: strings; requests are rare, streams are long.
/// Source:   RFC 9110 and 9112; RFC 3986 section 2.1 (percent-encoding); the query as HTML forms
///           write it (`+` is a space).
/// Invariant: `path` starts with '/', is decoded once, holds no NUL and no "." or ".." segment.
namespace firehose::http {

enum class Method : std::uint8_t { get, head, post, put, del, options, other };

struct HttpRequest {
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    Method method = Method::get;
    std::string path;
    Pairs query;
    Pairs headers;  // Names in lower case.
    unsigned minor_version = 1;
    bool keep_alive = true;
    bool asks_for_websocket = false;

    /// The first value of a query parameter, if it is there.
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept;
    /// A header by its name in lower case; empty if it is not there. Repeated ones are joined
    /// by ", ".
    [[nodiscard]] std::string header(std::string_view name) const;
    /// Whether a comma-separated header lists `token`, whatever its case.
    [[nodiscard]] bool header_lists(std::string_view name, std::string_view token) const;
};

/// Why a head was refused: the status to answer with, and what would be right.
struct RequestError {
    unsigned status = 400;
    std::string explanation;
};

/// Parses one complete head, from the request line to the empty line.
[[nodiscard]] Result<HttpRequest, RequestError> parse_request(std::string_view head);

/// Decodes %XX; nothing if a '%' is not followed by two hex digits, or NUL is written.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// `a=1&b=x%20y` in order; nothing if a part cannot be decoded.
[[nodiscard]] std::optional<HttpRequest::Pairs> parse_query(std::string_view query);

}  // namespace firehose::http
