// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"

/// The configuration as plain typed values, for everybody who needs some of it.
///
/// `Settings{}` holds the defaults. Defaults, ranges and words live in one place, the table in
/// options.cpp; its rows name these fields, so that a key and its field cannot drift apart. The
/// parts (LimitSettings{}, ...) hold zeros when made alone: take them from a Settings.
///
/// Units: bytes in `*_bytes*` and buffers, counts in `*_max` and the rest, durations in their type.
/// Lifetime: values. Threads: read-only after loading.
namespace firehose::config {

/// Where to listen. `host` is a numeric address ("0.0.0.0", "::"); port 0 asks for any free port.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// When what a client publishes at QoS 1 and 2 is acknowledged.
enum class Durability : std::uint8_t { disk, memory };

struct ListenSettings {
    std::vector<Endpoint> mqtt;
    std::vector<Endpoint> http;  // HTTP, WebSocket and the page on one port.
    Durability durability = Durability::disk;
};

/// What is understood on a port.
enum class Speaks : std::uint8_t {
    mqtt,
    http,        // HTTP, WebSocket and the page.
    websockets,  // MQTT inside WebSocket frames only.
};

/// One way in: a `[[listener]]`, or one address of ListenSettings.
struct Listener {
    std::string name;
    std::string host;  // Numeric or a name; empty: every address of both families.
    std::uint64_t port = 0;
    Speaks speaks = Speaks::mqtt;
    Durability durability = Durability::disk;
    bool allow_anonymous = true;
    std::string password_file;  // Empty, in a file: that of AuthSettings.
    std::string acl_file;       // Likewise.

    /// The defaults of listener_options.cpp.
    Listener();

    /// "127.0.0.1:1883", "[::1]:1883", "*:1883".
    [[nodiscard]] std::string address() const;
};

enum class LogMode : std::uint8_t { disk, memory };

struct LogSettings {
    LogMode mode = LogMode::disk;
    std::uint64_t memory_bytes = 0;
    std::uint64_t bytes = 0;  // 0: by the file system.
    std::uint64_t min_free = 0;
    std::uint64_t segment_bytes = 0;
    Microseconds segment_age{0};
    std::uint64_t unwritten_bytes_max = 0;
    std::uint64_t cache_bytes = 0;
};

struct CheckpointSettings {
    Microseconds interval{0};
};

struct HistorySettings {
    Microseconds age{0};  // 0: no bound.
};

/// What holds where there is no ACL file.
enum class WithoutAclFile : std::uint8_t { read, readwrite };

struct AuthSettings {
    std::string password_file;  // Empty: nobody has a password.
    std::string acl_file;       // Empty: without_acl_file holds.
    WithoutAclFile without_acl_file = WithoutAclFile::read;
    bool check_retain_source = false;
};

struct ClientIdSettings {
    bool allow_empty = true;
    std::string auto_prefix;  // Of ids that the bus makes.
    std::string prefix;       // Others are refused; empty: none is.
};

struct LimitSettings {
    std::uint64_t packet_bytes_max = 0;
    std::uint64_t input_bytes_max = 0;  // Of all clients.
    std::uint64_t connections_max = 0;
    std::uint64_t subscriptions_max = 0;  // In one session.
    std::uint64_t topic_levels_max = 0;
    std::uint64_t v31_client_id_max = 0;  // Characters; 0: any number.
    bool grant_reserved = false;          // Filters of names with `$` that are none of ours.
    Microseconds connect_timeout{0};
    Microseconds http_head_timeout{0};
};

struct PublishSettings {
    std::uint64_t inflight_max = 0;
    std::uint64_t held_max = 0;
    Microseconds stall_max{0};
    bool retained = false;                // Retained messages are taken.
    std::uint64_t qos_max = 0;            // Of a client's publishes.
    std::uint64_t payload_bytes_max = 0;  // 0: no bound but the packet's.
};

struct ConnectionSettings {
    std::uint64_t replies_max = 0;  // Bytes.
};

/// What an anonymous client's session is (rule **Home and hand-over**).
enum class AnonymousSessions : std::uint8_t { own, standard };

/// Whose a session is (rule **Home and hand-over**).
enum class SessionKey : std::uint8_t { identity, client_id };

struct SessionSettings {
    std::uint64_t owed_refs = 0;
    std::uint64_t inflight_max = 0;     // Outbound, whatever the client's Receive Maximum.
    std::uint64_t receive_maximum = 0;  // Announced to MQTT 5 clients.
    std::uint64_t topic_alias_max = 0;  // Announced to MQTT 5 clients.
    Microseconds expiry_max{0};
    std::uint64_t hold_bytes = 0;  // 0: a quarter of the log's.
    std::uint64_t count_max = 0;
    Microseconds restart_grace{0};
    AnonymousSessions anonymous = AnonymousSessions::own;
    SessionKey key = SessionKey::identity;
    std::uint64_t queued_max = 0;        // 0: no bound.
    std::uint64_t queued_bytes_max = 0;  // Likewise.
    bool queue_qos_0 = false;
    bool upgrade_qos = false;
};

/// Shared subscriptions.
struct ShareSettings {
    bool anonymous = false;      // Clients without a user name may join.
    std::uint64_t owed_max = 0;  // Messages that wait for one member.
};

struct WillSettings {
    Microseconds restart_grace{0};
};

struct KeepAliveSettings {
    Microseconds max{0};
};

struct FeedSettings {
    std::uint64_t window_bytes = 0;  // For each shard.
    Microseconds lag_max{0};
};

struct NetSettings {
    std::uint64_t send_buffer = 0;     // Bytes asked of the kernel; it grants twice that.
    std::uint64_t receive_buffer = 0;  // Likewise.
};

struct SysSettings {
    Microseconds interval{0};
};

struct ShutdownSettings {
    Microseconds drain{0};
};

struct LoggingSettings {
    LogLevel level = LogLevel::info;
};

enum class HostKeyCheck : std::uint8_t { strict, accept_new };

/// One `[[source.gerrit]]`.
struct GerritSource {
    std::string name;
    std::string host;
    std::uint64_t port = 0;
    std::string username;
    std::string key;
    std::string known_hosts;
    HostKeyCheck host_key_check = HostKeyCheck::strict;
    std::string topic;
    std::vector<std::string> types;  // Empty: all.

    /// The defaults of options.cpp.
    GerritSource();
};

struct SourceSettings {
    std::vector<GerritSource> gerrit;
    std::vector<std::string> deny;
    std::uint64_t buffer_bytes = 0;
};

struct Settings {
    ListenSettings listen;  // The short form.
    std::vector<Listener> listeners;
    std::string data;
    std::uint64_t shards = 0;  // 0: see shard_count().
    bool demo = false;
    LogSettings log;
    CheckpointSettings checkpoint;
    HistorySettings history;
    AuthSettings auth;
    ClientIdSettings client_id;
    LimitSettings limits;
    PublishSettings publish;
    ConnectionSettings connection;
    SessionSettings session;
    ShareSettings share;
    WillSettings will;
    KeepAliveSettings keep_alive;
    FeedSettings feed;
    NetSettings net;
    SysSettings sys;
    ShutdownSettings shutdown;
    LoggingSettings logging;
    SourceSettings source;

    /// The defaults of options.cpp.
    Settings();

    /// The short form and the tables together, each with a name and with the files that hold for
    /// it.
    [[nodiscard]] std::vector<Listener> all_listeners() const;

    /// `shards`, or for 0: 1 on up to two cores, else half of them.
    [[nodiscard]] std::uint64_t shard_count(unsigned cores) const noexcept;
};

}  // namespace firehose::config
