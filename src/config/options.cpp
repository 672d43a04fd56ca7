// SPDX-License-Identifier: Apache-2.0
#include "config/options.h"

#include <algorithm>

#include "base/assert.h"
#include "config/checks.h"
#include "config/option_rows.h"
#include "config/values.h"

namespace firehose::config {
namespace {

using namespace std::chrono_literals;

using Days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;

constexpr std::string_view kAnyMqtt[] = {"0.0.0.0:1883", "[::]:1883"};
constexpr std::string_view kAnyHttp[] = {"0.0.0.0:8080", "[::]:8080"};
constexpr std::string_view kDeny[] = {"project:All-Users", "private", "draft"};
constexpr std::string_view kExempt[] = {"127.0.0.0/8", "::1"};
constexpr std::string_view kLogModes[] = {"disk", "memory"};
constexpr std::string_view kAnonymousSessions[] = {"own", "standard"};
constexpr std::string_view kSessionKeys[] = {"identity", "client-id"};
constexpr std::string_view kUnknownDollar[] = {"refuse", "grant"};
constexpr std::string_view kWithoutAclFile[] = {"read", "readwrite"};
constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error", "off"};
constexpr std::string_view kLogTo[] = {"stderr"};
constexpr std::string_view kFacilities[] = {"daemon", "user",   "local0", "local1", "local2",
                                            "local3", "local4", "local5", "local6", "local7"};
constexpr std::string_view kHostKeyChecks[] = {"strict", "accept-new"};

constexpr Option kOptions[] = {
    {.key = "data",
     .type = Path{},
     .value = "./var",
     .min = 1,
     .max = kPathMax,
     .field = &at<&Settings::data>,
     .doc =
         "Folder for everything that the bus writes. Made if it is missing; one process a folder."},
    {.key = "shards",
     .type = Count{},
     .value = 0,
     .min = 0,
     .max = 64,
     .field = &at<&Settings::shards>,
     .doc = "Threads that serve clients. 0: one on up to two cores, else half the cores. This "
            "release runs one, whatever is asked for."},
    {.key = "demo",
     .type = Bool{},
     .value = false,
     .field = &at<&Settings::demo>,
     .doc = "Replays bundled Gerrit events at a natural pace and says \"demo\" on every surface."},

    {.key = "listen.mqtt",
     .type = ListOfEndpoints{},
     .value = kAnyMqtt,
     .min = 0,
     .max = 16,
     .reload = Reload::live,
     .field = &at<&Settings::listen, &ListenSettings::mqtt>,
     .doc = "Addresses for MQTT over TCP. Port 0 takes any free port; `[]` opens none.",
     .example = "[\"127.0.0.1:1883\"]"},
    {.key = "listen.http",
     .type = ListOfEndpoints{},
     .value = kAnyHttp,
     .min = 0,
     .max = 16,
     .reload = Reload::live,
     .field = &at<&Settings::listen, &ListenSettings::http>,
     .doc = "Addresses for HTTP: the page, `/events`, and MQTT over WebSocket on any path.",
     .example = "[\"127.0.0.1:8080\"]"},
    {.key = "listen.durability",
     .type = Choice{.words = kDurabilities},
     .value = "disk",
     .reload = Reload::live,
     .field = &at<&Settings::listen, &ListenSettings::durability>,
     .doc =
         "When publishes at QoS 1 and 2 are acknowledged. `disk`: when they would survive a "
         "power cut, as far as `log.mode` promises. `memory`: when they have their place in "
         "the log, without waiting for the disk. Of these addresses; each `[[listener]]` has its "
         "own."},

    {.key = "admin.listen",
     .type = ListOfEndpoints{},
     .value = Value::List{},
     .min = 0,
     .max = 4,
     .field = &at<&Settings::admin, &AdminSettings::listen>,
     .doc = "Addresses of this host, as 127.0.0.1, where /metrics, /connections, /sessions and "
            "/debug may be read by any user of it, for Prometheus. Commands go through the socket "
            "in the data folder only.",
     .example = "[\"127.0.0.1:9642\"]"},

    {.key = "auth.password_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::password_file>,
     .doc = "Users and password hashes, as `firehose passwd` and mosquitto_passwd write them. "
            "Without it every client is anonymous.",
     .example = "\"/etc/firehose/passwd\""},
    {.key = "auth.acl_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::acl_file>,
     .doc = "Who may read and publish what, in the format of mosquitto's ACL file. Without it "
            "everybody reads everything and nobody publishes; with it, it alone decides.",
     .example = "\"/etc/firehose/acl\""},
    {.key = "auth.anonymous_wildcard_all",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::anonymous_wildcard_all>,
     .doc = "Whether anonymous clients may subscribe to everything at once: `#`, `+/#` and the "
            "like. What they may read, topic by topic, the ACL says."},
    {.key = "auth.basic_without_tls",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::basic_without_tls>,
     .doc = "Whether HTTP passwords (Basic, for `/events`) are taken from other hosts without "
            "TLS. From this host, and over TLS, they always are."},

    {.key = "auth.check_retain_source",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::check_retain_source>,
     .doc = "A retained message is withheld from new subscribers when its publisher may no longer "
            "publish there."},
    {.key = "auth.without_acl_file",
     .type = Choice{.words = kWithoutAclFile},
     .value = "read",
     .reload = Reload::live,
     .field = &at<&Settings::auth, &AuthSettings::without_acl_file>,
     .doc = "What everybody may do where there is no ACL file. `read`: read everything, publish "
            "nothing. `readwrite`: both, as in mosquitto."},

    {.key = "client_id.allow_empty",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Settings::client_id, &ClientIdSettings::allow_empty>,
     .doc = "Whether a client may leave its id to the bus."},
    {.key = "client_id.auto_prefix",
     .type = Text{},
     .value = "auto-",
     .max = 50,
     .reload = Reload::live,
     .field = &at<&Settings::client_id, &ClientIdSettings::auto_prefix>,
     .check = &client_id_problem,
     .doc = "How the ids begin that the bus makes."},
    {.key = "client_id.prefix",
     .type = Text{},
     .value = "",
     .max = 1'024,
     .reload = Reload::live,
     .field = &at<&Settings::client_id, &ClientIdSettings::prefix>,
     .check = &client_id_problem,
     .doc = "Clients whose id does not begin like this are refused. Empty: none is.",
     .example = "\"secure-\""},

    {.key = "log.mode",
     .type = Choice{.words = kLogModes},
     .value = "disk",
     .field = &at<&Settings::log, &LogSettings::mode>,
     .doc =
         "Where records are kept. `disk`: in the data folder, and nothing is acknowledged before "
         "it is there. `memory`: in a window of memory; beyond it, what a reader that is behind "
         "still needs is in unlinked files. Both are bounded; a restart begins an empty log."},
    {.key = "log.memory_bytes",
     .type = Bytes{},
     .value = 64_MiB,
     .min = 1_MiB,
     .max = 64_GiB,
     .field = &at<&Settings::log, &LogSettings::memory_bytes>,
     .doc = "Newest records that are kept in memory. Readers further behind read files."},
    {.key = "log.bytes",
     .type = Bytes{},
     .value = 0,
     .min = 0,
     .max = 16'384_GiB,
     .field = &at<&Settings::log, &LogSettings::bytes>,
     .doc =
         "Most that the log may take on disk, at least 16 MiB. The oldest segments make room for "
         "new ones. 0: 10 GB (with `log.mode = \"memory\"` 1 GB), but at most 30 % of the file "
         "system."},
    {.key = "log.min_free",
     .type = Bytes{},
     .value = 64_MiB,
     .min = 0,
     .max = 16'384_GiB,
     .field = &at<&Settings::log, &LogSettings::min_free>,
     .doc =
         "What stays free on the file system. Below it the oldest history goes; if that does not "
         "help, only QoS 0 is taken until there is room again."},
    {.key = "log.segment_bytes",
     .type = Bytes{},
     .value = 64_MiB,
     .min = 1_MiB,
     .max = 4_GiB,
     .field = &at<&Settings::log, &LogSettings::segment_bytes>,
     .doc = "Size of one segment file: the step in which old records go. At most half of "
            "`log.bytes`."},
    {.key = "log.segment_age",
     .type = Duration{},
     .value = Days{1},
     .min = 1min,
     .max = Days{365},
     .field = &at<&Settings::log, &LogSettings::segment_age>,
     .doc = "A segment older than this is closed before it is full, so that it can be compressed "
            "and can go."},
    {.key = "log.unwritten_bytes_max",
     .type = Bytes{},
     .value = 32_MiB,
     .min = 1_MiB,
     .max = 4_GiB,
     .field = &at<&Settings::log, &LogSettings::unwritten_bytes_max>,
     .doc = "Records that wait to be written. Past it publishers are not read from."},
    {.key = "log.cache_bytes",
     .type = Bytes{},
     .value = 32_MiB,
     .min = 1_MiB,
     .max = 64_GiB,
     .field = &at<&Settings::log, &LogSettings::cache_bytes>,
     .doc = "What was read and decompressed of old segments lately, shared by all readers."},

    {.key = "checkpoint.interval",
     .type = Duration{},
     .value = 10s,
     .min = 100ms,
     .max = 1h,
     .field = &at<&Settings::checkpoint, &CheckpointSettings::interval>,
     .doc = "How often sessions and retained messages are written beside the log. After a crash "
            "what came since is read from the log again."},

    {.key = "history.age",
     .type = Duration{},
     .value = Days{30},
     .min = 0s,
     .max = Days{36'500},
     .field = &at<&Settings::history, &HistorySettings::age>,
     .doc = "How long records can be read back, unless `log.bytes` ends it before. 0: as long as "
            "there is room."},

    {.key = "limits.packet_bytes_max",
     .type = Bytes{},
     .value = 2'000'000,
     .min = 1_KiB,
     .max = 16_MiB,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::packet_bytes_max>,
     .doc = "Largest MQTT packet that a client may send; a source's record obeys it too."},
    {.key = "limits.input_bytes_max",
     .type = Bytes{},
     .value = 64_MiB,
     .min = 16_MiB,
     .max = 64_GiB,
     .field = &at<&Settings::limits, &LimitSettings::input_bytes_max>,
     .doc = "What all MQTT clients together have sent of packets that are not complete, or not yet "
            "executed. Past it the client that has left a packet unfinished longest, or does not "
            "read its answers, is disconnected."},
    {.key = "limits.connect_bytes_max",
     .type = Bytes{},
     .value = 8_KiB,
     .min = 256,
     .max = 1_MiB,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::connect_bytes_max>,
     .doc = "Largest first packet, CONNECT with its will; and what a client may send ahead while "
            "its password is checked. So much memory a stranger can take."},
    {.key = "limits.connections_max",
     .type = Count{},
     .value = 10'000,
     .min = 1,
     .max = 1'000'000,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::connections_max>,
     .doc = "Connections of all kinds at one time. Further ones are closed at once."},
    {.key = "limits.subscriptions_max",
     .type = Count{},
     .value = 1'000,
     .min = 1,
     .max = 100'000,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::subscriptions_max>,
     .doc = "Subscriptions of one session."},
    {.key = "limits.subscription_bytes_max",
     .type = Bytes{},
     .value = 256_KiB,
     .min = 1_KiB,
     .max = 64_MiB,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::subscription_bytes_max>,
     .doc = "Filters of one session's subscriptions together. Past it further ones are refused "
            "with 0x97."},
    {.key = "limits.filters_per_subscribe_max",
     .type = Count{},
     .value = 1'000,
     .min = 1,
     .max = 100'000,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::filters_per_subscribe_max>,
     .doc = "Filters of one SUBSCRIBE. One with more is refused whole, with 0x97."},
    {.key = "limits.topic_bytes_max",
     .type = Count{},
     .value = 65'535,
     .min = 16,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::topic_bytes_max>,
     .doc = "Length of a topic or filter."},
    {.key = "limits.topic_levels_max",
     .type = Count{},
     .value = 200,
     .min = 8,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::topic_levels_max>,
     .doc = "Levels of a topic or filter."},
    {.key = "limits.v31_client_id_max",
     .type = Count{},
     .value = 23,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::v31_client_id_max>,
     .doc = "Characters in the client id of an MQTT 3.1 client, 23 in its standard. 0: any "
            "number."},
    {.key = "limits.client_id_bytes_max",
     .type = Count{},
     .value = 1'024,
     .min = 23,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::client_id_bytes_max>,
     .doc = "Length of a client id. A longer one is refused with 0x85."},
    {.key = "limits.user_name_bytes_max",
     .type = Count{},
     .value = 1'024,
     .min = 12,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::user_name_bytes_max>,
     .doc = "Length of a user name. A longer one is refused as a wrong password is."},
    {.key = "limits.user_properties_max",
     .type = Count{},
     .value = 100,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::user_properties_max>,
     .doc = "User properties of one CONNECT or PUBLISH; with more it is refused with 0x97."},
    {.key = "limits.connect_timeout",
     .type = Duration{},
     .value = 10s,
     .min = 100ms,
     .max = 10min,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::connect_timeout>,
     .doc = "A client that has not sent its CONNECT by then is closed."},
    {.key = "limits.http_head_timeout",
     .type = Duration{},
     .value = 10s,
     .min = 100ms,
     .max = 10min,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::http_head_timeout>,
     .doc = "An HTTP client that has not sent its request's head by then is closed."},
    {.key = "limits.http_head_bytes_max",
     .type = Bytes{},
     .value = 16_KiB,
     .min = 1_KiB,
     .max = 1_MiB,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::http_head_bytes_max>,
     .doc =
         "Longest head of an HTTP request, WebSocket upgrades included; a longer one is answered "
         "431."},
    {.key = "limits.address.connections_max",
     .type = Count{},
     .value = 200,
     .min = 0,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::connections_max>,
     .doc = "Connections from one IPv4 address or IPv6 /64 at one time. A few more are let in to "
            "be told (CONNACK 0x97, HTTP 429), then none. 0: no limit."},
    {.key = "limits.address.connects_per_s",
     .type = Count{},
     .value = 20,
     .min = 0,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::connects_per_s>,
     .doc = "CONNECTs a second from there; more are refused with 0x9F. 0: no limit."},
    {.key = "limits.address.connects_burst",
     .type = Count{},
     .value = 100,
     .min = 1,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::connects_burst>,
     .doc = "CONNECTs at once, before that rate is asked for."},
    {.key = "limits.address.subscribes_per_s",
     .type = Count{},
     .value = 50,
     .min = 0,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::subscribes_per_s>,
     .doc = "SUBSCRIBEs, UNSUBSCRIBEs and event streams a second from there; more are refused with "
            "0x97, or 429, and an UNSUBSCRIBE, which cannot be refused so, waits. 0: no limit."},
    {.key = "limits.address.subscribes_burst",
     .type = Count{},
     .value = 500,
     .min = 1,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::subscribes_burst>,
     .doc = "SUBSCRIBEs at once, before that rate is asked for."},
    {.key = "limits.address.requests_per_s",
     .type = Count{},
     .value = 50,
     .min = 0,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::requests_per_s>,
     .doc = "HTTP requests a second from there; more get 429. 0: no limit."},
    {.key = "limits.address.requests_burst",
     .type = Count{},
     .value = 500,
     .min = 1,
     .max = 1'000'000,
     .reload = Reload::live,
     .field =
         &at<&Settings::limits, &LimitSettings::address, &AddressLimitSettings::requests_burst>,
     .doc = "HTTP requests at once, before that rate is asked for."},
    {.key = "limits.exempt",
     .type = ListOfText{},
     .value = kExempt,
     .min = 0,
     .max = 64,
     .reload = Reload::live,
     .field = &at<&Settings::limits, &LimitSettings::exempt>,
     .check = &network_problem,
     .doc = "Networks that no `limits.address` and no publish quota holds for."},

    {.key = "publish.inflight_max",
     .type = Count{},
     .value = 64,
     .min = 1,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::inflight_max>,
     .doc = "QoS 1 and 2 messages of an MQTT 3.1.1 publisher that are not acknowledged yet. At the "
            "bound its socket is not read."},
    {.key = "publish.held_max",
     .type = Count{},
     .value = 1'000,
     .min = 20,
     .max = 65'535,
     .field = &at<&Settings::publish, &PublishSettings::held_max>,
     .doc =
         "QoS 2 messages of one session between PUBLISH and PUBREL. A publisher that begins more "
         "and releases none is disconnected."},
    {.key = "publish.stall_max",
     .type = Duration{},
     .value = 10s,
     .min = 100ms,
     .max = 10min,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::stall_max>,
     .doc = "Longest time that a publisher is held like that before it is closed."},
    {.key = "publish.qos_max",
     .type = Count{},
     .value = 2,
     .min = 0,
     .max = 2,
     .field = &at<&Settings::publish, &PublishSettings::qos_max>,
     .doc = "Highest QoS of a client's publishes, and of what it is granted. MQTT 5 clients are "
            "told so, and a client that publishes above it is disconnected."},
    {.key = "publish.messages_per_s",
     .type = Count{},
     .value = 1'000,
     .min = 0,
     .max = 10'000'000,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::messages_per_s>,
     .doc = "Messages a second of one user, or of all anonymous clients of one address. Who sends "
            "more is read more slowly, nothing is dropped. 0: no limit."},
    {.key = "publish.messages_burst",
     .type = Count{},
     .value = 10'000,
     .min = 1,
     .max = 10'000'000,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::messages_burst>,
     .doc = "Messages at once, before that rate is asked for."},
    {.key = "publish.bytes_per_s",
     .type = Bytes{},
     .value = 4_MiB,
     .min = 0,
     .max = 64_GiB,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::bytes_per_s>,
     .doc = "The same of bytes. 0: no limit."},
    {.key = "publish.bytes_burst",
     .type = Bytes{},
     .value = 32_MiB,
     .min = 1_KiB,
     .max = 64_GiB,
     .reload = Reload::live,
     .field = &at<&Settings::publish, &PublishSettings::bytes_burst>,
     .doc = "Bytes at once, before that rate is asked for."},

    {.key = "publish.payload_bytes_max",
     .type = Bytes{},
     .value = 0,
     .min = 0,
     .max = 268'435'455,
     .field = &at<&Settings::publish, &PublishSettings::payload_bytes_max>,
     .doc = "Largest payload. A message with a larger one is refused, or from a publisher that "
            "cannot be told (MQTT 3.1.1, QoS 0) dropped. 0: no bound but "
            "`limits.packet_bytes_max`."},

    {.key = "retain.available",
     .type = Bool{},
     .value = true,
     .field = &at<&Settings::retain, &RetainSettings::is_available>,
     .doc = "Whether clients may publish retained messages. MQTT 5 clients are told; who does it "
            "all the same is disconnected."},

    {.key = "retained.count_max",
     .type = Count{},
     .value = 100'000,
     .min = 1,
     .max = 100'000'000,
     .reload = Reload::live,
     .field = &at<&Settings::retained, &RetainedSettings::count_max>,
     .doc = "Topics with a retained message. A message for one more is refused with 0x97; QoS 0 "
            "and MQTT 3.1.1 cannot be told."},
    {.key = "retained.bytes_max",
     .type = Bytes{},
     .value = 128_MiB,
     .min = 64_KiB,
     .max = 64_GiB,
     .reload = Reload::live,
     .field = &at<&Settings::retained, &RetainedSettings::bytes_max>,
     .doc = "Memory for retained messages, likewise; each costs some 200 bytes besides."},

    {.key = "subscribe.unknown_dollar",
     .type = Choice{.words = kUnknownDollar},
     .value = "refuse",
     .field = &at<&Settings::subscribe, &SubscribeSettings::unknown_dollar>,
     .doc = "A subscription to a `$` topic that is none of the bus's. `grant`: as mosquitto does, "
            "although nothing comes."},

    {.key = "connection.replies_max",
     .type = Bytes{},
     .value = 64_KiB,
     .min = 4_KiB,
     .max = 16_MiB,
     .reload = Reload::live,
     .field = &at<&Settings::connection, &ConnectionSettings::replies_max>,
     .doc = "Unsent replies to one client at which its socket is not read."},
    {.key = "websocket.ping_interval",
     .type = Duration{},
     .value = 30s,
     .min = 0s,
     .max = 1h,
     .field = &at<&Settings::websocket, &WebSocketSettings::ping_interval>,
     .doc = "How often a WebSocket client is sent a ping: proxies then keep a quiet connection, "
            "and a page in a background tab stays connected. 0: never."},

    {.key = "session.anonymous",
     .type = Choice{.words = kAnonymousSessions},
     .value = "own",
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::anonymous>,
     .doc = "Sessions of anonymous clients. `own`: each connection has its own, nobody can take it "
            "over, it ends with the connection. `standard`: as MQTT has it, by client id."},
    {.key = "session.key",
     .type = Choice{.words = kSessionKeys},
     .value = "identity",
     .field = &at<&Settings::session, &SessionSettings::key>,
     .doc = "Whose a session is. `identity`: the user's together with its client id, so that no "
            "user can take over another's. `client-id`: that of whoever comes with the id, as in "
            "mosquitto."},
    {.key = "session.queued_max",
     .type = Count{},
     .value = 0,
     .min = 0,
     .max = 2'147'483'647,
     .field = &at<&Settings::session, &SessionSettings::queued_max>,
     .doc = "Most QoS 1 and 2 messages that a client which comes back is given of what it missed: "
            "the oldest; the others are dropped and counted. 0: no bound."},
    {.key = "session.queued_bytes_max",
     .type = Bytes{},
     .value = 0,
     .min = 0,
     .max = 16'384_GiB,
     .field = &at<&Settings::session, &SessionSettings::queued_bytes_max>,
     .doc = "Likewise, bytes of their payloads. 0: no bound."},
    {.key = "session.queue_qos_0",
     .type = Bool{},
     .value = false,
     .field = &at<&Settings::session, &SessionSettings::queue_qos_0>,
     .doc = "Whether a client that comes back is given the QoS 0 messages as well that it missed."},
    {.key = "session.upgrade_qos",
     .type = Bool{},
     .value = false,
     .field = &at<&Settings::session, &SessionSettings::upgrade_qos>,
     .doc = "Whether a message goes out at the QoS of its subscription even if it came in at a "
            "lower one. Against the standard [MQTT-3.8.4-8], and off."},
    {.key = "session.owed_refs",
     .type = Count{},
     .value = 256,
     .min = 16,
     .max = 65'536,
     .field = &at<&Settings::session, &SessionSettings::owed_refs>,
     .doc = "Most matched positions that a session with a full window remembers. Past it the "
            "session reads the log again from the first position it could not keep. Costs 16 bytes "
            "each, only when used."},
    {.key = "session.inflight_max",
     .type = Count{},
     .value = 20,
     .min = 1,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::inflight_max>,
     .doc = "QoS 1 and 2 messages to one client that it has not acknowledged. An MQTT 5 client may "
            "ask for fewer by its Receive Maximum."},
    {.key = "session.receive_maximum",
     .type = Count{},
     .value = 64,
     .min = 1,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::receive_maximum>,
     .doc = "The Receive Maximum that MQTT 5 clients are told: QoS 1 and 2 messages of theirs that "
            "are not acknowledged yet."},
    {.key = "session.topic_alias_max",
     .type = Count{},
     .value = 10,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::topic_alias_max>,
     .doc = "Topic aliases that an MQTT 5 client may use towards the bus."},
    {.key = "session.own_topic_alias_max",
     .type = Count{},
     .value = 10,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::own_topic_alias_max>,
     .doc = "Topic aliases that the bus uses towards an MQTT 5 client, if it takes so many. They "
            "hold for what is sent to it alone, not for bytes that readers share."},
    {.key = "session.expiry_max",
     .type = Duration{},
     .value = Days{7},
     .min = 0s,
     .max = Days{36'500},
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::expiry_max>,
     .doc = "Longest time that a session outlives its connection, whatever its client asks for."},
    {.key = "session.hold_bytes",
     .type = Bytes{},
     .value = 0,
     .min = 0,
     .max = 16'384_GiB,
     .field = &at<&Settings::session, &SessionSettings::hold_bytes>,
     .doc = "Most of the log that is kept only because sessions without a connection have not read "
            "it. Past it they lose the oldest. 0: a quarter of what the log may take."},
    {.key = "session.count_max",
     .type = Count{},
     .value = 10'000,
     .min = 1,
     .max = 1'000'000,
     .reload = Reload::live,
     .field = &at<&Settings::session, &SessionSettings::count_max>,
     .doc = "Sessions that are kept without a connection. Past it new ones end with their "
            "connection."},
    {.key = "session.restart_grace",
     .type = Duration{},
     .value = 60s,
     .min = 0s,
     .max = Days{1},
     .field = &at<&Settings::session, &SessionSettings::restart_grace>,
     .doc = "After a start no session expires before, however long the bus was down or its clock "
            "says it was."},

    {.key = "share.anonymous",
     .type = Bool{},
     .value = false,
     .field = &at<&Settings::share, &ShareSettings::anonymous>,
     .doc = "Clients without a user name may join shared subscriptions (`$share/...`). Whoever "
            "joins a group takes messages away from its other members."},
    {.key = "share.owed_max",
     .type = Count{},
     .value = 65'536,
     .min = 1,
     .max = 1'000'000,
     .field = &at<&Settings::share, &ShareSettings::owed_max>,
     .doc = "Messages that wait for one member of shared subscriptions. Past it the next member "
            "gets them; if all are full, they are lost and counted."},

    {.key = "will.restart_grace",
     .type = Duration{},
     .value = 30s,
     .min = 0s,
     .max = Days{1},
     .field = &at<&Settings::will, &WillSettings::restart_grace>,
     .doc = "After a start the wills of clients that were connected are published, those that do "
            "not come back within this time."},

    {.key = "keep_alive.max",
     .type = Duration{},
     .value = 65'535s,
     .min = 1s,
     .max = 65'535s,
     .reload = Reload::live,
     .field = &at<&Settings::keep_alive, &KeepAliveSettings::max>,
     .doc = "Longest keep-alive. An MQTT 5 client that asks for more, or for none, is told this "
            "one; an older client, which cannot be told, is refused. 65535 s allows any."},

    {.key = "feed.window_bytes",
     .type = Bytes{},
     .value = 8_MiB,
     .min = 256_KiB,
     .max = 4_GiB,
     .field = &at<&Settings::feed, &FeedSettings::window_bytes>,
     .doc = "Encoded messages that each shard keeps to share among subscribers. A subscriber that "
            "falls out of it is served from the log."},
    {.key = "feed.lag_max",
     .type = Duration{},
     .value = 1s,
     .min = 10ms,
     .max = 1min,
     .field = &at<&Settings::feed, &FeedSettings::lag_max>,
     .doc =
         "A subscriber further behind than this leaves a feed that carries expiring messages, so "
         "that their remaining time stays right. Looked at once a second."},

    {.key = "net.send_buffer",
     .type = Bytes{},
     .value = 96_KiB,
     .min = 4_KiB,
     .max = 16_MiB,
     .field = &at<&Settings::net, &NetSettings::send_buffer>,
     .doc = "Send buffer asked of the kernel for each connection; Linux grants twice that."},
    {.key = "net.receive_buffer",
     .type = Bytes{},
     .value = 64_KiB,
     .min = 4_KiB,
     .max = 16_MiB,
     .field = &at<&Settings::net, &NetSettings::receive_buffer>,
     .doc = "Receive buffer asked of the kernel for each connection; Linux grants twice that."},
    {.key = "net.trusted_proxies",
     .type = ListOfText{},
     .value = Value::List{},
     .min = 0,
     .max = 64,
     .reload = Reload::live,
     .field = &at<&Settings::net, &NetSettings::trusted_proxies>,
     .check = &network_problem,
     .doc = "Networks whose PROXY headers (`proxy_protocol` of a listener) and X-Forwarded-For "
            "headers are believed: who they name is the client. Nobody else is.",
     .example = "[\"127.0.0.1\", \"10.0.0.0/8\", \"2001:db8::/32\"]"},
    {.key = "net.proxy_header_timeout",
     .type = Duration{},
     .value = 5s,
     .min = 1s,
     .max = 1min,
     .reload = Reload::live,
     .field = &at<&Settings::net, &NetSettings::proxy_header_timeout>,
     .doc = "How long a proxy may take to send its header."},

    {.key = "tls.handshake_timeout",
     .type = Duration{},
     .value = 10s,
     .min = 1s,
     .max = 5min,
     .reload = Reload::live,
     .field = &at<&Settings::tls, &HandshakeSettings::handshake_timeout>,
     .doc = "How long a TLS handshake may take."},
    {.key = "tls.handshakes_per_turn",
     .type = Count{},
     .value = 8,
     .min = 1,
     .max = 1'000,
     .field = &at<&Settings::tls, &HandshakeSettings::handshakes_per_turn>,
     .doc =
         "Steps of handshakes that are done between two looks at everybody else: each may cost a "
         "signature, about a millisecond."},

    {.key = "sys.interval",
     .type = Duration{},
     .value = 10s,
     .min = 0s,
     .max = 65'535s,
     .reload = Reload::live,
     .field = &at<&Settings::sys, &SysSettings::interval>,
     .doc = "How often the topics below `$SYS/broker` are brought up to date. 0: there are none."},

    {.key = "shutdown.drain",
     .type = Duration{},
     .value = 5s,
     .min = 0s,
     .max = 5min,
     .reload = Reload::live,
     .field = &at<&Settings::shutdown, &ShutdownSettings::drain>,
     .doc = "Time that a stop gives to what is on its way before it closes everything."},

    {.key = "logging.level",
     .type = Choice{.words = kLevels},
     .value = "info",
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::level>,
     .doc = "What the program itself logs, at least this severe; `logging.types` is finer."},
    {.key = "logging.types",
     .type = ListOfText{},
     .value = Value::List{},
     .min = 0,
     .max = 16,
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::types>,
     .check = &log_type_problem,
     .doc = "Types of lines to write, by mosquitto's names: `debug`, `information`, `notice` (the "
            "same lines), `warning`, `error`, `subscribe`, `unsubscribe`, `websockets` (none so "
            "far), `all`, `none`. `[]`: by `logging.level`.",
     .example = "[\"error\", \"warning\", \"notice\", \"subscribe\"]"},
    {.key = "logging.to",
     .type = ListOfText{},
     .value = kLogTo,
     .min = 1,
     .max = 8,
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::to>,
     .check = &log_destination_problem,
     .doc = "Where to: `stderr` and `stdout` (under systemd with a priority for the journal), "
            "`journal`, `syslog`, `file:PATH` (mode 0640, opened again by a reload), `topic` "
            "(`$SYS/broker/log/#`), `none`; several at once. What cannot be written is lost.",
     .example = "[\"stderr\", \"file:/var/log/firehose/firehose.log\"]"},
    {.key = "logging.connection_messages",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::connection_messages>,
     .doc = "Whether clients that come and go are logged where the level is `info`. At `debug` "
            "they always are, above `info` never."},
    {.key = "logging.timestamp",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::timestamp>,
     .doc = "Whether lines begin with the time. Journal and syslog have their own."},
    {.key = "logging.timestamp_format",
     .type = Text{},
     .value = "",
     .max = 100,
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::timestamp_format>,
     .doc = "How the time is written, for strftime(3), in local time. Empty: RFC 3339 in UTC.",
     .example = "\"%Y-%m-%dT%H:%M:%S\""},
    {.key = "logging.syslog_facility",
     .type = Choice{.words = kFacilities},
     .value = "daemon",
     .reload = Reload::live,
     .field = &at<&Settings::logging, &LoggingSettings::syslog_facility>,
     .doc = "The facility of lines to syslog."},

    {.key = "process.user",
     .type = Text{},
     .value = "",
     .max = 255,
     .field = &at<&Settings::process, &ProcessSettings::user>,
     .check = &user_problem,
     .doc =
         "Started as root, the program becomes this user once it has read its configuration and "
         "what that names (keys and certificates, password and ACL files, which may be root's "
         "alone); it keeps the right to open ports below 1024. Its log files are given to this "
         "user. A reload keeps what was read of a file that this user may not read, and says "
         "so. A `ca_path` and a Gerrit source's `key` are read later, by this user. Empty, or not "
         "started as root: it stays who it is.",
     .example = "\"firehose\""},
    {.key = "process.pid_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .field = &at<&Settings::process, &ProcessSettings::pid_file>,
     .doc = "File for the process id, written before `process.user` takes effect, removed at the "
            "end where that is allowed.",
     .example = "\"/run/firehose/firehose.pid\""},

    {.key = "source.deny",
     .type = ListOfText{},
     .value = kDeny,
     .min = 0,
     .max = 256,
     .field = &at<&Settings::source, &SourceSettings::deny>,
     .check = &deny_rule_problem,
     .doc = "Gerrit events that are withheld, and counted. `project:NAME`: that name this project; "
            "`type:NAME`: of this type; `private`: about a private change; `draft`: about a draft. "
            "`[]` lets everything pass.",
     .example = "[\"project:All-Users\", \"project:secret/plans\", \"private\", \"draft\"]"},
    {.key = "source.buffer_bytes",
     .type = Bytes{},
     .value = 64_MiB,
     .min = 1_MiB,
     .max = 4_GiB,
     .field = &at<&Settings::source, &SourceSettings::buffer_bytes>,
     .doc = "Events of a source inside `serve` that wait for the log. A source never stops reading "
            "because the log is slow; past this it drops and counts."},
};

constexpr Option kGerritOptions[] = {
    {.key = "name",
     .type = Text{},
     .value = "gerrit",
     .min = 1,
     .max = 64,
     .field = &at<&GerritSource::name>,
     .check = &name_problem,
     .doc = "Name of this source in logs and in its status topic. Each source has its own."},
    {.key = "host",
     .type = Text{},
     .value = kRequired,
     .min = 1,
     .max = 255,
     .field = &at<&GerritSource::host>,
     .check = &host_problem,
     .doc = "Gerrit's host name or address.",
     .example = "\"review.example.org\""},
    {.key = "port",
     .type = Count{},
     .value = 29'418,
     .min = 1,
     .max = 65'535,
     .field = &at<&GerritSource::port>,
     .doc = "Gerrit's SSH port."},
    {.key = "username",
     .type = Text{},
     .value = kRequired,
     .min = 1,
     .max = 255,
     .field = &at<&GerritSource::username>,
     .check = &user_problem,
     .doc = "Account to log in as. It needs Gerrit's Stream Events capability.",
     .example = "\"firehose\""},
    {.key = "key",
     .type = Path{},
     .value = kRequired,
     .min = 1,
     .max = kPathMax,
     .field = &at<&GerritSource::key>,
     .doc = "File with the account's private SSH key.",
     .example = "\"/etc/firehose/gerrit_key\""},
    {.key = "known_hosts",
     .type = Path{},
     .value = "~/.ssh/known_hosts",
     .min = 1,
     .max = kPathMax,
     .field = &at<&GerritSource::known_hosts>,
     .doc = "File with the host keys that are trusted, as OpenSSH writes it."},
    {.key = "host_key_check",
     .type = Choice{.words = kHostKeyChecks},
     .value = "strict",
     .field = &at<&GerritSource::host_key_check>,
     .doc = "`strict`: the host key must be in `known_hosts`. `accept-new`: the key of a host that "
            "is not in it yet is written there; a changed key is refused all the same."},
    {.key = "topic",
     .type = Text{},
     .value = "gerrit",
     .min = 1,
     .max = 1'024,
     .field = &at<&GerritSource::topic>,
     .check = &topic_problem,
     .doc = "First levels of the topics: `<topic>/<project>/<type>`."},
    {.key = "types",
     .type = ListOfText{},
     .value = Value::List{},
     .min = 0,
     .max = 64,
     .field = &at<&GerritSource::types>,
     .check = &event_type_problem,
     .doc = "Types of events to ask Gerrit for; `[]` asks for all.",
     .example = "[\"patchset-created\", \"comment-added\", \"change-merged\"]"},
};

constexpr Section kSections[] = {
    {.name = "", .doc = "The bus as a whole."},
    {.name = "listen", .doc = "Where clients reach it."},
    {.name = "admin", .doc = "The operator's way in, besides the socket in the data folder."},
    {.name = "auth", .doc = "Who may publish, and who may read what."},
    {.name = "client_id", .doc = "What clients may call themselves."},
    {.name = "log", .doc = "How much is kept."},
    {.name = "checkpoint", .doc = "What a start need not read again."},
    {.name = "history", .doc = "What can be read back."},
    {.name = "limits", .doc = "What a single client may ask for."},
    {.name = "publish", .doc = "What publishers may do, and how they are slowed down."},
    {.name = "retain", .doc = "Retained messages."},
    {.name = "retained", .doc = "The newest message of each topic, kept for who comes later."},
    {.name = "subscribe", .doc = "What may be subscribed to."},
    {.name = "connection", .doc = "Memory of one connection."},
    {.name = "websocket", .doc = "MQTT over WebSocket."},
    {.name = "session", .doc = "What is remembered of clients."},
    {.name = "share", .doc = "Shared subscriptions of MQTT clients."},
    {.name = "will", .doc = "Last wills of MQTT clients."},
    {.name = "keep_alive", .doc = "When a silent client is taken for dead."},
    {.name = "feed", .doc = "How subscribers share what is sent to them."},
    {.name = "net", .doc = "Sockets, and proxies before them."},
    {.name = "tls", .doc = "TLS handshakes of all listeners that have a certificate."},
    {.name = "sys", .doc = "The bus about itself."},
    {.name = "shutdown", .doc = "How it stops."},
    {.name = "logging", .doc = "What it logs."},
    {.name = "process", .doc = "As whom it runs."},
    {.name = "source", .doc = "Where events come from, besides publishers."},
};

/// Writes one default into its field; the pair of types is what the tables' test goes through.
struct Fill {
    const Option& row;

    void operator()(bool* field) const { *field = std::get<bool>(row.value.held); }
    void operator()(std::uint64_t* field) const {
        *field = std::get<std::uint64_t>(row.value.held);
    }
    void operator()(Microseconds* field) const { *field = std::get<Microseconds>(row.value.held); }
    void operator()(std::string* field) const {
        *field = std::get<std::string_view>(row.value.held);
    }
    void operator()(unsigned char* field) const {
        const auto index =
            index_of(std::get<Choice>(row.type), std::get<std::string_view>(row.value.held));
        FH_ASSERT(index.has_value());
        *field = *index;
    }
    void operator()(std::vector<std::string>* field) const {
        const auto list = std::get<Value::List>(row.value.held);
        field->assign(list.begin(), list.end());
    }
    void operator()(std::vector<Endpoint>* field) const {
        field->clear();
        for (const std::string_view text : std::get<Value::List>(row.value.held)) {
            const auto endpoint = parse_endpoint(text);
            FH_ASSERT(endpoint.has_value());
            field->push_back(*endpoint);
        }
    }
};

}  // namespace

std::span<const Option> options() {
    return kOptions;
}
std::span<const TableList> table_lists() {
    static const TableList kLists[] = {
        {.key = "listener",
         .doc =
             "One more way in, with what holds for those who take it. A file that has some opens "
             "`listen.mqtt` and `listen.http` only if it sets them.",
         .count_max = 64,
         .options = listener_options(),
         .append = [](void* owner) -> void* {
             return &static_cast<Settings*>(owner)->listeners.emplace_back();
         },
         .at = [](void* owner, std::size_t index) -> void* {
             auto& all = static_cast<Settings*>(owner)->listeners;
             return index < all.size() ? &all[index] : nullptr;
         },
         .inner = listener_lists(),
         .check = &listener_problem},
        {.key = "source.gerrit",
         .doc = "A Gerrit whose events `serve` publishes; once for each Gerrit.",
         .count_max = 16,
         .options = kGerritOptions,
         .append = [](void* owner) -> void* {
             return &static_cast<Settings*>(owner)->source.gerrit.emplace_back();
         },
         .at = [](void* owner, std::size_t index) -> void* {
             auto& all = static_cast<Settings*>(owner)->source.gerrit;
             return index < all.size() ? &all[index] : nullptr;
         }},
    };
    return kLists;
}
std::span<const Section> sections() {
    return kSections;
}

void set_defaults(std::span<const Option> rows, void* owner) {
    for (const Option& row : rows) {
        if (std::holds_alternative<Value::Required>(row.value.held)) continue;
        std::visit(Fill{row}, row.field(owner));
    }
}

std::string_view section_of(std::string_view key) {
    const auto dot = key.find('.');
    return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

std::optional<unsigned char> index_of(const Choice& choice, std::string_view word) {
    for (std::size_t index = 0; index < choice.words.size(); ++index) {
        if (choice.words[index] == word) return static_cast<unsigned char>(index);
    }
    return std::nullopt;
}

GerritSource::GerritSource() {
    set_defaults(kGerritOptions, this);
}

Settings::Settings() {
    set_defaults(kOptions, this);
}

LogTypes LoggingSettings::selection() const {
    LogTypes selected = LogTypes::at(types.empty() ? level : LogLevel::off);
    const auto add = [&selected](std::initializer_list<LogType> added) {
        for (const LogType type : added) selected.add(type);
    };
    for (const std::string& type : types) {
        if (type == "all") return LogTypes::at(LogLevel::debug);
        if (type == "debug") add({LogType::debug});
        if (type == "information" || type == "notice") add({LogType::info});
        if (type == "warning") add({LogType::warn});
        if (type == "error") add({LogType::error});
        if (type == "subscribe") add({LogType::subscribe});
        if (type == "unsubscribe") add({LogType::unsubscribe});
    }
    if (std::ranges::find(types, "none") != types.end()) return {};
    if (connection_messages && selected.contains(LogType::info)) add({LogType::connection});
    return selected;
}

std::uint64_t Settings::shard_count(unsigned cores) const noexcept {
    if (shards != 0) return shards;
    return cores <= 2 ? 1 : cores / 2;
}

}  // namespace firehose::config
