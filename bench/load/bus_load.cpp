// SPDX-License-Identifier: Apache-2.0
// The load generator of the benchmarks: `bus_load deliver|churn|retained --help`.
// Prints one line of JSON; CPU and memory are those of the server's process (`--pid`).
#include <CLI/CLI.hpp>
#include <fstream>
#include <map>

#include "churn.h"
#include "deliver.h"
#include "message.h"

namespace {

using namespace firehose::bench;  // NOLINT: the program's own.
using firehose::mqtt::Qos;
using firehose::mqtt::Version;

const std::map<std::string, Transport> kTransports{
    {"raw", Transport::raw}, {"raw-tls", Transport::raw_tls}, {"tcp", Transport::tcp},
    {"tls", Transport::tls}, {"ws", Transport::ws},           {"wss", Transport::wss}};
const std::map<std::string, Pattern> kPatterns{
    {"fanout", Pattern::fanout}, {"filters", Pattern::filters}, {"pairs", Pattern::pairs}};
const std::map<std::string, Version> kVersions{{"3.1.1", Version::v311}, {"5", Version::v5}};
const std::map<std::string, Qos> kQos{
    {"0", Qos::at_most_once}, {"1", Qos::at_least_once}, {"2", Qos::exactly_once}};

void add_target(CLI::App& app, Target& target, std::string& password_file) {
    app.add_option("--port", target.port)->required();
    app.add_option("--pid", target.pid, "The server's process");
    app.add_option("--transport", target.transport)
        ->transform(CLI::CheckedTransformer(kTransports));
    app.add_option("--version", target.version)->transform(CLI::CheckedTransformer(kVersions));
    app.add_option("--path", target.path, "Of the WebSocket");
    app.add_option("--user", target.user_name);
    app.add_option("--password-file", password_file);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Load for MQTT servers and for the floor programs"};
    app.require_subcommand(1);
    DeliverOptions options;
    std::string password_file;
    CLI::App* const deliver_command = app.add_subcommand("deliver", "Publishers and readers");
    CLI::App* const churn_command = app.add_subcommand("churn", "Connections that come and go");
    CLI::App* const retained_command = app.add_subcommand("retained", "Retained messages");
    for (CLI::App* command : {deliver_command, churn_command, retained_command}) {
        add_target(*command, options.target, password_file);
    }
    CLI::App& d = *deliver_command;
    d.add_option("--pattern", options.plan.pattern)->transform(CLI::CheckedTransformer(kPatterns));
    d.add_option("--publishers", options.plan.publishers)->check(CLI::Range(1, 10'000));
    d.add_option("--readers", options.plan.readers)->check(CLI::Range(1, 15'000));
    d.add_option("--filters", options.plan.filters)->check(CLI::Range(1, 10'000));
    d.add_option("--topics", options.plan.topics)->check(CLI::Range(1, 100'000));
    d.add_option("--qos", options.qos)->transform(CLI::CheckedTransformer(kQos));
    d.add_option("--payload", options.payload)
        ->check(CLI::Range(static_cast<int>(kStampBytes), 60'000));
    d.add_option("--seconds", options.seconds)->check(CLI::Range(0.1, 600.0));
    d.add_option("--warm-up", options.warm_up)->check(CLI::Range(0.0, 60.0));
    d.add_option("--rate", options.rate, "Messages a second; 0: as fast as can be");
    d.add_option("--window-bytes", options.window_bytes, "Messages on their way");
    d.add_option("--burst-bytes", options.burst_bytes, "Of one publisher in one write");
    d.add_option("--publisher-window", options.publisher_window, "QoS 1 and 2")
        ->check(CLI::Range(1, 1'000));
    d.add_option("--threads", options.threads)->check(CLI::Range(1, 16));
    d.add_option("--idle", options.idle, "Idle subscribed connections beside")
        ->check(CLI::Range(0, 19'900));
    d.add_option("--stalled", options.stalled, "Readers that never read")
        ->check(CLI::Range(0, 999));
    double seconds = 3;
    churn_command->add_option("--seconds", seconds)->check(CLI::Range(0.1, 600.0));
    std::size_t count = 100'000;
    std::size_t rounds = 3;
    retained_command->add_option("--count", count)->check(CLI::Range(1, 1'000'000));
    retained_command->add_option("--rounds", rounds)->check(CLI::Range(1, 100));
    retained_command->add_option("--payload", options.payload)->check(CLI::Range(16, 60'000));
    CLI11_PARSE(app, argc, argv);
    if (!password_file.empty()) {
        std::ifstream file{password_file};
        std::getline(file, options.target.password);
    }
    if (*churn_command) return churn(options.target, seconds);
    if (*retained_command) return retained(options.target, count, options.payload, rounds);
    return deliver(options);
}
