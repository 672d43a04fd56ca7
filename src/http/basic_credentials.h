// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

/// The user name and password of an `Authorization: Basic` header.
///
/// Lifetime: values; never logged. Threads: pure functions. Cost: linear in the header.
/// Source:   RFC 7617 (the scheme), RFC 4648 section 4 (base64, with its padding).
namespace firehose::http {

struct BasicCredentials {
    std::string user_name;
    std::string password;

    friend bool operator==(const BasicCredentials&, const BasicCredentials&) = default;
};

/// Nothing: another scheme, no base64, no colon, or a control character.
[[nodiscard]] std::optional<BasicCredentials> parse_basic(std::string_view authorization);

}  // namespace firehose::http
