// SPDX-License-Identifier: Apache-2.0
// Goal:   a mosquitto.conf means here what it means to mosquitto, or is refused with its line.
// Method: small files as text, settings compared; each row of the table by itself; every number
//         at its ends and beyond.
#include "config/mosquitto_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "config/load.h"
#include "config/mosquitto_options.h"
#include "config/options.h"
#include "config/write_toml.h"

namespace firehose::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MosquittoConf conf(std::string_view text, const std::vector<std::uint16_t>& ports = {}) {
    auto read = parse_mosquitto_conf(text, "m.conf", {}, ports);
    EXPECT_TRUE(read) << text << to_string(read.error().front());
    return read ? *std::move(read) : MosquittoConf{};
}
Settings settings(std::string_view text) {
    return conf(text).settings;
}
ConfigErrors errors(std::string_view text) {
    auto read = parse_mosquitto_conf(text, "m.conf");
    EXPECT_FALSE(read) << text;
    return read ? ConfigErrors{} : read.error();
}
std::string error(std::string_view text) {
    const ConfigErrors found = errors(text);
    EXPECT_THAT(found, SizeIs(1)) << text;
    return found.empty() ? "" : to_string(found.front());
}

/// "127.0.0.1:1883 mqtt anonymous", one for each.
std::vector<std::string> listeners(std::string_view text,
                                   const std::vector<std::uint16_t>& ports = {}) {
    std::vector<std::string> all;
    for (const Listener& each : conf(text, ports).settings.all_listeners()) {
        constexpr std::string_view kSpeaks[] = {"mqtt", "http", "websockets"};
        all.push_back(each.address() + " " +
                      std::string{kSpeaks[static_cast<std::size_t>(each.speaks)]} +
                      (each.allow_anonymous ? " anonymous" : ""));
    }
    return all;
}

TEST(MosquittoConf, WithoutAListenerIsForThisMachineAndAnonymous) {
    EXPECT_THAT(listeners(""),
                ElementsAre("127.0.0.1:1883 mqtt anonymous", "[::1]:1883 mqtt anonymous"));
    EXPECT_THAT(listeners("protocol mqtt\nsocket_domain ipv4\n"),
                ElementsAre("127.0.0.1:1883 mqtt anonymous"));
    EXPECT_THAT(listeners("allow_anonymous false\nsocket_domain ipv6\n"),
                ElementsAre("[::1]:1883 mqtt"));
    EXPECT_THAT(listeners("socket_domain ipv4\n", {1884, 1885}),
                ElementsAre("127.0.0.1:1884 mqtt anonymous", "127.0.0.1:1885 mqtt anonymous"));
}

TEST(MosquittoConf, WithAListenerIsForThoseWithAPassword) {
    EXPECT_THAT(listeners("listener 1883\n"), ElementsAre("*:1883 mqtt"));
    EXPECT_THAT(listeners("listener 1884 127.0.0.1\nallow_anonymous true\nlistener 8080 # ws\n"
                          "protocol websockets\n"),
                ElementsAre("127.0.0.1:1884 mqtt anonymous", "*:8080 websockets anonymous"));
    EXPECT_THAT(listeners("listener 1883\nlistener_allow_anonymous true\nlistener 1884\n"),
                ElementsAre("*:1883 mqtt anonymous", "*:1884 mqtt"));
    EXPECT_THAT(listeners("listener 1883\nsocket_domain ipv4\nlistener 1884\nsocket_domain ipv6\n"),
                ElementsAre("*:1883 mqtt", "*:1884 mqtt"));
}

TEST(MosquittoConf, PortOpensTheDefaultListener) {
    EXPECT_THAT(listeners("port 1885\nallow_anonymous true\n"),
                ElementsAre("*:1885 mqtt anonymous"));
    EXPECT_THAT(listeners("bind_address 127.0.0.1\nprotocol websockets\n"),
                ElementsAre("127.0.0.1:1883 websockets"));
    // What follows `port` is the default listener's, also below another.
    EXPECT_THAT(listeners("listener 1884\nport 1883\nprotocol websockets\n"),
                ElementsAre("*:1883 websockets", "*:1884 mqtt"));
}

TEST(MosquittoConf, PortsOfTheCommandLineCountOnlyWithoutAListener) {
    const MosquittoConf read = conf("listener 1883\n", {1999});
    ASSERT_THAT(read.settings.listeners, SizeIs(1));
    EXPECT_EQ(read.settings.listeners[0].port, 1883U);
    ASSERT_THAT(read.notes, SizeIs(1));
    EXPECT_EQ(read.notes[0].key, "-p");
}

// mosquitto opened port 1883 to the world for them (the note to its release 2.0.12).
TEST(MosquittoConf, OptionsBeforeTheFirstListenerOpenNothing) {
    EXPECT_EQ(error("protocol mqtt\nlistener 1884\n"),
              "m.conf:1: protocol: stands before the first listener, and no `port` opens one "
              "for it; allowed: below the `listener` that it is about");
    EXPECT_EQ(error("per_listener_settings true\npassword_file /p\nlistener 1884\n"),
              "m.conf:2: password_file: stands before the first listener, and no `port` opens one "
              "for it; allowed: below the `listener` that it is about");
}

TEST(MosquittoConf, SecurityIsOfAllListenersOrOfOne) {
    const Settings all = settings("listener 1\npassword_file /p\nlistener 2\nacl_file /a b\n");
    EXPECT_EQ(all.auth.password_file, "/p");
    EXPECT_EQ(all.auth.acl_file, "/a b");
    const Settings each = settings(
        "per_listener_settings true\nlistener 1\npassword_file /p\nlistener 2\nacl_file /a\n"
        "allow_anonymous true\n");
    EXPECT_EQ(each.auth.password_file, "");
    ASSERT_THAT(each.listeners, SizeIs(2));
    EXPECT_EQ(each.listeners[0].password_file, "/p");
    EXPECT_EQ(each.listeners[0].acl_file, "");
    EXPECT_FALSE(each.listeners[0].allow_anonymous);
    EXPECT_EQ(each.listeners[1].acl_file, "/a");
    EXPECT_TRUE(each.listeners[1].allow_anonymous);
    EXPECT_THAT(error("acl_file /a\nper_listener_settings true\n"),
                HasSubstr("m.conf:2: per_listener_settings: comes after options"));
}

TEST(MosquittoConf, GivesEachListenerItsOwnBounds) {
    const Settings read = settings(
        "per_listener_settings true\nlistener 1\naccept_protocol_versions 4, 5\n"
        "max_connections 7\nmax_topic_alias 3\nallow_zero_length_clientid false\n"
        "listener 2\nmax_connections -1\nmax_topic_alias_broker 0\nauto_id_prefix two-\n");
    ASSERT_THAT(read.listeners, SizeIs(2));
    const Listener& first = read.listeners[0];
    const Listener& second = read.listeners[1];
    EXPECT_THAT(first.versions, ElementsAre("3.1.1", "5.0"));
    EXPECT_THAT(second.versions, IsEmpty());
    EXPECT_EQ(first.connections_max, 7U);
    EXPECT_EQ(second.connections_max, 0U);
    EXPECT_FALSE(first.allow_empty_client_id);
    EXPECT_TRUE(second.allow_empty_client_id);
    EXPECT_EQ(first.auto_id_prefix, "");
    EXPECT_EQ(second.auto_id_prefix, "two-");
    // The bound of all is the largest, whoever has less says so.
    EXPECT_EQ(read.session.topic_alias_max, 10U);
    EXPECT_EQ(first.topic_alias_max, 3U);
    EXPECT_EQ(second.topic_alias_max, 65'535U);
    EXPECT_EQ(read.session.own_topic_alias_max, 10U);
    EXPECT_EQ(second.own_topic_alias_max, 0U);

    for (const char* bad : {"2", "3,6", "3.1.1", "all", ","}) {
        EXPECT_THAT(error("listener 1\naccept_protocol_versions " + std::string{bad} + "\n"),
                    HasSubstr("m.conf:2: accept_protocol_versions: "))
            << bad;
    }
}

// No publisher that mosquitto took at full speed is slowed, unless the file says so.
TEST(MosquittoConf, HasNoPublishQuota) {
    const Settings read = settings("listener 1883\n");
    EXPECT_EQ(read.publish.messages_per_s, 0U);
    EXPECT_EQ(read.publish.bytes_per_s, 0U);
    EXPECT_EQ(settings("firehose_publish.messages_per_s 50\n").publish.messages_per_s, 50U);
    EXPECT_NE(Settings{}.publish.messages_per_s, 0U);
}

TEST(MosquittoConf, HasMosquittosDefaults) {
    const Settings read = settings("");
    EXPECT_EQ(read.log.mode, LogMode::memory);
    EXPECT_EQ(read.session.anonymous, AnonymousSessions::standard);
    EXPECT_EQ(read.session.key, SessionKey::client_id);
    EXPECT_EQ(read.session.receive_maximum, 20U);
    EXPECT_EQ(read.session.inflight_max, 20U);
    EXPECT_EQ(read.session.topic_alias_max, 10U);
    EXPECT_EQ(read.session.queued_max, 1'000U);
    EXPECT_EQ(read.limits.packet_bytes_max, 2'000'000U);
    EXPECT_EQ(read.keep_alive.max, 65'535s);
    EXPECT_EQ(read.sys.interval, 10s);
    EXPECT_EQ(read.auth.without_acl_file, WithoutAclFile::readwrite);
    EXPECT_EQ(read.client_id.auto_prefix, "auto-");
    EXPECT_EQ(read.subscribe.unknown_dollar, UnknownDollar::grant);
    EXPECT_FALSE(settings("retain_available false\n").retain.is_available);
    EXPECT_EQ(settings("listener 1\nmax_qos 1\n").listeners[0].qos_max, 1U);
    EXPECT_TRUE(read.listen.http.empty());
}

TEST(MosquittoConf, ReadsLinesAsMosquittoDoes) {
    // Comments, blanks, DOS line ends, what follows a number or a flag, spaces in a text.
    const Settings read = settings(
        "# port 1\n\n   \n  sys_interval   0x10 # hexadecimal\r\npersistence true yes\n"
        "persistence_location   /var/lib/my mosquitto/  \nmax_queued_messages 010\n"
        "acl_file a\nacl_file b\n");
    EXPECT_EQ(read.sys.interval, 16s);
    EXPECT_EQ(read.log.mode, LogMode::disk);
    EXPECT_EQ(read.data, "/var/lib/my mosquitto/");
    EXPECT_EQ(read.session.queued_max, 8U);
    EXPECT_EQ(read.auth.acl_file, "b");
    EXPECT_THAT(error(" # no comment\n"), HasSubstr("a comment begins with the first character"));
    EXPECT_THAT(error("persistence_location /a\npersistence_location /b\n"),
                HasSubstr("m.conf:2: persistence_location: is given a"));
    EXPECT_THAT(error("sys_interval\n"), HasSubstr("has no value; allowed: 0 to 65535"));
    EXPECT_THAT(error("sys_interval 5s\n"), HasSubstr("\"5s\" is no number that fits"));
    EXPECT_THAT(error("persistence on\n"), HasSubstr("neither true nor false"));
    EXPECT_THAT(error("data \xff\n"), HasSubstr("no known option"));
    EXPECT_THAT(error("persistence_location \xff\n"), HasSubstr("is not UTF-8"));
}

TEST(MosquittoConf, SaysTheNearestNameAndEveryProblemAtOnce) {
    EXPECT_EQ(error("max_conections 5\n"),
              "m.conf:1: max_conections: is no known option: did you mean max_connections?");
    const ConfigErrors all = errors("prt 1883\nsys_interval x\nlistener 70000\nxyzzy 1\n");
    ASSERT_THAT(all, SizeIs(4));
    EXPECT_EQ(all[0].line, 1U);
    EXPECT_EQ(all[2].line, 3U);
    EXPECT_EQ(to_string(all[3]), "m.conf:4: xyzzy: is no known option");
}

TEST(MosquittoConf, TakesTlsOfAListener) {
    const Settings read = settings(
        "listener 8883\ncafile /ca.crt\ncertfile /s.crt\nkeyfile /s.key\n"
        "require_certificate false\n"
        "listener 8884\ncapath /ca\ncertfile /s.crt\nkeyfile /s.key\ncrlfile /crl\n"
        "use_identity_as_username true\ntls_version tlsv1.3\nciphers A\nciphers_tls1.3 B\n");
    ASSERT_THAT(read.listeners, SizeIs(2));
    EXPECT_EQ(read.listeners[0].tls.cert_file, "/s.crt");
    EXPECT_EQ(read.listeners[0].tls.ca_file, "");  // Nobody is asked for a certificate.
    const TlsSettings& tls = read.listeners[1].tls;
    EXPECT_EQ(tls.ca_path, "/ca");
    EXPECT_EQ(tls.crl_file, "/crl");
    EXPECT_EQ(tls.min_version, TlsVersion::tls_1_3);
    EXPECT_EQ(tls.ciphers, "A");
    EXPECT_EQ(tls.ciphersuites, "B");
    EXPECT_TRUE(tls.use_identity_as_username);
    struct Row {
        const char* options;
        const char* problem;
    };
    for (const Row& row :
         {Row{"cafile /c\n", "without certfile"}, Row{"certfile /c\n", "one of certfile"},
          Row{"require_certificate true\n", "without certfile"},
          Row{"certfile /c\nkeyfile /k\nrequire_certificate true\n", "trusts nobody"},
          Row{"certfile /c\nkeyfile /k\ntls_version tlsv1.1\n", "is too old"},
          Row{"psk_hint h\n", "later release"}}) {
        EXPECT_THAT(error("listener 8883\n" + std::string{row.options}), HasSubstr(row.problem));
    }
}

TEST(MosquittoConf, TakesUnixSocketsProxiesAndOrigins) {
    const Settings read = settings(
        "listener 0 /run/m.sock\nlistener 1884\nenable_proxy_protocol 2\nbind_interface eth0\n"
        "listener 80\nprotocol websockets\nwebsockets_origin https://a.example\n"
        "websockets_origin https://b.example\nsocket_domain ipv6\n");
    ASSERT_THAT(read.listeners, SizeIs(3));
    EXPECT_EQ(read.listeners[0].path, "/run/m.sock");
    EXPECT_EQ(read.listeners[1].proxy_protocol, ProxyHeader::v2);
    EXPECT_EQ(read.listeners[1].interface, "eth0");
    EXPECT_THAT(read.listeners[2].origins, ElementsAre("https://a.example", "https://b.example"));
    EXPECT_EQ(read.listeners[2].family, Family::ipv6);
    EXPECT_THAT(error("listener 0\n"), HasSubstr("0 needs the path of a Unix socket"));
}

TEST(MosquittoConf, TakesDurationsOfSessions) {
    struct Row {
        const char* text;
        Microseconds time;
    };
    for (const Row& row : {Row{"1h", 1h}, Row{"2d", 48h}, Row{"1w", 168h}, Row{"1m", 720h},
                           Row{"1y", 8'760h}, Row{"900y", 24h * 36'500}, Row{"30s", 30s}}) {
        EXPECT_EQ(
            settings("persistent_client_expiration " + std::string{row.text}).session.expiry_max,
            row.time)
            << row.text;
    }
    for (const char* wrong : {"0d", "d", "1", "-1d", "1x", "1.5d", "99999999999999999999y"}) {
        EXPECT_THAT(error("persistent_client_expiration " + std::string{wrong} + "\n"),
                    HasSubstr("is no duration"));
    }
}

TEST(MosquittoConf, AddsUpWhatIsLoggedAndWhereTo) {
    const auto types = [](std::string_view text) { return settings(text).logging.types; };
    EXPECT_THAT(types(""), IsEmpty());
    EXPECT_THAT(types("log_type error\nlog_type warning\nlog_type error\n"),
                ElementsAre("error", "warning"));
    EXPECT_THAT(types("log_type all\nlog_type none\n"), ElementsAre("none"));
    EXPECT_THAT(types("log_type none\nlog_type error\n"), ElementsAre("error"));
    EXPECT_THAT(types("log_type all\nlog_type error\n"), ElementsAre("all"));
    EXPECT_THAT(types("log_type internal\n"), IsEmpty());
    const auto places = [](std::string_view text) { return settings(text).logging.to; };
    EXPECT_THAT(places(""), ElementsAre("stderr"));
    EXPECT_THAT(places("log_dest file /var/log/a b.log\nlog_dest syslog\n"),
                ElementsAre("file:/var/log/a b.log", "syslog"));
    EXPECT_THAT(places("log_dest stdout\nlog_dest none\n"), ElementsAre("none"));
    EXPECT_THAT(error("log_dest file\n"), HasSubstr("has no path"));
    const Settings read = settings(
        "log_facility 3\nlog_timestamp false\nlog_timestamp_format %s\nconnection_messages false\n"
        "user root\npid_file /run/m.pid\n");
    EXPECT_EQ(read.logging.syslog_facility, SyslogFacility::local3);
    EXPECT_FALSE(read.logging.timestamp);
    EXPECT_EQ(read.logging.timestamp_format, "%s");
    EXPECT_FALSE(read.logging.connection_messages);
    EXPECT_EQ(read.process.user, "root");
    EXPECT_EQ(read.process.pid_file, "/run/m.pid");
    EXPECT_EQ(settings("").process.user, "mosquitto");
    EXPECT_TRUE(settings("").logging.connection_messages);
}

TEST(MosquittoConf, NumbersAtTheirEnds) {
    EXPECT_EQ(settings("max_packet_size 0\n").limits.packet_bytes_max, 16U << 20U);
    EXPECT_EQ(settings("max_packet_size 20\n").limits.packet_bytes_max, 1'024U);
    EXPECT_EQ(settings("max_packet_size 268435455\n").limits.packet_bytes_max, 16U << 20U);
    EXPECT_THAT(error("max_packet_size 19\n"), HasSubstr("is below 20"));
    EXPECT_EQ(settings("max_inflight_messages 0\n").session.inflight_max, 65'535U);
    EXPECT_EQ(settings("max_inflight_messages -1\n").session.receive_maximum, 65'535U);
    EXPECT_EQ(settings("max_queued_messages -1\n").session.queued_max, 0U);
    EXPECT_EQ(settings("max_keepalive 0\n").keep_alive.max, 65'535s);
    EXPECT_EQ(settings("sys_interval 0\n").sys.interval, 0s);
    EXPECT_EQ(settings("global_max_connections -1\n").limits.connections_max,
              Settings{}.limits.connections_max);
}

/// A value that every file may give this option, or that it is refused for.
std::string good_value(const MosquittoOption& row) {
    if (std::holds_alternative<MosquittoFlag>(row.kind)) return "false";
    if (const auto* number = std::get_if<MosquittoNumber>(&row.kind)) {
        return number->max < 100 ? std::to_string(number->max) : "100";
    }
    if (const auto* words = std::get_if<MosquittoWords>(&row.kind)) {
        return words->words.empty() ? "14d" : std::string{words->words.back()};
    }
    return "text";
}

TEST(MosquittoOptions, EachDoesWhatItsRowSays) {
    std::set<std::string_view> names;
    for (const auto rows : {mosquitto_broker_options(), mosquitto_later_options()}) {
        for (const MosquittoOption& row : rows) {
            SCOPED_TRACE(row.name);
            EXPECT_TRUE(names.insert(row.name).second);
            EXPECT_FALSE(row.doc.empty());
            const bool is_taken = row.fate == MosquittoFate::taken;
            EXPECT_EQ(is_taken && row.name != "include_dir", row.take != nullptr);
            if (row.name == "include_dir") continue;
            const std::string value = good_value(row);
            const std::string line =
                (row.scope == MosquittoScope::listener ? "listener 1883\n" : "") +
                std::string{row.name} + (row.name.ends_with('_') ? "x " : " ") + value + "\n";
            const auto read = parse_mosquitto_conf(line, "m.conf");
            if (row.fate == MosquittoFate::refused) {
                ASSERT_FALSE(read);
                EXPECT_THAT(to_string(read.error().front()), HasSubstr(std::string{row.doc}));
            } else if (row.fate == MosquittoFate::noted) {
                ASSERT_TRUE(read) << to_string(read.error().front());
                ASSERT_THAT(read->notes, SizeIs(1));
                EXPECT_EQ(read->notes[0].problem, row.doc);
            } else if (!read) {
                // Not with that value, or not alone: but known.
                EXPECT_THAT(to_string(read.error().front()),
                            testing::Not(HasSubstr("no known option")));
            }
        }
    }
    EXPECT_EQ(names.size(), mosquitto_option_names().size());
}

TEST(MosquittoOptions, EveryNumberIsDefinedAtEveryEnd) {
    const auto rows = mosquitto_broker_options();
    for (const MosquittoOption& row : rows) {
        const auto* number = std::get_if<MosquittoNumber>(&row.kind);
        if (number == nullptr) continue;
        for (const std::string value :
             {"0", "-1", "65536", "2147483648", "18446744073709551616", "-2147483649",
              "9223372036854775807", "-9223372036854775808", "4294967296"}) {
            SCOPED_TRACE(std::string{row.name} + " " + value);
            std::string text = row.scope == MosquittoScope::listener ? "listener 1883\n" : "";
            text +=
                std::string{row.name} + " " + value + (row.name == "listener" ? " /s" : "") + "\n";
            const auto read = parse_mosquitto_conf(text, "m.conf");
            if (!read) {
                EXPECT_THAT(read.error(), SizeIs(1));
                continue;
            }
            const auto again = parse_toml(write_toml(read->settings), "again.toml");
            ASSERT_TRUE(again) << to_string(again.error().front());
            EXPECT_EQ(write_toml(*again), write_toml(read->settings));
        }
    }
}

TEST(MosquittoConf, TakesKeysOfOurs) {
    const Settings read = settings(
        "firehose_log.bytes 10 GB\nlistener 1883\nfirehose_limits_connect_timeout 3\n"
        "firehose_listen.http [\"127.0.0.1:8080\"]\nfirehose_history_age 7 d\n"
        "firehose_session.key identity\n");
    EXPECT_EQ(read.log.bytes, 10'000'000'000U);
    EXPECT_EQ(read.limits.connect_timeout, 3s);
    EXPECT_THAT(read.listen.http, ElementsAre(Endpoint{"127.0.0.1", 8080}));
    EXPECT_EQ(read.history.age, 24h * 7);
    EXPECT_EQ(read.session.key, SessionKey::identity);
    EXPECT_THAT(read.listeners, SizeIs(1));
    EXPECT_EQ(error("firehose_log.byts 1\n"),
              "m.conf:1: firehose_log.byts: is no known key: did you mean firehose_log.bytes?");
    EXPECT_THAT(error("\n\nfirehose_limits.connect_timeout never\n"),
                HasSubstr("m.conf:3: limits.connect_timeout: \"never\" is no duration"));
    EXPECT_THAT(error("firehose_demo maybe\n"), HasSubstr("m.conf:1"));
    EXPECT_THAT(error("firehose_log.mode\n"), HasSubstr("has no value"));
    // The tables' rules among keys hold as well.
    EXPECT_THAT(error("firehose_log.segment_bytes 1 MiB\n"), HasSubstr("limits.packet_bytes_max"));
}

TEST(MosquittoConf, KeysWithUnderscoresMeanOneKeyOnly) {
    std::set<std::string> spelt;
    for (const Option& row : options()) {
        std::string key{row.key};
        std::replace(key.begin(), key.end(), '.', '_');
        EXPECT_TRUE(spelt.insert(key).second) << key;
    }
}

TEST(MosquittoConf, ReadsIncludedFilesWhereTheyStand) {
    const ReadFolder folder =
        [](const std::string& path) -> Result<std::vector<IncludedFile>, std::string> {
        EXPECT_EQ(path, "/etc/m/conf.d");
        return std::vector<IncludedFile>{{"a.conf", "sys_interval 5\nprotocol websockets\n"},
                                         {"b.conf", "sys_interval 7\nfirehose_demo true\nbad 1\n"}};
    };
    const auto read = parse_mosquitto_conf(
        "port 1883\nlistener 1884\ninclude_dir /etc/m/conf.d\nmax_keepalive 99999\n"
        "firehose_demo no\n",
        "m.conf", folder);
    ASSERT_FALSE(read);
    ASSERT_THAT(read.error(), SizeIs(3));
    EXPECT_THAT(to_string(read.error()[0]), HasSubstr("b.conf:3: bad: is no known option"));
    EXPECT_THAT(to_string(read.error()[1]), HasSubstr("m.conf:4: max_keepalive"));
    EXPECT_THAT(to_string(read.error()[2]), HasSubstr("m.conf:5"));
    EXPECT_THAT(error("include_dir /x\n"), HasSubstr("cannot be read here"));
}

TEST(MosquittoConf, SortsIncludedFilesAsMosquittoDoes) {
    std::vector<std::string> names{"b.conf", "a.conf", "B.conf", "A.conf", "aa.conf", "Ab.conf"};
    std::sort(names.begin(), names.end(), is_included_before);
    EXPECT_THAT(names, ElementsAre("A.conf", "Ab.conf", "a.conf", "aa.conf", "B.conf", "b.conf"));
}

TEST(MosquittoConf, LoadsAFolderOfFiles) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path{testing::TempDir()} / "mosquitto_conf_test";
    fs::remove_all(folder);
    fs::create_directories(folder / "conf.d");
    std::ofstream{folder / "conf.d/z.conf"} << "sys_interval 3\n";
    std::ofstream{folder / "conf.d/A.conf"} << "sys_interval 2\n";
    std::ofstream{folder / "conf.d/zz.conf.dpkg-old"} << "broken\n";
    std::ofstream{folder / "conf.d/deep.conf"} << "include_dir /x\n";
    std::ofstream{folder / "m.conf"} << "include_dir " << (folder / "conf.d").string() << "\n";
    auto read = load_mosquitto_conf((folder / "m.conf").string());
    ASSERT_FALSE(read);
    EXPECT_THAT(to_string(read.error().front()), HasSubstr("deep.conf:1: include_dir: is for the"));
    fs::remove(folder / "conf.d/deep.conf");
    read = load_mosquitto_conf((folder / "m.conf").string());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->settings.sys.interval, 3s);
    fs::remove_all(folder);
    EXPECT_FALSE(load_mosquitto_conf((folder / "m.conf").string()));
}

TEST(MosquittoConf, IsToldFromToml) {
    struct Row {
        const char* text;
        const char* file;
        bool is_mosquitto;
    };
    for (const Row& row : {
             Row{"listener 1883\n", "x", true},
             Row{"# c\n\n  persistence true\n", "x.toml", true},
             Row{"[log]\nmode = 'disk'\n", "mosquitto.conf", false},
             Row{"data='x'\n", "x", false},
             Row{"data = 'x'\n", "x", false},
             Row{"[[listener]]\n", "x", false},
             Row{"", "firehose.toml", false},
             Row{"# nothing\n", "mosquitto.conf", true},
             Row{"", "", true},
         }) {
        EXPECT_EQ(is_mosquitto_conf(row.text, row.file), row.is_mosquitto) << row.text << row.file;
    }
}

}  // namespace
}  // namespace firehose::config
