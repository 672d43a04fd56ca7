// SPDX-License-Identifier: Apache-2.0
#include "config/mosquitto_options.h"

#include <algorithm>

#include "config/mosquitto_draft.h"

namespace firehose::config {
namespace {

using Draft = MosquittoDraft;
using Given = MosquittoGiven;
using Flag = MosquittoFlag;
using Number = MosquittoNumber;
using Text = MosquittoText;
using Words = MosquittoWords;
using Anything = MosquittoAnything;
constexpr auto kListener = MosquittoScope::listener;
constexpr auto kSecurity = MosquittoScope::security;
constexpr auto kNoted = MosquittoFate::noted;
constexpr auto kRefused = MosquittoFate::refused;

constexpr std::uint64_t kAny16 = 65'535;
constexpr std::uint64_t kPacketBytesMax = std::uint64_t{16} << 20;  // limits.packet_bytes_max.
constexpr std::uint64_t kPacketBytesMin = 1'024;
constexpr std::size_t kPrefixMax = 50;

constexpr std::string_view kProtocols[] = {"mqtt", "websockets", "http_api"};
constexpr std::string_view kFamilies[] = {"ipv4", "ipv6"};
constexpr std::string_view kTlsVersions[] = {"tlsv1.1", "tlsv1.2", "tlsv1.3"};
constexpr std::string_view kKeyForms[] = {"pem", "engine"};
constexpr std::string_view kLogTypes[] = {"none",     "information", "notice",    "warning",
                                          "error",    "debug",       "subscribe", "unsubscribe",
                                          "internal", "websockets",  "all"};
constexpr std::string_view kLogDests[] = {"none",  "syslog", "stdout", "stderr",
                                          "topic", "dlt",    "file"};

/// mosquitto's numbers below 0 mean 0.
std::uint64_t from_zero(std::int64_t number) {
    return number < 0 ? 0 : static_cast<std::uint64_t>(number);
}

/// "14d", "3w": nothing for anything else, 0 included.
std::optional<Microseconds> expiration(std::string_view word) {
    if (word.size() < 2) return std::nullopt;
    const std::int64_t day = 86'400;
    std::int64_t unit = 0;
    switch (word.back()) {
        case 's':
            unit = 1;
            break;
        case 'h':
            unit = 3'600;
            break;
        case 'd':
            unit = day;
            break;
        case 'w':
            unit = 7 * day;
            break;
        case 'm':
            unit = 30 * day;
            break;
        case 'y':
            unit = 365 * day;
            break;
        default:
            return std::nullopt;
    }
    std::int64_t count = 0;
    for (const char digit : word.substr(0, word.size() - 1)) {
        if (digit < '0' || digit > '9' || count > 1'000'000'000) return std::nullopt;
        count = count * 10 + (digit - '0');
    }
    const std::int64_t longest = 36'500 * day;  // session.expiry_max
    if (count == 0) return std::nullopt;
    return std::chrono::seconds{count > longest / unit ? longest : count * unit};
}

void take_prefix(Draft& draft, MosquittoSecurity& security, std::string_view prefix) {
    if (prefix.size() > kPrefixMax) return draft.fail("is too long", "up to 50 bytes");
    security.auto_id_prefix = prefix;
}

/// "3,4,5": levels of the protocol, as CONNECT writes them. A second line begins anew.
void take_versions(Draft& draft, std::string_view levels) {
    std::vector<std::string>& versions = draft.listener().settings.versions;
    versions.clear();
    for (const char level : levels) {
        if (level == ',' || level == ' ' || level == '\t') continue;
        if (level < '3' || level > '5') return draft.fail("is not understood", "3, 4, 5, or some");
        const std::string_view version = level == '3' ? "3.1" : level == '4' ? "3.1.1" : "5.0";
        if (std::ranges::find(versions, version) == versions.end()) versions.emplace_back(version);
    }
    if (versions.empty()) draft.fail("names no version", "3, 4, 5, or some");
}

void take_packet_size(Draft& draft, const Given& given) {
    std::uint64_t& most = draft.settings.limits.packet_bytes_max;
    const auto asked = static_cast<std::uint64_t>(given.number);
    if (asked != 0 && asked < 20) return draft.fail("is below 20", "0, or 20 and more");
    most = asked == 0 ? kPacketBytesMax : std::clamp(asked, kPacketBytesMin, kPacketBytesMax);
    if (most != asked) draft.note("is " + std::to_string(most) + " here, between 1 KiB and 16 MiB");
}

/// Each line adds one type; `none` and `all` begin anew.
void take_log_type(Draft& draft, const Given& given) {
    if (given.word == "internal") return draft.note("has no lines here");
    std::vector<std::string>& types = draft.settings.logging.types;
    const bool begins = given.word == "none" || given.word == "all";
    if (begins || types == std::vector<std::string>{"none"}) types.clear();
    if (types == std::vector<std::string>{"all"}) return;
    const bool is_there = std::ranges::find(types, given.word) != types.end();
    if (!is_there) types.emplace_back(given.word);
}

/// Each line adds one place; the first takes the default's place, and `none` all of them.
void take_log_dest(Draft& draft, const Given& given) {
    if (given.word == "dlt") return draft.note("is nothing here");
    std::string place{given.word};
    if (place == "file") {
        if (given.rest.empty()) return draft.fail("has no path", "file PATH");
        place = "file:" + std::string{given.rest};
    }
    std::vector<std::string>& places = draft.settings.logging.to;
    if (!draft.has_log_dest || place == "none" || places == std::vector<std::string>{"none"}) {
        places.clear();
    }
    draft.has_log_dest = true;
    const bool is_there = std::ranges::find(places, place) != places.end();
    if (!is_there) places.push_back(std::move(place));
}

constexpr MosquittoOption kOptions[] = {
    {.name = "accept_protocol_versions",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { take_versions(d, g.text); },
     .doc = "`versions` of the listener: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0, with commas."},
    {.name = "acl_file",
     .scope = kSecurity,
     .take = [](Draft& d, const Given& g) { d.of_security().acl_file = g.text; },
     .doc = "`auth.acl_file`, or `acl_file` of the listener. Without one everybody may read and "
            "publish everything (`auth.without_acl_file`)."},
    {.name = "allow_anonymous",
     .scope = kSecurity,
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.of_security().allow_anonymous = g.flag; },
     .doc = "`allow_anonymous` of the listeners. Default `false`; without any listener `true`, "
            "because only this machine can connect then."},
    {.name = "allow_duplicate_messages",
     .kind = Flag{},
     .fate = kNoted,
     .doc = "A message that several subscriptions of a client match is sent once, with every "
            "subscription identifier."},
    {.name = "allow_zero_length_clientid",
     .scope = kSecurity,
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.of_security().allow_empty_id = g.flag; },
     .doc = "`client_id.allow_empty`, or `allow_empty_client_id` of the listener."},
    {.name = "auto_id_prefix",
     .scope = kSecurity,
     .take = [](Draft& d, const Given& g) { take_prefix(d, d.of_security(), g.text); },
     .doc = "`client_id.auto_prefix`, or `auto_id_prefix` of the listener, at most 50 bytes."},
    {.name = "autosave_interval",
     .kind = Number{},
     .fate = kNoted,
     .doc = "What is acknowledged is on disk already; `firehose_checkpoint.interval` says how "
            "often sessions are written beside the log."},
    {.name = "autosave_on_changes",
     .kind = Flag{},
     .fate = kNoted,
     .doc = "See `autosave_interval`."},
    {.name = "bind_address",
     .scope = kListener,
     .take =
         [](Draft& d, const Given& g) {
             d.begin_default();
             d.default_listener.settings.host = g.text;
         },
     .doc = "Address of the default listener, see `port`. A name must have a numeric address when "
            "the file is read."},
    {.name = "bind_interface",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.interface = g.text; },
     .doc = "`interface` of the listener."},
    {.name = "cafile",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.ca_file = g.text; },
     .doc = "`ca_file` of the listener, where clients must have a certificate or are named by it; "
            "else it means nothing, as in mosquitto."},
    {.name = "capath",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.ca_path = g.text; },
     .doc = "`ca_path` of the listener, see `cafile`."},
    {.name = "certfile",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.cert_file = g.text; },
     .doc = "`cert_file` of the listener; needs `keyfile`."},
    {.name = "check_retain_source",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.auth.check_retain_source = g.flag; },
     .doc = "`auth.check_retain_source`, default `true`."},
    {.name = "ciphers",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.ciphers = g.text; },
     .doc = "`ciphers` of the listener, for TLS 1.2."},
    {.name = "ciphers_tls1.3",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.ciphersuites = g.text; },
     .doc = "`ciphersuites` of the listener, for TLS 1.3."},
    {.name = "clientid_prefixes",
     .take = [](Draft& d, const Given& g) { d.settings.client_id.prefix = g.text; },
     .doc = "`client_id.prefix`: other client ids are refused."},
    {.name = "connection_messages",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.logging.connection_messages = g.flag; },
     .doc = "`logging.connection_messages`, default `true`."},
    {.name = "crlfile",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.crl_file = g.text; },
     .doc = "`crl_file` of the listener, see `cafile`."},
    {.name = "dhparamfile",
     .scope = kListener,
     .kind = Anything{},
     .fate = kNoted,
     .doc = "OpenSSL chooses the group; mosquitto 2.1 does not need it either."},
    {.name = "disable_client_cert_date_checks",
     .scope = kListener,
     .kind = Flag{},
     .take =
         [](Draft& d, const Given& g) {
             if (g.flag) d.fail("must be false", "false: dates of certificates are always checked");
         },
     .doc = "Only `false`: dates of certificates are always checked."},
    {.name = "enable_control_api",
     .kind = Flag{},
     .take =
         [](Draft& d, const Given& g) {
             if (g.flag) d.fail("must be false", "false: there is no $CONTROL, but an admin door");
         },
     .doc = "Only `false`: operators use the admin door (`firehose --help`), not `$CONTROL`."},
    {.name = "enable_proxy_protocol",
     .scope = kListener,
     .kind = Number{.min = 1, .max = 2},
     .take =
         [](Draft& d, const Given& g) {
             d.listener().settings.proxy_protocol =
                 g.number == 1 ? ProxyHeader::v1 : ProxyHeader::v2;
             d.note("headers are believed from firehose_net.trusted_proxies only");
         },
     .doc = "`proxy_protocol` of the listener. Headers are believed only from networks that "
            "`firehose_net.trusted_proxies` names; mosquitto believes everybody."},
    {.name = "global_max_clients",
     .kind = Number{},
     .fate = kNoted,
     .doc = "`firehose_limits.connections_max` bounds connections, `firehose_session.count_max` "
            "sessions without one."},
    {.name = "global_max_connections",
     .kind = Number{},
     .take =
         [](Draft& d, const Given& g) {
             if (g.number < 1) return;
             d.settings.limits.connections_max =
                 std::min<std::uint64_t>(from_zero(g.number), 1'000'000);
         },
     .doc = "`limits.connections_max`. Without it, or below 1: this program's default."},
    {.name = "http_dir",
     .scope = kListener,
     .fate = kRefused,
     .doc = "No folder of files is served: use a web server for them."},
    {.name = "include_dir",
     .doc = "Reads the folder's `*.conf` where it stands, as mosquitto sorts them: letter by "
            "letter, a capital before its small letter. In the main file only."},
    {.name = "keyfile",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.tls.key_file = g.text; },
     .doc = "`key_file` of the listener; needs `certfile`."},
    {.name = "listener",
     .kind = Number{.min = 0, .max = 65'535},
     .take = [](Draft& d,
                const Given& g) { d.begin_listener(static_cast<std::uint16_t>(g.number), g.rest); },
     .doc = "`[[listener]]`: a port and, if not all, an address or name; 0 and a path for a Unix "
            "socket. The listener options after it are its own."},
    {.name = "listener_allow_anonymous",
     .scope = kListener,
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.listener().security.allow_anonymous = g.flag; },
     .doc = "`allow_anonymous` of the listener."},
    {.name = "listener_auto_id_prefix",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { take_prefix(d, d.listener().security, g.text); },
     .doc = "See `auto_id_prefix`."},
    {.name = "log_dest",
     .kind = Words{kLogDests},
     .take = &take_log_dest,
     .doc = "`logging.to`; each line adds one: `stdout`, `stderr` (default), `syslog`, `topic`, "
            "`file` and its path; `none`. `dlt` is nothing here."},
    {.name = "log_facility",
     .kind = Number{.min = 0, .max = 7},
     .take =
         [](Draft& d, const Given& g) {
             d.settings.logging.syslog_facility = static_cast<SyslogFacility>(
                 static_cast<std::int64_t>(SyslogFacility::local0) + g.number);
         },
     .doc = "`logging.syslog_facility`: local0 to local7."},
    {.name = "log_timestamp",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.logging.timestamp = g.flag; },
     .doc = "`logging.timestamp`."},
    {.name = "log_timestamp_format",
     .kind = Text{.is_once = true},
     .take = [](Draft& d, const Given& g) { d.settings.logging.timestamp_format = g.text; },
     .doc = "`logging.timestamp_format`, at most 100 bytes. Without it RFC 3339; mosquitto writes "
            "seconds since 1970."},
    {.name = "log_type",
     .kind = Words{kLogTypes},
     .take = &take_log_type,
     .doc = "`logging.types`; each line adds one, `none` and `all` begin anew. `internal` has no "
            "lines here."},
    {.name = "max_connections",
     .scope = kListener,
     .kind = Number{},
     .take =
         [](Draft& d, const Given& g) {
             d.listener().settings.connections_max =
                 std::min<std::uint64_t>(from_zero(g.number), 1'000'000);
         },
     .doc = "`connections_max` of the listener. Below 1: no bound but "
            "`firehose_limits.connections_max`, of all listeners together."},
    {.name = "max_inflight_bytes",
     .kind = Number{},
     .fate = kNoted,
     .doc = "Messages in flight are positions of the log and take no memory for their payload."},
    {.name = "max_inflight_messages",
     .kind = Number{.max = 65'535},
     .take =
         [](Draft& d, const Given& g) {
             const std::uint64_t most = g.number < 1 ? kAny16 : from_zero(g.number);
             d.settings.session.inflight_max = most;
             d.settings.session.receive_maximum = most;
         },
     .doc = "`session.inflight_max` and `session.receive_maximum`, default 20. Below 1: 65535."},
    {.name = "max_keepalive",
     .kind = Number{.min = 0, .max = 65'535},
     .take =
         [](Draft& d, const Given& g) {
             d.settings.keep_alive.max = std::chrono::seconds{g.number == 0 ? 65'535 : g.number};
         },
     .doc = "`keep_alive.max`, default 65535: any. 0: any."},
    {.name = "max_packet_size",
     .kind = Number{.min = 0},
     .take = &take_packet_size,
     .doc = "`limits.packet_bytes_max`, default 2,000,000. 0: 16 MiB, the most this bus takes."},
    {.name = "max_qos",
     .scope = kListener,
     .kind = Number{.min = 0, .max = 2},
     .take = [](Draft& d, const Given& g) { d.listener().settings.qos_max = from_zero(g.number); },
     .doc = "`qos_max` of the listener."},
    {.name = "max_queued_bytes",
     .kind = Number{},
     .take = [](Draft& d,
                const Given& g) { d.settings.session.queued_bytes_max = from_zero(g.number); },
     .doc = "`session.queued_bytes_max`, default 0: no bound."},
    {.name = "max_queued_messages",
     .kind = Number{},
     .take = [](Draft& d, const Given& g) { d.settings.session.queued_max = from_zero(g.number); },
     .doc = "`session.queued_max`, default 1000. Below 1: no bound."},
    {.name = "max_topic_alias",
     .scope = kListener,
     .kind = Number{.min = 0, .max = 65'535},
     .take = [](Draft& d, const Given& g) { d.listener().topic_alias_max = from_zero(g.number); },
     .doc = "`topic_alias_max` of the listener, default 10."},
    {.name = "max_topic_alias_broker",
     .scope = kListener,
     .kind = Number{.min = 0, .max = 65'535},
     .take = [](Draft& d,
                const Given& g) { d.listener().own_topic_alias_max = from_zero(g.number); },
     .doc = "`own_topic_alias_max` of the listener, default 10. What readers at QoS 0 share has "
            "whole topics all the same."},
    {.name = "maximum_qos",
     .scope = kListener,
     .kind = Number{.min = 0, .max = 2},
     .take = [](Draft& d, const Given& g) { d.listener().settings.qos_max = from_zero(g.number); },
     .doc = "See `max_qos`."},
    {.name = "memory_limit",
     .kind = Number{.min = 0, .max = std::numeric_limits<std::int64_t>::max()},
     .fate = kNoted,
     .doc = "Memory is bounded by design; its parts are `firehose_log.memory_bytes`, "
            "`firehose_feed.window_bytes` and the limits."},
    {.name = "message_size_limit",
     .kind = Number{.min = 0, .max = 268'435'455},
     .take = [](Draft& d,
                const Given& g) { d.settings.publish.payload_bytes_max = from_zero(g.number); },
     .doc = "`publish.payload_bytes_max`: larger payloads are refused, 3.1.1 publishers' dropped. "
            "0: no bound but `max_packet_size`."},
    {.name = "mount_point",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.mount_point = g.text; },
     .doc = "`mount_point` of the listener."},
    {.name = "packet_buffer_size",
     .kind = Number{.min = 0, .max = 65'535},
     .fate = kNoted,
     .doc = "Buffers have their own bounds."},
    {.name = "password_file",
     .scope = kSecurity,
     .take = [](Draft& d, const Given& g) { d.of_security().password_file = g.text; },
     .doc = "`auth.password_file`, or `password_file` of the listener. Without one a user name "
            "means nothing: its client is anonymous."},
    {.name = "per_listener_settings",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.set_per_listener(g.flag); },
     .doc = "With `true`, options marked \"per listener\" are the listener's above them."},
    {.name = "persistence",
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.settings.log.mode = g.flag ? LogMode::disk : LogMode::memory; },
     .doc = "`log.mode`: `true` is `disk`, `false`, the default, `memory`."},
    {.name = "persistence_file",
     .kind = Text{.is_once = true},
     .fate = kNoted,
     .doc = "The log is a folder of segments. A mosquitto.db beside it is neither read nor "
            "changed."},
    {.name = "persistence_location",
     .kind = Text{.is_once = true},
     .take = [](Draft& d, const Given& g) { d.settings.data = g.text; },
     .doc = "`data`. Without it `./firehose.data`."},
    {.name = "persistent_client_expiration",
     .kind = Words{},
     .take =
         [](Draft& d, const Given& g) {
             const auto time = expiration(g.word);
             if (!time) return d.fail("is no duration", "a number and h, d, w, m or y: 14d");
             d.settings.session.expiry_max = *time;
         },
     .doc = "`session.expiry_max`, default never (100 years)."},
    {.name = "pid_file",
     .kind = Text{.is_once = true},
     .take = [](Draft& d, const Given& g) { d.settings.process.pid_file = g.text; },
     .doc = "`process.pid_file`."},
    {.name = "port",
     .scope = kListener,
     .kind = Number{.min = 1, .max = 65'535},
     .take =
         [](Draft& d, const Given& g) {
             d.begin_default();
             d.default_listener.settings.port = static_cast<std::uint64_t>(g.number);
         },
     .doc = "Opens the default listener, to which the listener options before the first "
            "`listener` belong."},
    {.name = "protocol",
     .scope = kListener,
     .kind = Words{kProtocols},
     .take =
         [](Draft& d, const Given& g) {
             if (g.word == "http_api") return d.fail("is not served here", "mqtt or websockets");
             d.listener().settings.speaks =
                 g.word == "websockets" ? Speaks::websockets : Speaks::mqtt;
         },
     .doc = "`speaks` of the listener: `mqtt` (default) or `websockets`."},
    {.name = "proxy_protocol_v2_require_tls",
     .scope = kListener,
     .kind = Flag{},
     .take =
         [](Draft& d, const Given& g) {
             if (g.flag) d.fail("must be false", "false: let the proxy refuse what is not TLS");
         },
     .doc = "Only `false`: let the proxy refuse what is not TLS."},
    {.name = "queue_qos0_messages",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.session.queue_qos_0 = g.flag; },
     .doc = "`session.queue_qos_0`, default `false`."},
    {.name = "require_certificate",
     .scope = kListener,
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.listener().settings.tls.require_certificate = g.flag; },
     .doc = "`require_certificate` of the listener; needs `cafile` or `capath`."},
    {.name = "retain_available",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.retain.is_available = g.flag; },
     .doc = "`retain.available`, default `true`."},
    {.name = "retain_expiry_interval",
     .kind = Number{.min = 1},
     .fate = kRefused,
     .doc = "Retained messages expire only where their publisher said so."},
    {.name = "retained_persistence",
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.settings.log.mode = g.flag ? LogMode::disk : LogMode::memory; },
     .doc = "See `persistence`."},
    {.name = "retry_interval",
     .kind = Anything{},
     .fate = kNoted,
     .doc = "Messages are sent again after a reconnect only, as in mosquitto 2."},
    {.name = "set_tcp_nodelay",
     .kind = Flag{},
     .fate = kNoted,
     .doc = "Always on: what a turn has for a client is sent at once."},
    {.name = "socket_domain",
     .scope = kListener,
     .kind = Words{kFamilies},
     .take =
         [](Draft& d, const Given& g) {
             d.listener().settings.family = g.word == "ipv4" ? Family::ipv4 : Family::ipv6;
         },
     .doc = "`family` of the listener."},
    {.name = "store_clean_interval",
     .kind = Anything{},
     .fate = kNoted,
     .doc = "mosquitto 2 ignores it as well."},
    {.name = "sys_interval",
     .kind = Number{.min = 0, .max = 65'535},
     .take = [](Draft& d,
                const Given& g) { d.settings.sys.interval = std::chrono::seconds{g.number}; },
     .doc = "`sys.interval`, default 10. 0: no `$SYS`."},
    {.name = "tls_engine",
     .scope = kListener,
     .fate = kRefused,
     .doc = "Keys are files; OpenSSL's engines are not used."},
    {.name = "tls_engine_kpass_sha1",
     .scope = kListener,
     .fate = kRefused,
     .doc = "See `tls_engine`."},
    {.name = "tls_keyform",
     .scope = kListener,
     .kind = Words{kKeyForms},
     .take =
         [](Draft& d, const Given& g) {
             if (g.word == "engine") d.fail("is not supported", "pem");
         },
     .doc = "Only `pem`."},
    {.name = "tls_version",
     .scope = kListener,
     .kind = Words{kTlsVersions},
     .take =
         [](Draft& d, const Given& g) {
             if (g.word == "tlsv1.1") return d.fail("is too old", "tlsv1.2 or tlsv1.3");
             d.listener().settings.tls.min_version =
                 g.word == "tlsv1.3" ? TlsVersion::tls_1_3 : TlsVersion::tls_1_2;
         },
     .doc = "`tls_version_min` of the listener: `tlsv1.2` (default) or `tlsv1.3`."},
    {.name = "trace_level",
     .kind = Anything{},
     .fate = kNoted,
     .doc = "An option of another broker, which mosquitto ignores as well. So are `ffdc_output`, "
            "`max_log_entries` and `trace_output`."},
    {.name = "ffdc_output", .kind = Anything{}, .fate = kNoted, .doc = "See `trace_level`."},
    {.name = "max_log_entries", .kind = Anything{}, .fate = kNoted, .doc = "See `trace_level`."},
    {.name = "trace_output", .kind = Anything{}, .fate = kNoted, .doc = "See `trace_level`."},
    {.name = "upgrade_outgoing_qos",
     .kind = Flag{},
     .take = [](Draft& d, const Given& g) { d.settings.session.upgrade_qos = g.flag; },
     .doc = "`session.upgrade_qos`, default `false`."},
    {.name = "use_identity_as_username",
     .scope = kListener,
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.listener().settings.tls.use_identity_as_username = g.flag; },
     .doc = "`use_identity_as_username` of the listener; needs `cafile` or `capath`."},
    {.name = "use_subject_as_username",
     .scope = kListener,
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.listener().settings.tls.use_subject_as_username = g.flag; },
     .doc = "`use_subject_as_username` of the listener; needs `cafile` or `capath`."},
    {.name = "use_username_as_clientid",
     .scope = kListener,
     .kind = Flag{},
     .take = [](Draft& d,
                const Given& g) { d.listener().settings.use_username_as_client_id = g.flag; },
     .doc = "`use_username_as_client_id` of the listener."},
    {.name = "user",
     .take = [](Draft& d, const Given& g) { d.settings.process.user = g.text; },
     .doc = "`process.user`, default `mosquitto` (or `nobody` where there is no such user): whom a "
            "start as root becomes, after it has read keys, passwords and ACLs, as mosquitto 1 "
            "did: they may be root's alone. A reload keeps what was read of those, with a warning "
            "that names the file. `root` stays root."},
    {.name = "websockets_headers_size",
     .kind = Number{.min = 0, .max = 65'535},
     .fate = kNoted,
     .doc = "A request's head may be 16 KiB."},
    {.name = "websockets_log_level",
     .kind = Number{},
     .fate = kNoted,
     .doc = "One log level holds for all."},
    {.name = "websockets_origin",
     .scope = kListener,
     .take = [](Draft& d, const Given& g) { d.listener().settings.origins.emplace_back(g.text); },
     .doc = "`origins` of the listener; each line adds one."},
};

}  // namespace

std::span<const MosquittoOption> mosquitto_broker_options() {
    return kOptions;
}

}  // namespace firehose::config
