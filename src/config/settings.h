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
    any,         // The first byte says: MQTT or HTTP.
};

/// Which addresses a listener without a host takes.
enum class Family : std::uint8_t { any, ipv4, ipv6 };

/// Who may connect to a Unix socket: its mode.
enum class PathAccess : std::uint8_t { owner, group, everyone };

enum class ProxyHeader : std::uint8_t { off, v1, v2, any };

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

/// A certificate for the names in it: `[[listener.certificate]]`.
struct CertificateFiles {
    std::string cert_file;
    std::string key_file;

    friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

/// TLS of one listener; on where it has a certificate.
struct TlsSettings {
    std::string cert_file;
    std::string key_file;
    std::vector<CertificateFiles> certificates;  // For other names (SNI).
    TlsVersion min_version = TlsVersion::tls_1_2;
    std::string ciphers;
    std::string ciphersuites;
    std::string ca_file;
    std::string ca_path;
    std::string crl_file;
    bool require_certificate = false;
    bool use_identity_as_username = false;
    bool use_subject_as_username = false;

    [[nodiscard]] bool is_on() const noexcept {
        return !cert_file.empty() || !certificates.empty();
    }
    friend bool operator==(const TlsSettings&, const TlsSettings&) = default;
};

/// One way in: a `[[listener]]`, or one address of ListenSettings.
struct Listener {
    std::string name;
    std::string host;  // Numeric or a name; empty: every address of both families.
    std::uint64_t port = 0;
    Family family = Family::any;
    std::string interface;  // Empty: all.
    std::string path;       // Of a Unix socket, instead of host and port.
    PathAccess path_access = PathAccess::owner;
    Speaks speaks = Speaks::mqtt;
    ProxyHeader proxy_protocol = ProxyHeader::off;
    std::vector<std::string> origins;  // Of pages that may use WebSocket; empty: all.
    TlsSettings tls;
    Durability durability = Durability::disk;
    bool allow_anonymous = true;
    std::string password_file;  // Empty, in a file: that of AuthSettings.
    std::string acl_file;       // Likewise.
    std::string mount_point;    // Before every topic of its clients.
    std::uint64_t qos_max = 2;
    std::uint64_t connections_max = 0;      // 0: no bound but that of all listeners.
    std::vector<std::string> versions;      // Of MQTT; empty: all.
    std::uint64_t topic_alias_max = 0;      // At most SessionSettings::topic_alias_max.
    std::uint64_t own_topic_alias_max = 0;  // Likewise.
    bool use_username_as_client_id = false;
    bool allow_empty_client_id = true;  // If ClientIdSettings::allow_empty says so too.
    std::string auto_id_prefix;         // Empty: that of ClientIdSettings.

    /// The defaults of listener_options.cpp.
    Listener();

    /// "127.0.0.1:1883", "[::1]:1883", "*:1883", or the path.
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

struct AdminSettings {
    std::vector<Endpoint> listen;  // Loopback addresses.
};

/// What holds where there is no ACL file.
enum class WithoutAclFile : std::uint8_t { read, readwrite };

struct AuthSettings {
    std::string password_file;  // Empty: nobody has a password.
    std::string acl_file;       // Empty: without_acl_file holds.
    WithoutAclFile without_acl_file = WithoutAclFile::read;
    bool check_retain_source = false;
    bool anonymous_wildcard_all = true;
    bool basic_without_tls = false;
};

struct ClientIdSettings {
    bool allow_empty = true;
    std::string auto_prefix;  // Of ids that the bus makes.
    std::string prefix;       // Others are refused; empty: none is.
};

/// Of one address, or of the first 64 bits of an IPv6 one. 0: no limit.
struct AddressLimitSettings {
    std::uint64_t connections_max = 0;
    std::uint64_t connects_per_s = 0;
    std::uint64_t connects_burst = 0;
    std::uint64_t subscribes_per_s = 0;
    std::uint64_t subscribes_burst = 0;
    std::uint64_t requests_per_s = 0;
    std::uint64_t requests_burst = 0;
};

struct LimitSettings {
    std::uint64_t packet_bytes_max = 0;
    std::uint64_t input_bytes_max = 0;  // Of all clients.
    std::uint64_t connect_bytes_max = 0;
    std::uint64_t connections_max = 0;
    std::uint64_t subscriptions_max = 0;       // In one session.
    std::uint64_t subscription_bytes_max = 0;  // Of their filters together.
    std::uint64_t filters_per_subscribe_max = 0;
    std::uint64_t topic_bytes_max = 0;
    std::uint64_t topic_levels_max = 0;
    std::uint64_t v31_client_id_max = 0;  // Characters; 0: any number.
    std::uint64_t client_id_bytes_max = 0;
    std::uint64_t user_name_bytes_max = 0;
    std::uint64_t user_properties_max = 0;  // In one packet.
    Microseconds connect_timeout{0};
    Microseconds http_head_timeout{0};
    std::uint64_t http_head_bytes_max = 0;
    AddressLimitSettings address;
    std::vector<std::string> exempt;  // Networks.
};

struct PublishSettings {
    std::uint64_t inflight_max = 0;
    std::uint64_t held_max = 0;
    Microseconds stall_max{0};
    std::uint64_t qos_max = 0;            // Of a client's publishes.
    std::uint64_t payload_bytes_max = 0;  // 0: no bound but the packet's.
    std::uint64_t messages_per_s = 0;     // Of one user or address; 0: no limit.
    std::uint64_t messages_burst = 0;
    std::uint64_t bytes_per_s = 0;  // Likewise.
    std::uint64_t bytes_burst = 0;
};

struct RetainedSettings {
    std::uint64_t count_max = 0;
    std::uint64_t bytes_max = 0;
};

struct ConnectionSettings {
    std::uint64_t replies_max = 0;  // Bytes.
};

struct WebSocketSettings {
    Microseconds ping_interval{0};  // 0: never.
};

/// What an anonymous client's session is (rule **Home and hand-over**).
enum class AnonymousSessions : std::uint8_t { own, standard };

struct RetainSettings {
    bool is_available = true;
};

/// A subscription below a `$` that the bus does not know.
enum class UnknownDollar : std::uint8_t { refuse, grant };

struct SubscribeSettings {
    UnknownDollar unknown_dollar = UnknownDollar::refuse;
};

/// Whose a session is (rule **Home and hand-over**).
enum class SessionKey : std::uint8_t { identity, client_id };

struct SessionSettings {
    std::uint64_t owed_refs = 0;
    std::uint64_t inflight_max = 0;         // Outbound, whatever the client's Receive Maximum.
    std::uint64_t receive_maximum = 0;      // Announced to MQTT 5 clients.
    std::uint64_t topic_alias_max = 0;      // Announced to MQTT 5 clients.
    std::uint64_t own_topic_alias_max = 0;  // Towards them.
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
    /// Networks of proxies whose PROXY and X-Forwarded-For headers are believed.
    std::vector<std::string> trusted_proxies;
    Microseconds proxy_header_timeout{0};
};

/// Of all listeners with TLS.
struct HandshakeSettings {
    Microseconds handshake_timeout{0};
    std::uint64_t handshakes_per_turn = 0;
};

struct SysSettings {
    Microseconds interval{0};
};

struct ShutdownSettings {
    Microseconds drain{0};
};

enum class SyslogFacility : std::uint8_t {
    daemon,
    user,
    local0,
    local1,
    local2,
    local3,
    local4,
    local5,
    local6,
    local7,
};

struct LoggingSettings {
    LogLevel level = LogLevel::info;
    std::vector<std::string> types;  // Empty: by level.
    std::vector<std::string> to;     // "stderr", "file:/var/log/firehose.log"; see checks.h.
    bool connection_messages = false;
    bool timestamp = true;
    std::string timestamp_format;  // For strftime; empty: RFC 3339.
    SyslogFacility syslog_facility = SyslogFacility::daemon;

    /// What is written by these.
    [[nodiscard]] LogTypes selection() const;
};

struct ProcessSettings {
    std::string user;      // Empty: stays who started it.
    std::string pid_file;  // Empty: none.
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
    AdminSettings admin;
    AuthSettings auth;
    ClientIdSettings client_id;
    LimitSettings limits;
    PublishSettings publish;
    RetainSettings retain;
    RetainedSettings retained;
    SubscribeSettings subscribe;
    ConnectionSettings connection;
    WebSocketSettings websocket;
    SessionSettings session;
    ShareSettings share;
    WillSettings will;
    KeepAliveSettings keep_alive;
    FeedSettings feed;
    NetSettings net;
    HandshakeSettings tls;
    SysSettings sys;
    ShutdownSettings shutdown;
    LoggingSettings logging;
    ProcessSettings process;
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
