// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "app/serve.h"
#include "cli/command.h"
#include "cli/gerrit_url.h"
#include "cli/report.h"
#include "config/describe.h"

namespace firehose::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose serve --demo\n"
    "  firehose serve --gerrit ssh://me@review.example.org:29418 --gerrit-key ~/.ssh/id_ed25519\n"
    "  firehose serve -c firehose.toml --mqtt-port 0 --http-port 0     any free ports\n"
    "\n"
    "Without -c the defaults hold: MQTT on 1883; HTTP, WebSocket and the page on 8080; data under\n"
    "./var; everybody reads, nobody publishes. Flags win over the file. Once every port is open,\n"
    "standard output has one line, `ready mqtt=... http=...`. SIGINT or SIGTERM stops it.\n"
    "Exit codes: 0 stopped; 1 failed; 2 wrong usage or configuration, before a port opens.";

struct ServeFlags {
    std::string file;
    std::string data;
    std::optional<std::uint16_t> mqtt_port;
    std::optional<std::uint16_t> http_port;
    std::string password_file;
    std::string acl_file;
    bool demo = false;
    std::string gerrit;
    std::string gerrit_key;
    std::string known_hosts;
    bool help_config = false;
};

/// Says itself what a port is; the library would only say that it could not convert.
std::string port_problem(const std::string& text) {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool is_port = failed == std::errc{} && end == text.data() + text.size();
    return is_port ? "" : text + " is no port; allowed: 0 to 65535";
}

void set_ports(std::vector<config::Endpoint>& endpoints, std::optional<std::uint16_t> port) {
    if (!port) return;
    for (config::Endpoint& endpoint : endpoints) endpoint.port = *port;
}

/// Adds the Gerrit of the flags; false once what is wrong with them was printed.
bool add_gerrit(const ServeFlags& flags, config::Settings& settings) {
    if (flags.gerrit.empty()) return true;
    const auto url = parse_gerrit_url(flags.gerrit);
    if (!url) {
        std::fprintf(stderr, "firehose serve: --gerrit %s: %s\n", flags.gerrit.c_str(),
                     url.error().c_str());
        return false;
    }
    if (flags.gerrit_key.empty()) {
        std::fprintf(
            stderr,
            "firehose serve: --gerrit needs --gerrit-key FILE, the account's private key\n");
        return false;
    }
    config::GerritSource source;
    for (const config::GerritSource& other : settings.source.gerrit) {
        if (other.name == source.name) {
            std::fprintf(stderr,
                         "firehose serve: --gerrit adds a source named %s, and the file has one\n",
                         source.name.c_str());
            return false;
        }
    }
    source.username = url->username;
    source.host = url->host;
    source.port = url->port;
    source.key = flags.gerrit_key;
    if (!flags.known_hosts.empty()) source.known_hosts = flags.known_hosts;
    settings.source.gerrit.push_back(std::move(source));
    return true;
}

std::optional<config::Settings> settings_of(const ServeFlags& flags) {
    auto settings = flags.file.empty() ? std::optional<config::Settings>{std::in_place}
                                       : read_settings(flags.file);
    if (!settings) return std::nullopt;
    if (!flags.data.empty()) settings->data = flags.data;
    if (!flags.password_file.empty()) settings->auth.password_file = flags.password_file;
    if (!flags.acl_file.empty()) settings->auth.acl_file = flags.acl_file;
    if (flags.demo) settings->demo = true;
    set_ports(settings->listen.mqtt, flags.mqtt_port);
    set_ports(settings->listen.http, flags.http_port);
    if (!add_gerrit(flags, *settings) || !files_are_good(*settings)) return std::nullopt;
    return settings;
}

int run(const ServeFlags& flags) {
    if (flags.help_config) {
        std::fputs(config::help_config().c_str(), stdout);
        return kExitOk;
    }
    const auto settings = settings_of(flags);
    return settings ? app::serve(*settings) : kExitUsage;
}

}  // namespace

void add_serve_command(CLI::App& program, int& exit_code) {
    CLI::App* serve = program.add_subcommand("serve", "Runs the bus");
    auto flags = std::make_shared<ServeFlags>();
    serve->add_option("-c,--config", flags->file, "Configuration file (.toml)")->type_name("FILE");
    serve->add_option("--data", flags->data, "Folder for data [./var]")->type_name("FOLDER");
    serve->add_option("--mqtt-port", flags->mqtt_port, "Port for MQTT [1883]; 0: any free one")
        ->check(port_problem)
        ->type_name("PORT");
    serve
        ->add_option("--http-port", flags->http_port,
                     "Port for HTTP, WebSocket and the page [8080]; 0: any free one")
        ->check(port_problem)
        ->type_name("PORT");
    serve
        ->add_option("--password-file", flags->password_file,
                     "Users and password hashes (firehose passwd)")
        ->type_name("FILE");
    serve
        ->add_option("--acl-file", flags->acl_file,
                     "Who may read and publish what (mosquitto's ACL format)")
        ->type_name("FILE");
    serve->add_flag("--demo", flags->demo, "Replay bundled Gerrit events, marked as a demo");
    serve->add_option("--gerrit", flags->gerrit, "Follow a Gerrit: ssh://user@host:29418")
        ->type_name("URL");
    serve->add_option("--gerrit-key", flags->gerrit_key, "Its account's private SSH key, a file")
        ->type_name("FILE");
    serve
        ->add_option("--known-hosts", flags->known_hosts,
                     "Trusted SSH host keys [~/.ssh/known_hosts]")
        ->type_name("FILE");
    serve->add_flag("--help-config", flags->help_config,
                    "Print every key of the configuration file and exit");
    serve->footer(kExamples);
    serve->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace firehose::cli
