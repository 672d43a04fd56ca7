// SPDX-License-Identifier: Apache-2.0
// Goal:   a configuration file says what is meant or is refused with every reason at once.
// Method: small files as text; tables of values; the table of options checked against itself.
#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "config/describe.h"
#include "config/options.h"
#include "config/values.h"

namespace firehose::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Settings settings(std::string_view text) {
    auto parsed = parse_toml(text, "test.toml");
    EXPECT_TRUE(parsed) << to_string(parsed.error().front());
    return parsed ? *parsed : Settings{};
}

ConfigErrors errors(std::string_view text) {
    auto parsed = parse_toml(text, "test.toml");
    EXPECT_FALSE(parsed) << text;
    return parsed ? ConfigErrors{} : parsed.error();
}

/// The file's only error, as people see it.
std::string error(std::string_view text) {
    const ConfigErrors found = errors(text);
    EXPECT_THAT(found, SizeIs(1)) << text;
    return found.empty() ? "" : to_string(found.front());
}

constexpr std::string_view kGerrit =
    "[[source.gerrit]]\nhost = 'review.example.org'\nusername = 'u'\nkey = '/k'\n";

TEST(Settings, HoldTheDefaultsOfTheTable) {
    const Settings fresh;
    EXPECT_THAT(fresh.listen.mqtt, ElementsAre(Endpoint{"0.0.0.0", 1883}, Endpoint{"::", 1883}));
    EXPECT_THAT(fresh.listen.http, ElementsAre(Endpoint{"0.0.0.0", 8080}, Endpoint{"::", 8080}));
    EXPECT_EQ(fresh.data, "./var");
    EXPECT_EQ(fresh.limits.packet_bytes_max, 2'000'000U);
    EXPECT_EQ(fresh.limits.connect_timeout, 10s);
    EXPECT_EQ(fresh.publish.inflight_max, 64U);
    EXPECT_EQ(fresh.connection.replies_max, 65'536U);
    EXPECT_EQ(fresh.session.owed_refs, 256U);
    EXPECT_EQ(fresh.session.anonymous, AnonymousSessions::own);
    EXPECT_EQ(fresh.feed.lag_max, 1s);
    EXPECT_EQ(fresh.logging.level, LogLevel::info);
    EXPECT_THAT(fresh.source.deny, ElementsAre("project:All-Users", "private", "draft"));
    EXPECT_THAT(fresh.source.gerrit, IsEmpty());
    EXPECT_EQ(GerritSource{}.port, 29'418U);
    EXPECT_EQ(GerritSource{}.host_key_check, HostKeyCheck::strict);
}

TEST(Settings, CountsShardsFromTheCores) {
    Settings some;
    EXPECT_EQ(some.shard_count(0), 1U);
    EXPECT_EQ(some.shard_count(1), 1U);
    EXPECT_EQ(some.shard_count(2), 1U);
    EXPECT_EQ(some.shard_count(3), 1U);
    EXPECT_EQ(some.shard_count(8), 4U);
    some.shards = 5;
    EXPECT_EQ(some.shard_count(2), 5U);
}

TEST(ParseToml, ReadsEachTypeOfValue) {
    const Settings read = settings(
        "data = '/srv/firehose'\n"
        "demo = true\n"
        "shards = 3\n"
        "listen.mqtt = ['127.0.0.1:0', '[::1]:1884']\n"
        "[limits]\n"
        "packet_bytes_max = '64 KiB'\n"
        "connect_timeout = '1500ms'\n"
        "http_head_timeout = 7\n"
        "[log]\n"
        "memory_bytes = 2000000\n"
        "[logging]\n"
        "level = 'off'\n"
        "[session]\n"
        "anonymous = 'standard'\n"
        "[source]\n"
        "deny = []\n");
    EXPECT_EQ(read.data, "/srv/firehose");
    EXPECT_TRUE(read.demo);
    EXPECT_EQ(read.shards, 3U);
    EXPECT_THAT(read.listen.mqtt, ElementsAre(Endpoint{"127.0.0.1", 0}, Endpoint{"::1", 1884}));
    EXPECT_EQ(read.limits.packet_bytes_max, 65'536U);
    EXPECT_EQ(read.limits.connect_timeout, 1500ms);
    EXPECT_EQ(read.limits.http_head_timeout, 7s);
    EXPECT_EQ(read.log.memory_bytes, 2'000'000U);
    EXPECT_EQ(read.logging.level, LogLevel::off);
    EXPECT_EQ(read.session.anonymous, AnonymousSessions::standard);
    EXPECT_THAT(read.source.deny, IsEmpty());
}

TEST(ParseToml, ReadsListenersBesideTheShortForm) {
    const Settings read = settings(
        "auth.password_file = '/users'\n"
        "auth.acl_file = '/acl'\n"
        "[listen]\n"
        "mqtt = ['127.0.0.1:1']\n"
        "durability = 'memory'\n"
        "[[listener]]\n"
        "port = 2\n"
        "[[listener]]\n"
        "name = 'page'\n"
        "host = '::1'\n"
        "port = 3\n"
        "speaks = 'http'\n"
        "allow_anonymous = false\n"
        "password_file = '/others'\n"
        "acl_file = '/rights'\n");
    const std::vector<Listener> all = read.all_listeners();
    ASSERT_THAT(all, SizeIs(3));  // Not the default of listen.http.
    EXPECT_EQ(all[0].name, "127.0.0.1:1");
    EXPECT_EQ(all[0].speaks, Speaks::mqtt);
    EXPECT_EQ(all[0].durability, Durability::memory);
    EXPECT_EQ(all[0].password_file, "/users");
    EXPECT_EQ(all[1].name, "*:2");
    EXPECT_EQ(all[1].host, "");
    EXPECT_EQ(all[1].durability, Durability::disk);
    EXPECT_TRUE(all[1].allow_anonymous);
    EXPECT_EQ(all[1].acl_file, "/acl");
    EXPECT_EQ(all[2].name, "page");
    EXPECT_EQ(all[2].address(), "[::1]:3");
    EXPECT_EQ(all[2].speaks, Speaks::http);
    EXPECT_FALSE(all[2].allow_anonymous);
    EXPECT_EQ(all[2].password_file, "/others");
    EXPECT_EQ(all[2].acl_file, "/rights");
    EXPECT_THAT(Settings{}.all_listeners(), SizeIs(4));
}

TEST(ParseToml, ReadsWhatAListenersTlsNeeds) {
    const Settings read = settings(
        "net.trusted_proxies = ['10.0.0.0/8', '::1']\n"
        "[[listener]]\n"
        "path = '/run/mqtt.sock'\n"
        "proxy_protocol = 'v2'\n"
        "use_identity_as_username = true\n"
        "[[listener]]\n"
        "cert_file = '/c'\n"
        "key_file = '/k'\n"
        "tls_version_min = '1.3'\n"
        "ca_file = '/ca'\n"
        "require_certificate = true\n"
        "use_subject_as_username = true\n"
        "speaks = 'any'\n"
        "[[listener.certificate]]\n"
        "cert_file = '/c2'\n"
        "key_file = '/k2'\n"
        "[[listener]]\n");
    ASSERT_THAT(read.listeners, SizeIs(3));
    EXPECT_EQ(read.listeners[0].address(), "/run/mqtt.sock");
    EXPECT_EQ(read.listeners[0].proxy_protocol, ProxyHeader::v2);
    EXPECT_FALSE(read.listeners[0].tls.is_on());
    const TlsSettings& tls = read.listeners[1].tls;
    EXPECT_TRUE(tls.is_on());
    EXPECT_EQ(tls.min_version, TlsVersion::tls_1_3);
    EXPECT_TRUE(tls.require_certificate);
    EXPECT_TRUE(tls.use_subject_as_username);
    ASSERT_THAT(tls.certificates, SizeIs(1));
    EXPECT_EQ(tls.certificates[0].key_file, "/k2");
    EXPECT_EQ(read.listeners[1].speaks, Speaks::any);
    EXPECT_FALSE(read.listeners[2].tls.is_on());
}

TEST(ParseToml, RefusesListenersThatContradictThemselves) {
    struct Row {
        std::string_view text;
        std::string_view problem;
    };
    for (const Row& row : {
             Row{"cert_file = '/c'", "listener: has one of cert_file and key_file"},
             Row{"ca_file = '/ca'", "without cert_file: only TLS has them"},
             Row{"require_certificate = true\nproxy_protocol = 'v2'", "without cert_file"},
             Row{"cert_file = '/c'\nkey_file = '/k'\nuse_identity_as_username = true",
                 "without ca_file or ca_path"},
             Row{"cert_file = '/c'\nkey_file = '/k'\nca_file = '/a'\n"
                 "use_identity_as_username = true\nuse_subject_as_username = true",
                 "choose one"},
             Row{"path = '/p'\nhost = '::1'", "has a path and a host"},
             Row{"[[listener.certificate]]\ncert_file = '/c'", "certificate.key_file: is missing"},
             Row{"[[listener.certificat]]", "did you mean listener.certificate?"},
         }) {
        EXPECT_THAT(error("[[listener]]\n" + std::string{row.text}), HasSubstr(row.problem));
    }
    EXPECT_THAT(error("net.trusted_proxies = ['10.0.0.1/8']"), HasSubstr("is no address"));
}

TEST(ParseToml, TakesOneNameForOneListener) {
    EXPECT_THAT(error("[[listener]]\nname = 'a'\n[[listener]]\nname = 'a'\n"),
                HasSubstr("\"a\" is the name of the one in line 1"));
    EXPECT_THAT(settings("[[listener]]\n[[listener]]\nport = 1884\n").listeners, SizeIs(2));
}

TEST(ParseToml, ReadsSourcesAsOftenAsTheyCome) {
    const Settings read = settings(std::string{kGerrit} + std::string{kGerrit} +
                                   "name = 'two'\nhost_key_check = 'accept-new'\n"
                                   "types = ['change-merged']\nknown_hosts = '/h'\n");
    ASSERT_THAT(read.source.gerrit, SizeIs(2));
    EXPECT_EQ(read.source.gerrit[0].name, "gerrit");
    EXPECT_EQ(read.source.gerrit[0].host, "review.example.org");
    EXPECT_EQ(read.source.gerrit[0].topic, "gerrit");
    EXPECT_EQ(read.source.gerrit[1].name, "two");
    EXPECT_EQ(read.source.gerrit[1].host_key_check, HostKeyCheck::accept_new);
    EXPECT_THAT(read.source.gerrit[1].types, ElementsAre("change-merged"));
}

TEST(ParseToml, ReportsEverythingTogetherInTheOrderOfLines) {
    const ConfigErrors found = errors(
        "dta = './x'\n"
        "shards = 'two'\n"
        "[limits]\n"
        "packet_bytes_max = '17 MiB'\n"
        "conect_timeout = 5\n"
        "[[source.gerrit]]\n"
        "host = '-oProxyCommand=x'\n"
        "prot = 1\n");
    std::vector<std::string> texts;
    for (const ConfigError& one : found) texts.push_back(to_string(one));
    EXPECT_THAT(texts,
                ElementsAre("test.toml:1: dta: is no known key: did you mean data?",
                            "test.toml:2: shards: is a text; allowed: 0 to 64",
                            "test.toml:4: limits.packet_bytes_max: is out of range; allowed: "
                            "1 KiB to 16 MiB",
                            "test.toml:5: limits.conect_timeout: is no known key: did you mean "
                            "limits.connect_timeout?",
                            "test.toml:6: source.gerrit.username: is missing; allowed: a text of "
                            "1 to 255 bytes",
                            "test.toml:6: source.gerrit.key: is missing; allowed: a path",
                            "test.toml:7: source.gerrit.host: \"-oProxyCommand=x\" is not a host "
                            "name or an address; allowed: a text of 1 to 255 bytes",
                            "test.toml:8: source.gerrit.prot: is no known key: did you mean "
                            "source.gerrit.port?"));
}

TEST(ParseToml, SaysThatASyntaxErrorStopsIt) {
    const std::string text = error("shards = 1\nlimits = [\nunknown = 1\n");
    EXPECT_THAT(text, HasSubstr("test.toml:3: "));
    EXPECT_THAT(text, HasSubstr("so the rest was not checked"));
    for (const std::string_view odd : {"[[=\"x\"\n[a]]", "[[", "[[]]", "[=]", "=", "[[.a]]"}) {
        SCOPED_TRACE(odd);
        EXPECT_THAT(error(odd), HasSubstr("so the rest was not checked"));
    }
}

TEST(ParseToml, TakesLettersBeyondAsciiInTextsAndCommentsOnly) {
    EXPECT_EQ(settings("# \u00FC\ndata = '\u00FC' # \u02DA\n").data, "\u00FC");
    EXPECT_EQ(settings("data = \"\\\"\u00FC\"\n").data, "\"\u00FC");
    EXPECT_EQ(settings("data = \"\"\"x\\\n  \u02DA\"\"\"\n").data, "x\u02DA");
    for (const std::string_view odd :
         {"\u02DA = 1", "data\u02DA = 'x'", "data = 'x' \u02DA", "shards = \u02DA",
          "shards = 0s\x01\"\u0307\"", "[\u02DA]", "shards = 1\u3007"}) {
        SCOPED_TRACE(odd);
        EXPECT_THAT(error(odd), HasSubstr("so the rest was not checked"));
    }
}

TEST(ParseToml, RefusesWhatIsNoValueOfTheKey) {
    struct Row {
        std::string_view text;
        std::string_view problem;
    };
    const Row rows[] = {
        {"demo = 1", "demo: is a number; allowed: true or false"},
        {"shards = -1", "shards: is out of range"},
        {"shards = 65", "shards: is out of range"},
        {"shards = 1.5", "shards: is a number with a fraction"},
        {"shards = '1'", "shards: is a text"},
        {"shards = 9223372036854775807", "shards: is out of range"},
        {"data = ''", "data: is empty"},
        {"data = \"a\\u0000b\"", "data: contains a zero byte"},
        {"data = []", "data: is a list"},
        {"listen.mqtt = '0.0.0.0:1883'", "listen.mqtt: is a text"},
        {"listen.mqtt = ['localhost:1883']", "\"localhost:1883\" is no address with a port"},
        {"listen.mqtt = ['0.0.0.0:65536']", "is no address with a port"},
        {"listen.mqtt = ['0.0.0.0']", "is no address with a port"},
        {"listen.mqtt = ['::1:1883']", "is no address with a port"},
        {"listen.mqtt = [1883]", "has an entry that is a number"},
        {"limits.exempt = ['10.0.0.1/8']", "is no address and no network"},
        {"limits.address.connects_burst = 0", "is out of range"},
        {"limits.address.conects_per_s = 1", "did you mean limits.address.connects_per_s?"},
        {"limits.address = 7", "is a number"},
        {"limits.connect_timeout = '10 sec'", "\"10 sec\" is no duration"},
        {"limits.connect_timeout = '99 ms'", "is out of range; allowed: 100 ms to 10 min"},
        {"limits.connect_timeout = '-1 s'", "is no duration"},
        {"limits.connect_timeout = 9223372036854775807", "is out of range"},
        {"limits.connect_timeout = 07:32:00", "is a date or time"},
        {"limits.packet_bytes_max = '1 kib'", "\"1 kib\" is no size"},
        {"limits.packet_bytes_max = '99999999 TiB'", "is no size"},
        {"log.bytes = '15 MiB'", "log.bytes: is 15 MiB; allowed: 0 or at least 16 MiB"},
        {"log.mode = 'ram'", "is none of the words"},
        {"log = 1", "log: is a number; allowed: [log], a table"},
        {"source.gerrit = 1", "source.gerrit: is a number; allowed: [[source.gerrit]]"},
        {"source.gerrit = [1]", "allowed: [[source.gerrit]]"},
        {"source.deny = ['project:']", "\"project:\" names nothing"},
        {"source.deny = ['all']", "\"all\" is no rule"},
        {"packet_bytes_max = 1", "did you mean limits.packet_bytes_max?"},
        {"zzzzzzzzzz = 1", "zzzzzzzzzz: is no known key"},
        {"log.bytes = '1 GiB'\nlog.segment_bytes = '1 GiB'", "more than half of log.bytes"},
        {"limits.packet_bytes_max = '16 MiB'\nlog.unwritten_bytes_max = '16 MiB'",
         ":2: limits.packet_bytes_max: is more than half"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.text);
        EXPECT_THAT(error(row.text), HasSubstr(row.problem));
    }
}

TEST(ParseToml, RefusesTwoSourcesOfOneName) {
    EXPECT_THAT(error(std::string{kGerrit} + std::string{kGerrit}),
                HasSubstr("test.toml:5: source.gerrit.name: \"gerrit\" is the name of the one in "
                          "line 1"));
}

TEST(ParseToml, RefusesEventTypesThatAreNoWords) {
    for (const std::string_view type : {"", "-x", "a b", "a;reboot", "$(x)", "a'b"}) {
        EXPECT_THAT(error(std::string{kGerrit} + "types = [\"" + std::string{type} + "\"]"),
                    HasSubstr("may have only letters"));
    }
}

TEST(ParseToml, CutsLongTextsInMessages) {
    EXPECT_LT(error("log.mode = '" + std::string(100'000, 'x') + "'").size(), 250U);
}

TEST(LoadFile, SaysWhenThereIsNone) {
    const auto loaded = load_file("/nonexistent/firehose.toml");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(to_string(loaded.error().front()),
              "/nonexistent/firehose.toml: No such file or directory");
}

struct ListAndAbove {
    const TableList& list;
    std::string above;  // The table that it is in.
};

std::vector<ListAndAbove> all_lists() {
    std::vector<ListAndAbove> all;
    for (const TableList& list : table_lists()) {
        all.push_back({list, ""});
        const std::string above = "[[" + std::string{list.key} + "]]\n";
        for (const TableList& inner : list.inner) all.push_back({inner, above});
    }
    return all;
}

TEST(Options, AreWholeAndInRange) {
    std::set<std::string> keys;
    const auto check = [&](const std::string& prefix, std::span<const Option> rows) {
        for (const Option& row : rows) {
            SCOPED_TRACE(row.key);
            EXPECT_TRUE(keys.insert(prefix + std::string{row.key}).second) << "twice";
            EXPECT_TRUE(row.doc.ends_with('.'));
            EXPECT_LE(row.min.number, row.max.number);
            const auto* number = std::get_if<std::uint64_t>(&row.value.held);
            const auto* time = std::get_if<Microseconds>(&row.value.held);
            if (number || time) {
                const auto count = number ? *number : static_cast<std::uint64_t>(time->count());
                EXPECT_GE(count, row.min.number);
                EXPECT_LE(count, row.max.number);
            }
        }
    };
    check("", options());
    for (const auto& [list, above] : all_lists()) check(std::string{list.key} + ".", list.options);
    for (const Option& row : options()) {
        EXPECT_TRUE(std::ranges::count(sections(), section_of(row.key), &Section::name)) << row.key;
    }
}

/// Every default and every example, written into a file, is read back without a complaint.
TEST(Options, AcceptTheirOwnDefaultsAndExamples) {
    for (const Option& row : options()) {
        const std::string key{row.key};
        EXPECT_TRUE(parse_toml(key + " = " + default_text(row), "d")) << key;
        if (row.example.empty()) continue;
        EXPECT_TRUE(parse_toml(key + " = " + std::string{row.example}, "e")) << key;
    }
    for (const auto& [list, above] : all_lists()) {
        std::string text = above + "[[" + std::string{list.key} + "]]\n";
        for (const Option& row : list.options) {
            text += std::string{row.key} + " = " +
                    (row.example.empty() ? default_text(row) : std::string{row.example}) + "\n";
        }
        EXPECT_TRUE(parse_toml(text, "e")) << text;
    }
}

TEST(SampleToml, SaysExactlyTheDefaults) {
    const std::string sample = sample_toml();
    settings(sample);  // As it is: everything is a comment.
    // With the # taken away from each key.
    std::string all;
    std::size_t keys = 0;
    for (std::size_t at = 0; at < sample.size();) {
        const std::size_t end = sample.find('\n', at);
        std::string line = sample.substr(at, end - at);
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') {
            line.erase(0, 1);
            keys += line.front() != '[';
        }
        all += line + "\n";
        at = end + 1;
    }
    std::size_t expected = options().size();
    for (const auto& [list, above] : all_lists()) expected += list.options.size();
    EXPECT_EQ(keys, expected);
    const Settings read = settings(all);
    const Settings fresh;
    EXPECT_EQ(read.listen.mqtt, fresh.listen.mqtt);
    EXPECT_EQ(read.log.bytes, fresh.log.bytes);
    EXPECT_EQ(read.session.expiry_max, fresh.session.expiry_max);
    EXPECT_EQ(read.source.deny, fresh.source.deny);
    EXPECT_THAT(read.source.gerrit, SizeIs(1));
}

TEST(HelpConfig, NamesEveryKeyOnce) {
    const std::string help = help_config();
    for (const Option& row : options()) {
        EXPECT_THAT(help, HasSubstr("\n  " + std::string{row.key} + " = ")) << row.key;
    }
    for (std::size_t at = 0; at < help.size();) {
        const std::size_t end = help.find('\n', at);
        EXPECT_LE(end - at, 100U) << help.substr(at, end - at);
        at = end + 1;
    }
}

TEST(Values, ReadBackWhatTheyWrite) {
    for (const std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 2'000'000ULL, 1ULL << 62}) {
        const std::string text = format_bytes(bytes);
        EXPECT_EQ(parse_bytes(text.find(' ') == std::string::npos ? text + "B" : text), bytes);
    }
    for (const Microseconds time : {Microseconds{0s}, Microseconds{1ms}, Microseconds{90s},
                                    Microseconds{1h}, Microseconds{24h * 365}}) {
        EXPECT_EQ(parse_duration(format_duration(time)), time);
    }
    for (const std::string_view text : {"0.0.0.0:1883", "[::]:0", "[fe80::1]:65535"}) {
        EXPECT_EQ(format_endpoint(*parse_endpoint(text)), text);
    }
    EXPECT_EQ(format_count(2'000'000), "2,000,000");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1'000), "1,000");
}

}  // namespace
}  // namespace firehose::config
