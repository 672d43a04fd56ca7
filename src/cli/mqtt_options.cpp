// SPDX-License-Identifier: Apache-2.0
#include "cli/mqtt_options.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <system_error>

#include "base/random.h"
#include "cli/terminal.h"

namespace firehose::cli {
namespace {

constexpr int kPropertyWordsMax = 4'096;
constexpr std::uint32_t kNever = 0xFFFF'FFFF;
constexpr const char* kPasswordVariable = "FIREHOSE_PASSWORD";

const std::map<std::string, mqtt::Version> kVersions{
    {"5", mqtt::Version::v5},     {"5.0", mqtt::Version::v5},     {"mqttv5", mqtt::Version::v5},
    {"311", mqtt::Version::v311}, {"3.1.1", mqtt::Version::v311}, {"mqttv311", mqtt::Version::v311},
    {"31", mqtt::Version::v31},   {"3.1", mqtt::Version::v31},    {"mqttv31", mqtt::Version::v31},
};

std::string made_up_client_id() {
    constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuv";
    std::string id = "firehose-";
    std::uint64_t random = random_seed();
    for (int i = 0; i < 12; ++i, random >>= 5U) id += kLetters[random & 31U];
    return id;
}

std::optional<std::string> first_line_of(const std::string& command, const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::string line;
    if (!file || !std::getline(file, line)) {
        const std::string why =
            file.is_open() ? "is empty" : std::generic_category().message(errno);
        std::fprintf(stderr, "%s: --password-file %s: %s\n", command.c_str(), path.c_str(),
                     why.c_str());
        return std::nullopt;
    }
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

std::optional<std::string> password_of(const std::string& command, const ConnectionFlags& flags) {
    if (!flags.password_file.empty()) return first_line_of(command, flags.password_file);
    if (const char* password = std::getenv(kPasswordVariable)) return std::string{password};
    if (::isatty(STDIN_FILENO) == 1) {
        const NoEcho silence;
        if (silence.is_on()) return ask(("Password of " + flags.user_name + ": ").c_str());
    }
    std::fprintf(stderr, "%s: --username %s has no password; give --password-file FILE or %s\n",
                 command.c_str(), flags.user_name.c_str(), kPasswordVariable);
    return std::nullopt;
}

/// mosquitto's: a number, or one of its words for never.
std::optional<std::uint32_t> expiry_of(const std::string& text) {
    if (text == "-1" || text == "\xe2\x88\x9e") return kNever;
    std::uint32_t seconds = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return seconds;
}

/// What the session is to be, the will, and the properties. Returns what is wrong.
std::string add_session(const ConnectionFlags& flags, SessionFlags& made) {
    client::ClientOptions& client = made.loop.client;
    auto properties = parse_properties(flags.properties);
    if (!properties) return "--property " + properties.error();
    const bool is_v5 = client.version == mqtt::Version::v5;
    if (!is_v5 && (!flags.properties.empty() || !flags.session_expiry.empty())) {
        return "only MQTT 5 has properties and a session expiry; leave -V out, or say -V 5";
    }
    made.properties = std::move(*properties);
    const Properties& given = made.properties;
    client.clean_start = !flags.keeps_session;
    if (flags.keeps_session && flags.client_id.empty()) {
        return "--disable-clean-session needs --id: whose session is it?";
    }
    if (flags.keeps_session) client.session_expiry_s = kNever;  // As mosquitto's tools.
    if (!flags.session_expiry.empty()) {
        const auto seconds = expiry_of(flags.session_expiry);
        if (!seconds) return "--session-expiry-interval takes seconds, or -1 for never";
        client.session_expiry_s = *seconds;
    }
    client.session_expiry_s = given.session_expiry_s.value_or(client.session_expiry_s);
    if (given.receive_maximum) {
        client.receive_maximum = static_cast<std::uint16_t>(*given.receive_maximum);
    }
    if (given.packet_bytes_max) client.packet_bytes_max = *given.packet_bytes_max;
    client.user_properties = given.connect_pairs;
    if (!flags.will_topic.empty()) {
        client.will = client::WillMessage{.topic = flags.will_topic,
                                          .payload = flags.will_payload,
                                          .qos = static_cast<mqtt::Qos>(flags.will_qos),
                                          .retain = flags.will_retain,
                                          .delay_s = given.will_delay_s,
                                          .properties = given.will};
    } else if (!given.will.empty() || given.will_delay_s != 0 || !flags.will_payload.empty()) {
        return "what is said of a will needs --will-topic";
    }
    return "";
}

}  // namespace

void add_connection_flags(CLI::App& command, ConnectionFlags& flags) {
    command.set_help_flag("--help", "Print this help message and exit");
    command.add_option("-h,--host", flags.host, "The server")->capture_default_str();
    command.add_option("-p,--port", flags.port, "Its MQTT port")
        ->capture_default_str()
        ->check(CLI::Range(1, 65'535));
    command.add_option("-V,--protocol", flags.protocol, "MQTT version: 5, 311 or 31")
        ->capture_default_str()
        ->check(CLI::IsMember(kVersions));
    command.add_option("-i,--id", flags.client_id, "Client id; made up if not given");
    command.add_option("-u,--username", flags.user_name,
                       "User; the password comes from --password-file, the environment variable\n"
                       "FIREHOSE_PASSWORD, or a prompt");
    command.add_option("--password-file", flags.password_file,
                       "A file whose first line is the password");
    command.add_option("-k,--keepalive", flags.keep_alive_s, "Seconds; 0 switches pings off")
        ->capture_default_str()
        ->check(CLI::Range(0, 65'535));
    command.add_option("-W", flags.time_limit_s, "End after so many seconds")
        ->check(CLI::Range(0.001, 1e9));
    command.add_flag("--no-reconnect", flags.never_reconnects,
                     "End when the connection is lost, instead of coming back");
    command.add_flag("-c,--disable-clean-session", flags.keeps_session,
                     "Go on with the session of --id, and let the server keep it");
    command
        .add_option("-x,--session-expiry-interval", flags.session_expiry,
                    "Seconds that the server keeps the session without a connection; -1: for ever")
        ->type_name("SECONDS");
    command
        .add_option("-D,--property", flags.properties,
                    "An MQTT 5 property: of connect, publish, will or subscribe, its name, its\n"
                    "value; of a user-property name and value. May be given again")
        ->expected(3, kPropertyWordsMax)
        ->type_name("COMMAND NAME VALUE");
    command.add_option("--will-topic", flags.will_topic, "Topic of a will")->type_name("TOPIC");
    command.add_option("--will-payload", flags.will_payload, "Its payload")->type_name("TEXT");
    command.add_option("--will-qos", flags.will_qos, "Its QoS")->check(CLI::Range(0, 2));
    command.add_flag("--will-retain", flags.will_retain, "It is retained");
    command.add_option("-P,--pw", "Refused: other users of this machine could read it")
        ->check([](const std::string& /*secret*/) -> std::string {
            return "a password on the command line can be read by others; give --password-file "
                   "FILE or FIREHOSE_PASSWORD";
        })
        ->type_name("");
}

std::optional<SessionFlags> session_options(const std::string& command,
                                            const ConnectionFlags& flags) {
    SessionFlags made;
    SessionLoopOptions& options = made.loop;
    options.command = command;
    options.target = {.host = flags.host, .port = flags.port};
    options.reconnects = !flags.never_reconnects;
    if (flags.time_limit_s > 0) {
        options.time_limit = std::chrono::duration_cast<Microseconds>(
            std::chrono::duration<double>{flags.time_limit_s});
    }
    options.client.version = kVersions.at(flags.protocol);
    options.client.client_id = flags.client_id.empty() ? made_up_client_id() : flags.client_id;
    options.client.keep_alive = std::chrono::seconds{flags.keep_alive_s};
    if (const std::string wrong = add_session(flags, made); !wrong.empty()) {
        std::fprintf(stderr, "%s: %s\n", command.c_str(), wrong.c_str());
        return std::nullopt;
    }
    if (!flags.user_name.empty()) {
        options.client.user_name = flags.user_name;
        options.client.password = password_of(command, flags);
        if (!options.client.password) return std::nullopt;
    }
    return made;
}

}  // namespace firehose::cli
