// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "bus/address_limits.h"
#include "bus/place.h"

/// Who is at the other end of a connection, as far as the transport knows.
///
/// Made by whoever accepted the connection; handed over with the stream (`Incoming`).
/// Lifetime: a value that moves; its lease ends with the connection. Threads: none.
namespace firehose::bus {

struct Peer {
    /// Numeric, without the port; "local" for a Unix socket's.
    std::string address;
    bool is_tls = false;
    /// The user that its certificate names, where the listener takes users from there.
    std::optional<std::string> certificate_user = {};
    /// Its place among the connections of its address, and what it may ask for. Empty: exempt.
    AddressLease lease = {};
    /// Its place among the connections of its listener.
    Place place = {};
};

}  // namespace firehose::bus
