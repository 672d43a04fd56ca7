// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

/// The PROXY protocol, versions 1 and 2: what a proxy says of its client before anything else.
///
/// A pure function over what has come so far. Who may say such a thing is the caller's to know:
/// whoever can write a header can claim any address.
/// Lifetime: values. Threads: any. Cost: one pass; call it again with more bytes.
/// Source: "The PROXY protocol", versions 1 & 2 (HAProxy), sections 2.1, 2.2.
namespace firehose::net {

enum class ProxyProtocol : std::uint8_t { off, v1, v2, any };

/// A header beyond this is refused. (Version 1 needs 107; version 2 has room for TLVs.)
inline constexpr std::size_t kProxyHeaderBytesMax = 4'096;

struct ProxyHeader {
    std::size_t size = 0;  // Bytes of the header; what follows is the client's.
    /// Of the client, numeric. nullopt: the proxy itself (LOCAL), or a family that has none
    /// (UNKNOWN, Unix): the connection's own address holds.
    std::optional<std::string> address;
    // Version 2, from the SSL TLV.
    bool is_tls = false;
    /// Of the client's certificate, which the proxy verified.
    std::optional<std::string> common_name;
};

/// nullopt: more is needed. The error is a literal in words.
[[nodiscard]] Result<std::optional<ProxyHeader>, std::string_view> parse_proxy_header(
    ByteSpan bytes, ProxyProtocol accepted);

}  // namespace firehose::net
