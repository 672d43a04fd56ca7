// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string_view>

#include "base/time.h"
#include "mqtt/types.h"

/// The rule that CONNECT comes first, once, and soon.
///
/// Sans-I/O: it is told what happened and answers with what to do. It never touches a socket, a
/// timer or a log, so every interleaving of a client's packets and its clock is a plain unit test.
/// Threads: belongs to its connection. Cost: O(1), 16 bytes.
/// Source:  MQTT 5.0 sections 3.1 and 3.1.4; 3.1.1 likewise.
namespace firehose::session {

/// What the connection must do next.
struct Action {
    enum class Kind : std::uint8_t {
        proceed,           // Hand the packet on.
        disconnect,        // Send DISCONNECT with `reason` (5.0), then close.
        close_in_silence,  // Close; before CONNECT there is no version to speak.
    };
    Kind kind = Kind::proceed;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    std::string_view statement = {};  // The normative statement that forces this, if one does.

    friend bool operator==(const Action&, const Action&) = default;
};
std::ostream& operator<<(std::ostream& out, const Action& action);

class Handshake {
public:
    explicit Handshake(Microseconds connect_timeout) noexcept : connect_timeout_(connect_timeout) {}

    /// A complete control packet arrived. Packets that only a server sends never proceed.
    [[nodiscard]] Action on_packet(mqtt::PacketType type) noexcept;

    /// `since_accept` has passed since the transport was accepted.
    [[nodiscard]] Action on_tick(Microseconds since_accept) const noexcept;

    [[nodiscard]] bool is_connected() const noexcept { return connected_; }

private:
    Microseconds connect_timeout_;
    bool connected_ = false;
};

}  // namespace firehose::session
