// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/mailbox.h"

/// Password checks, which cost milliseconds and so are no shard's work.
///
/// `check` takes the request and returns at once; the answer comes to `reply` later, from any
/// thread. A request that cannot be taken (too many wait) is answered with `busy` at once.
/// Lifetime: `reply` outlives the authenticator's threads.
/// Source:   rule **A shard never waits**.
namespace firehose::bus {

enum class AuthResult : std::uint8_t {
    accepted,
    anonymous,  // Nobody has a password here: the client is let in, its name means nothing.
    refused,
    busy,
};

struct AuthReply {
    ConnectionId connection{};
    AuthResult result = AuthResult::refused;
    /// Grows with each change of what passwords are compared with.
    std::uint64_t generation = 0;
};

struct AuthRequest {
    ConnectionId connection{};
    std::string user_name;
    std::string password;
    Mailbox<AuthReply>* reply = nullptr;
};

class Authenticator {
public:
    virtual ~Authenticator() = default;
    virtual void check(AuthRequest request) = 0;
};

}  // namespace firehose::bus
