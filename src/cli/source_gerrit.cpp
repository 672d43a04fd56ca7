// SPDX-License-Identifier: Apache-2.0
// `firehose source gerrit`: a Gerrit's events to any MQTT broker.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cli/broker_publisher.h"
#include "cli/command.h"
#include "cli/gerrit_url.h"
#include "source/deny_rules.h"
#include "source/gerrit_source.h"

namespace firehose::cli {
namespace {

using namespace std::chrono_literals;

constexpr Microseconds kDrain = 5s;

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose source gerrit --gerrit ssh://me@review.example.org:29418 --gerrit-key key \\\n"
    "      --mqtt localhost:1883 --mqtt-user gerrit --mqtt-password-file gerrit.pw\n"
    "  firehose source gerrit ... --qos 0 -s patchset-created -s comment-added\n"
    "\n"
    "Each event goes to gerrit/<project>/<type> with Gerrit's own bytes. The key is one without a\n"
    "passphrase; the host key must be in the known-hosts file. The password comes from a file or\n"
    "the variable FIREHOSE_PASSWORD. SIGINT or SIGTERM stops it once the broker has everything.\n"
    "Exit codes: 0 stopped; 1 failed: standard error says why and what helps; 2 wrong usage.";

struct Flags {
    std::string gerrit;
    std::string gerrit_key;
    std::string known_hosts = "~/.ssh/known_hosts";
    bool accept_new_host_key = false;
    std::vector<std::string> types;
    std::string mqtt = "localhost:1883";
    std::string mqtt_user;
    std::string mqtt_password_file;
    std::string mqtt_version = "5";
    std::string client_id;
    int qos = 2;
    std::string topic = "gerrit";
    std::string status_topic;
    std::vector<std::string> deny = source::DenyRules::default_words();
    bool deny_nothing = false;
    std::size_t packet_bytes_max = 2'000'000;
    std::size_t buffer_bytes = 64U << 20U;
};

int usage(const std::string& problem) {
    std::fprintf(stderr, "firehose source gerrit: %s\n", problem.c_str());
    return kExitUsage;
}

struct HostPort {
    std::string host;
    std::uint16_t port = 1883;
};

/// HOST, HOST:PORT, [IPv6]:PORT; a leading mqtt:// does no harm.
std::optional<HostPort> parse_host_port(std::string text) {
    constexpr std::string_view kScheme = "mqtt://";
    if (text.starts_with(kScheme)) text.erase(0, kScheme.size());
    const std::size_t bracket = text.find(']');
    const std::size_t colon = text.rfind(':');
    const bool has_port =
        colon != std::string::npos &&
        (bracket == std::string::npos ? text.find(':') == colon : colon > bracket);
    HostPort result;
    result.host = has_port ? text.substr(0, colon) : text;
    if (result.host.starts_with('[') && result.host.ends_with(']')) {
        result.host = result.host.substr(1, result.host.size() - 2);
    }
    if (result.host.empty()) return std::nullopt;
    if (!has_port) return result;
    const std::string port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 ||
        port.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    const unsigned long number = std::stoul(port);
    if (number == 0 || number > 65'535) return std::nullopt;
    result.port = static_cast<std::uint16_t>(number);
    return result;
}

/// The first line of the file, or FIREHOSE_PASSWORD. False: the file cannot be read.
bool read_password(const std::string& file, std::optional<std::string>& password) {
    if (file.empty()) {
        const char* variable = std::getenv("FIREHOSE_PASSWORD");
        if (variable != nullptr) password = variable;
        return true;
    }
    std::ifstream in{file};
    std::string line;
    if (!std::getline(in, line)) return false;
    if (line.ends_with('\r')) line.pop_back();
    password = line;
    return true;
}

source::GerritOptions gerrit_options(const Flags& flags, const GerritUrl& url) {
    source::GerritOptions options;
    options.ssh.host = url.host;
    options.ssh.port = url.port;
    options.ssh.username = url.username;
    options.ssh.key_file = flags.gerrit_key;
    options.ssh.known_hosts = flags.known_hosts;
    options.ssh.types = flags.types;
    if (flags.accept_new_host_key) options.ssh.host_keys = source::HostKeys::accept_new;
    options.topic = flags.topic;
    if (!flags.deny_nothing) options.deny = flags.deny;
    options.packet_bytes_max = flags.packet_bytes_max;
    options.buffer_bytes = flags.buffer_bytes;
    return options;
}

BrokerOptions broker_options(const Flags& flags, const GerritUrl& url, const HostPort& broker,
                             std::optional<std::string> password) {
    BrokerOptions options;
    options.host = broker.host;
    options.port = broker.port;
    options.qos = static_cast<mqtt::Qos>(flags.qos);
    options.status_topic = flags.status_topic;
    client::ClientOptions& client = options.client;
    client.version = flags.mqtt_version == "5" ? mqtt::Version::v5 : mqtt::Version::v311;
    client.client_id = flags.client_id.empty() ? "firehose-gerrit-" + url.host : flags.client_id;
    // The session outlives a connection: what was not acknowledged goes on in it. 3.1.1 has no
    // expiry, so there the session of the run before is taken over.
    client.session_expiry_s = 3'600;
    client.clean_start = client.version == mqtt::Version::v5;
    if (!flags.mqtt_user.empty()) client.user_name = flags.mqtt_user;
    client.password = std::move(password);
    return options;
}

source::StopSignal* stop_on_signal = nullptr;  // Set once, before the handlers are.

void on_signal(int) {
    stop_on_signal->set();
}  // An atomic store and a write.

void log_figures(const source::SourceMetrics& metrics, const BrokerPublisher& broker,
                 std::size_t left) {
    FH_LOG(info, "source_stopped", {"read", metrics.published.load()},
           {"acknowledged", broker.acknowledged()}, {"refused", broker.refused()}, {"unsent", left},
           {"denied", metrics.denied.load()}, {"bad_lines", metrics.bad_lines_total()},
           {"dropped", metrics.dropped.load()});
    for (std::size_t kind = 0; kind < source::kBadLineKinds; ++kind) {
        const std::uint64_t count = metrics.bad_lines.at(kind).load();
        if (count == 0) continue;
        FH_LOG(info, "source_bad_lines", {"kind", name(static_cast<source::BadLine>(kind))},
               {"count", count});
    }
}

int follow(source::GerritOptions gerrit, BrokerOptions broker) {
    static source::StopSignal stop;  // Outlives every signal.
    stop_on_signal = &stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    source::SourceMetrics metrics;
    BrokerPublisher publisher{std::move(broker), stop};
    auto made = source::GerritSource::make(std::move(gerrit), publisher, metrics);
    if (!made) return usage(made.error());
    source::GerritSource& follower = **made;

    start_log(LogLevel::info);
    follower.start();
    const std::optional<std::string> failure = publisher.run([&]() -> std::optional<std::string> {
        const auto end = follower.hopeless();
        if (!end) return std::nullopt;
        return end->remedy.empty() ? end->what : end->what + ".\n" + end->remedy;
    });
    follower.stop();
    const std::size_t left = publisher.drain(failure ? Microseconds{0} : kDrain);
    log_figures(metrics, publisher, left);
    stop_log();
    if (failure) std::fprintf(stderr, "firehose source gerrit: %s\n", failure->c_str());
    return failure ? kExitFailed : kExitOk;
}

int run(const Flags& flags) {
    const auto url = parse_gerrit_url(flags.gerrit);
    if (!url) return usage("--gerrit " + flags.gerrit + ": " + url.error());
    const auto broker = parse_host_port(flags.mqtt);
    if (!broker) return usage("--mqtt " + flags.mqtt + " is no HOST:PORT");
    std::optional<std::string> password;
    if (!read_password(flags.mqtt_password_file, password)) {
        return usage("cannot read a password from " + flags.mqtt_password_file);
    }
    if (flags.topic.empty() || flags.topic.find_first_of("+#") != std::string::npos) {
        return usage("--topic is the first part of a topic, without + and #");
    }
    return follow(gerrit_options(flags, *url),
                  broker_options(flags, *url, *broker, std::move(password)));
}

void add_gerrit_options(CLI::App& gerrit, Flags& flags) {
    gerrit.add_option("--gerrit", flags.gerrit, "Which one: ssh://user@host:29418")->required();
    gerrit.add_option("--gerrit-key", flags.gerrit_key, "That user's private SSH key, a file")
        ->required();
    gerrit.add_option("--known-hosts", flags.known_hosts, "Trusted SSH host keys")
        ->capture_default_str();
    gerrit.add_flag("--accept-new-host-key", flags.accept_new_host_key,
                    "Trust a host that is not in the file yet, and add it");
    gerrit.add_option("-s,--subscribe", flags.types, "Only this event type; may be repeated")
        ->allow_extra_args(false);
    gerrit
        .add_option("--deny", flags.deny, "Withhold: project:NAME, private, draft; may be repeated")
        ->allow_extra_args(false)
        ->capture_default_str();
    gerrit.add_flag("--deny-nothing", flags.deny_nothing, "Withhold nothing");
    gerrit.add_option("--topic", flags.topic, "The topics' first part")->capture_default_str();
    gerrit.add_option("--packet-bytes-max", flags.packet_bytes_max, "Skip larger events")
        ->check(CLI::Range(1'024, 268'435'455))
        ->capture_default_str();
    gerrit.add_option("--buffer-bytes", flags.buffer_bytes, "Events that may wait for the broker")
        ->check(CLI::Range(std::size_t{1} << 20U, std::size_t{4} << 30U))
        ->capture_default_str();
}

void add_mqtt_options(CLI::App& gerrit, Flags& flags) {
    gerrit.add_option("--mqtt", flags.mqtt, "The broker: HOST:PORT")->capture_default_str();
    gerrit.add_option("--mqtt-user", flags.mqtt_user, "User name at the broker");
    gerrit.add_option("--mqtt-password-file", flags.mqtt_password_file,
                      "A file whose first line is the password");
    gerrit.add_option("--mqtt-version", flags.mqtt_version, "MQTT version")
        ->check(CLI::IsMember({"5", "3.1.1"}))
        ->capture_default_str();
    gerrit.add_option("--client-id", flags.client_id, "MQTT client id [firehose-gerrit-HOST]");
    gerrit.add_option("--qos", flags.qos, "Quality of service")
        ->check(CLI::Range(0, 2))
        ->capture_default_str();
    gerrit.add_option("--status-topic", flags.status_topic,
                      "Keep a retained \"online\" or \"offline\" there");
}

}  // namespace

void add_source_command(CLI::App& program, int& exit_code) {
    CLI::App* source = program.add_subcommand("source", "Publishes another service's events");
    source->require_subcommand(1);
    CLI::App* gerrit = source->add_subcommand("gerrit", "A Gerrit's events, to any MQTT broker");
    auto flags = std::make_shared<Flags>();  // Lives as long as the callback.
    add_gerrit_options(*gerrit, *flags);
    add_mqtt_options(*gerrit, *flags);
    gerrit->footer(kExamples);
    gerrit->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace firehose::cli
