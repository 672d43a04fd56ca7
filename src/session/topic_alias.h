// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mqtt/protocol_error.h"

/// The topic aliases of one connection, each direction its own [MQTT-3.3.2-11]; never carried to
/// the next connection. [MQTT-3.3.2-7]
///
/// To the client the first names that are sent get an alias for good: what is sent often is among
/// them or costs its name. Only a connection's own bytes use them, never a feed's.
/// Lifetime: a resolved name is a view into the packet or into the map, valid until the next call.
/// Threads:  belongs to its connection.
/// Memory:   at most `alias_max` names.
/// Source:   MQTT 5.0 section 3.3.2.3.4.
namespace firehose::session {

class TopicAliases {
public:
    /// @param alias_max  as we announced it (ConnectTerms::inbound_alias_max).
    explicit TopicAliases(std::uint16_t alias_max) noexcept : alias_max_(alias_max) {}

    /// The topic name of a PUBLISH, whose `topic` may be empty if it has an alias.
    /// Fails with 0x94 on alias 0 and beyond the maximum, 0x82 on one that was never set.
    [[nodiscard]] Result<std::string_view, mqtt::ProtocolError> resolve(
        std::string_view topic, std::optional<std::uint16_t> alias);

private:
    std::uint16_t alias_max_;
    std::vector<std::string> names_;  // By alias - 1; empty: not set.
};

class OutboundAliases {
public:
    /// @param alias_max  what the client and we allow (ConnectTerms::outbound_alias_max).
    explicit OutboundAliases(std::uint16_t alias_max) noexcept : alias_max_(alias_max) {}

    struct Use {
        std::uint16_t alias = 0;  // 0: none is left, send the name alone.
        bool is_known = false;    // The client has it: the name may be left out.
    };
    [[nodiscard]] Use of(std::string_view topic) const;
    /// A PUBLISH that sets the alias `of` gave was queued for the client.
    void set(std::string_view topic);

private:
    std::uint16_t alias_max_;
    std::map<std::string, std::uint16_t, std::less<>> alias_of_;
};

}  // namespace firehose::session
