// SPDX-License-Identifier: Apache-2.0
#include "cli/serve_flags.h"

#include <pwd.h>

#include <charconv>
#include <cstdio>

#include "app/serve.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/gerrit_url.h"
#include "cli/report.h"
#include "cli/usage.h"
#include "config/describe.h"
#include "config/mosquitto_conf.h"
#include "config/mosquitto_draft.h"

namespace firehose::cli {
namespace {

constexpr int kMosquittoExitUsage = 3;  // What mosquitto says of a configuration that is wrong.

constexpr const char* kAboutMosquitto =
    "firehose, called by the name mosquitto: the same flags and configuration files.";

void set_ports(std::vector<config::Endpoint>& endpoints, std::optional<std::uint16_t> port) {
    if (!port) return;
    for (config::Endpoint& endpoint : endpoints) endpoint.port = *port;
}

using config::ConfigErrors;

ConfigErrors problem(std::string text) {
    return {{"firehose serve", 0, "", std::move(text), ""}};
}

/// Adds the Gerrit of the flags. Returns what is wrong with them.
ConfigErrors add_gerrit(const ServeFlags& flags, config::Settings& settings) {
    if (flags.gerrit.empty()) return {};
    const auto url = parse_gerrit_url(flags.gerrit);
    if (!url) return problem("--gerrit " + flags.gerrit + ": " + url.error());
    if (flags.gerrit_key.empty()) {
        return problem("--gerrit needs --gerrit-key FILE, the account's private key");
    }
    config::GerritSource source;
    for (const config::GerritSource& other : settings.source.gerrit) {
        if (other.name == source.name) {
            return problem("--gerrit adds a source named " + source.name +
                           ", and the file has one");
        }
    }
    source.username = url->username;
    source.host = url->host;
    source.port = url->port;
    source.key = flags.gerrit_key;
    if (!flags.known_hosts.empty()) source.known_hosts = flags.known_hosts;
    settings.source.gerrit.push_back(std::move(source));
    return {};
}

/// What the file says, or what holds without one.
Result<config::LoadedConfig, ConfigErrors> base_settings(const ServeFlags& flags) {
    if (flags.file.empty() && flags.is_mosquitto) {
        auto local = config::parse_mosquitto_conf("", "", {}, flags.ports);
        if (!local) return Failure{local.error()};
        return config::LoadedConfig{.settings = std::move(local->settings), .is_mosquitto = true};
    }
    if (flags.file.empty()) {
        config::LoadedConfig defaults;
        if (!flags.ports.empty()) set_ports(defaults.settings.listen.mqtt, flags.ports.front());
        return defaults;
    }
    const auto format =
        flags.is_mosquitto ? config::ConfigFormat::mosquitto : config_format(flags.format);
    auto loaded = config::load_config({.path = flags.file,
                                       .format = format.value_or(config::ConfigFormat::by_content),
                                       .ports = flags.ports});
    if (loaded && !loaded->is_mosquitto && !flags.ports.empty()) {
        loaded->notes.push_back({flags.file, 0, "",
                                 "-p counts only with a mosquitto.conf without a listener; a "
                                 "firehose.toml says its ports, or --mqtt-port does",
                                 ""});
    }
    return loaded;
}

/// The file and the flags, which win over it: at the start, and at each reload.
Result<config::LoadedConfig, ConfigErrors> load(const ServeFlags& flags) {
    auto loaded = base_settings(flags);
    if (!loaded) return loaded;
    config::Settings& settings = loaded->settings;
    if (!flags.data.empty()) settings.data = flags.data;
    if (!flags.password_file.empty()) settings.auth.password_file = flags.password_file;
    if (!flags.acl_file.empty()) settings.auth.acl_file = flags.acl_file;
    if (flags.demo) settings.demo = true;
    // mosquitto's own fallback where its user was not made.
    const bool is_missing = settings.process.user == config::kMosquittoUser &&
                            ::getpwnam(config::kMosquittoUser) == nullptr;
    if (loaded->is_mosquitto && is_missing) settings.process.user = "nobody";
    if (flags.is_verbose || flags.is_quiet) settings.logging.types.clear();
    if (flags.is_verbose) settings.logging.level = LogLevel::debug;
    if (flags.is_quiet) settings.logging.level = LogLevel::off;
    set_ports(settings.listen.mqtt, flags.mqtt_port);
    set_ports(settings.listen.http, flags.http_port);
    if (auto errors = add_gerrit(flags, settings); !errors.empty()) return Failure{errors};
    return loaded;
}

std::optional<config::Settings> settings_of(const ServeFlags& flags) {
    auto loaded = load(flags);
    if (!loaded) {
        print(loaded.error());
        return std::nullopt;
    }
    for (const config::ConfigError& note : loaded->notes) {
        std::fprintf(stderr, "note: %s\n", to_string(note).c_str());
    }
    if (!files_are_good(loaded->settings)) return std::nullopt;
    return std::move(loaded->settings);
}

app::ReadAgain read_again(const ServeFlags& flags) {
    return [flags]() -> Result<config::Settings, std::string> {
        auto loaded = load(flags);
        if (loaded) return std::move(loaded->settings);
        std::string lines;
        for (const config::ConfigError& error : loaded.error()) {
            lines += (lines.empty() ? "" : "\n") + to_string(error);
        }
        return Failure{lines};
    };
}

int serve_in_background(const config::Settings& settings, app::ReadAgain read_again) {
    auto daemon = Daemon::begin();
    if (!daemon) return kExitFailed;
    const int exit_code =
        app::serve(settings, std::move(read_again), [&] { daemon->tell_ready(); });
    daemon->tell_failed(exit_code);
    return exit_code;
}

}  // namespace

std::string port_problem(const std::string& text) {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool is_port = failed == std::errc{} && end == text.data() + text.size();
    return is_port ? "" : text + " is no port; allowed: 0 to 65535";
}

void add_mosquitto_flags(CLI::App& command, ServeFlags& flags) {
    command.add_option("-c,--config", flags.file, "Configuration file")->type_name("FILE");
    command
        .add_option("-p,--port", flags.ports,
                    "Port for this machine only, if the file has no listener; may be repeated")
        ->check(port_problem)
        ->type_name("PORT");
    command.add_flag("-d,--daemon", flags.is_daemon, "Go into the background once it serves");
    command.add_flag("-v,--verbose", flags.is_verbose, "Log everything, whatever the file says");
    command.add_flag("-q,--quiet", flags.is_quiet, "Log nothing, whatever the file says");
    command.add_flag("--test-config", flags.is_test, "Say what is wrong with the file, and exit");
}

int run_serve(const ServeFlags& flags) {
    if (flags.help_config) {
        std::fputs(config::help_config().c_str(), stdout);
        return kExitOk;
    }
    const auto settings = settings_of(flags);
    if (!settings) return kExitUsage;
    if (flags.is_test) {
        std::printf("%s: good\n", flags.file.empty() ? "the defaults" : flags.file.c_str());
        return kExitOk;
    }
    return flags.is_daemon ? serve_in_background(*settings, read_again(flags))
                           : app::serve(*settings, read_again(flags));
}

int run_as_mosquitto(int count, char** words) {
    CLI::App program{kAboutMosquitto, "mosquitto"};
    ServeFlags flags;
    flags.is_mosquitto = true;
    add_mosquitto_flags(program, flags);
    program.set_version_flag("--version", "firehose " FIREHOSE_VERSION);
    program.failure_message(
        [](const CLI::App*, const CLI::Error& error) { return std::string{error.what()}; });
    try {
        program.parse(count, words);
    } catch (const CLI::ParseError& error) {
        return explain(program, error) == kExitOk ? kExitOk : kMosquittoExitUsage;
    }
    const int exit_code = run_serve(flags);
    return exit_code == kExitUsage ? kMosquittoExitUsage : exit_code;
}

}  // namespace firehose::cli
