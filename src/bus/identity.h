// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

/// Who a client is, as far as rights are concerned: made once, after CONNECT was accepted.
///
/// Lifetime: a value. Threads: none.
/// Invariant: `user_name` is set only if a password was checked against it; a name that nobody
/// checked is not an identity, and its client is anonymous.
namespace firehose::bus {

struct Identity {
    std::optional<std::string> user_name;  // nullopt: an anonymous client.
    std::string client_id;                 // As the client chose it: any UTF-8, `+#/` included.

    friend bool operator==(const Identity&, const Identity&) = default;
};

}  // namespace firehose::bus
