// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/serve_flags.h"

namespace firehose::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose serve --demo\n"
    "  firehose serve --gerrit ssh://me@review.example.org:29418 --gerrit-key ~/.ssh/id_ed25519\n"
    "  firehose serve -c firehose.toml --mqtt-port 0 --http-port 0     any free ports\n"
    "  firehose serve -c /etc/mosquitto/mosquitto.conf -v              as mosquitto does\n"
    "\n"
    "Without -c the defaults hold: MQTT on 1883; HTTP, WebSocket and the page on 8080; data under\n"
    "./var; everybody reads, nobody publishes. With a mosquitto.conf mosquitto's defaults hold.\n"
    "Flags win over the file. Once every port is open,\n"
    "standard output has one line, `ready mqtt=... http=...`. SIGHUP reads the files again;\n"
    "SIGINT or SIGTERM stops it.\n"
    "Exit codes: 0 stopped; 1 failed; 2 wrong usage or configuration, before a port opens.";

std::string format_problem(const std::string& word) {
    return config_format(word) ? "" : word + " is no format; allowed: toml, mosquitto";
}

}  // namespace

void add_serve_command(CLI::App& program, int& exit_code) {
    CLI::App* serve = program.add_subcommand("serve", "Runs the bus");
    auto flags = std::make_shared<ServeFlags>();
    add_mosquitto_flags(*serve, *flags);
    serve
        ->add_option("--config-format", flags->format,
                     "toml or mosquitto [by the file's first line]")
        ->check(format_problem)
        ->type_name("FORMAT");
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
    serve->callback([flags, &exit_code] { exit_code = run_serve(*flags); });
}

}  // namespace firehose::cli
