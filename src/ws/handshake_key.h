// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// The proof in the opening handshake that the other side speaks WebSocket.
///
/// Threads: any. Source: RFC 6455 sections 1.3 and 4.2.2.
namespace firehose::ws {

/// Whether `key` is what Sec-WebSocket-Key must be: base64 of 16 bytes.
[[nodiscard]] bool is_handshake_key(std::string_view key) noexcept;

/// What Sec-WebSocket-Accept answers to `key`.
[[nodiscard]] std::string accept_key(std::string_view key);

}  // namespace firehose::ws
