// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "mqtt/packets.h"

/// A client's last will: kept from CONNECT on, published at most once, or taken back.
///
/// It belongs to the session, since it may wait after the connection has ended. A take-over is no
/// case of its own: the old connection ends (`taken_over`), then the session is resumed
/// (`on_resumed`: a waiting will is taken back) or ended (`on_session_ended`: it is published).
/// Lifetime: owns the message. Threads: belongs to its session. Cost: O(1).
/// Source:   MQTT 5.0 sections 3.1.2.5, 3.1.3.2, 3.14.4; rule **Wills**.
namespace firehose::session {

/// Why a connection ended, as far as its will cares.
enum class ConnectionEnd : std::uint8_t {
    disconnected,            // DISCONNECT 0x00: the will is gone. [MQTT-3.14.4-3]
    disconnected_with_will,  // DISCONNECT with any other reason.
    lost,                    // Closed without DISCONNECT, keep alive, protocol error, by us.
    taken_over,              // Another connection of the same client.
    server_stopping,         // We stop: left to the restart, as section 3.1.2.5 allows.
};

[[nodiscard]] constexpr std::string_view name(ConnectionEnd end) noexcept {
    switch (end) {
        case ConnectionEnd::disconnected:
            return "disconnected";
        case ConnectionEnd::disconnected_with_will:
            return "disconnected_with_will";
        case ConnectionEnd::lost:
            return "lost";
        case ConnectionEnd::taken_over:
            return "taken_over";
        case ConnectionEnd::server_stopping:
            return "server_stopping";
    }
    return "";
}

struct WillAction {
    enum class Kind : std::uint8_t { nothing, publish_now, publish_at };
    Kind kind = Kind::nothing;
    MonotonicTime at{};  // Of publish_at: call on_tick then.

    friend bool operator==(const WillAction&, const WillAction&) = default;
};
std::ostream& operator<<(std::ostream& out, const WillAction& action);

/// A will's message, owned.
struct WillMessage {
    std::string topic;
    ByteBuffer payload;
    ByteBuffer properties;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    bool payload_is_utf8 = false;
    std::optional<std::uint32_t> message_expiry_s;
    std::uint32_t delay_s = 0;
    /// Whose it is, where the session's key does not say so: bus::SessionStore::author_of.
    std::string author = {};

    friend bool operator==(const WillMessage&, const WillMessage&) = default;
};

class Will {
public:
    /// At CONNECT. Replaces what was armed before.
    void arm(const mqtt::Will& will);
    /// What is armed is of this author.
    void set_author(std::string author);
    /// Takes it back: after publishing it [MQTT-3.1.2-10], or because it is not allowed.
    void disarm() noexcept;

    /// The connection ended. Delayed until the Will Delay Interval or the session's expiry has
    /// passed, whichever is first; a session that ends with its connection has no delay.
    [[nodiscard]] WillAction on_end(ConnectionEnd end, MonotonicTime now,
                                    std::uint32_t session_expiry_s);
    /// A new connection resumed the session: a waiting will is not sent. [MQTT-3.1.3-9]
    void on_resumed() noexcept;
    /// The session ended (expiry, or a CONNECT with Clean Start).
    [[nodiscard]] WillAction on_session_ended() noexcept;
    [[nodiscard]] WillAction on_tick(MonotonicTime now) noexcept;

    /// It could not be published: `on_tick` asks for it again, `on_session_ended` as well.
    void postpone(MonotonicTime until) noexcept { due_ = until; }

    /// As it was before a restart, or while nobody looked: armed, and waiting if it has a time.
    void restore(WillMessage message, std::optional<MonotonicTime> due);
    /// When it is published, while it waits.
    [[nodiscard]] std::optional<MonotonicTime> due() const noexcept { return due_; }

    /// The message, while armed or waiting, and after `publish_now` until disarmed.
    [[nodiscard]] const WillMessage* message() const noexcept {
        return message_ ? &*message_ : nullptr;
    }

private:
    std::optional<WillMessage> message_;
    std::optional<MonotonicTime> due_;  // Waiting.
};

}  // namespace firehose::session
