// SPDX-License-Identifier: Apache-2.0
#include "app/serve.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "app/log_destinations.h"
#include "app/log_topics.h"
#include "app/process.h"
#include "app/server.h"
#include "app/service_manager.h"
#include "base/log.h"

namespace firehose::app {
namespace {

std::string joined(const std::vector<std::string>& words, const char* separator) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += separator;
        text += word;
    }
    return text;
}

/// What a stranger needs next: where it listens, and how to read in three ways.
void print_welcome(const Server& server, const config::Settings& settings) {
    const std::vector<Doors::Address> addresses = server.doors().addresses();
    std::vector<std::string> mqtt_addresses;
    std::vector<std::string> http_addresses;
    unsigned mqtt = 0;  // Ports of those that the examples can reach.
    unsigned http = 0;
    for (const Doors::Address& address : addresses) {
        if (address.speaks == config::Speaks::websockets) continue;  // No page there.
        const bool is_mqtt = address.speaks == config::Speaks::mqtt;
        (is_mqtt ? mqtt_addresses : http_addresses).push_back(address.text);
        unsigned& port = is_mqtt ? mqtt : http;
        if (port == 0 && !address.is_tls) port = address.port;
    }
    std::printf("Firehose %s%s\n", FIREHOSE_VERSION,
                settings.demo ? "  -- DEMO: recorded events, replayed; nothing here is live" : "");
    std::printf("  MQTT              %s\n", joined(mqtt_addresses, ", ").c_str());
    if (http != 0) {
        std::printf("  HTTP, WebSocket   %s\n", joined(http_addresses, ", ").c_str());
        std::printf("  page              http://localhost:%u/\n", http);
    }
    std::printf("\n");
    std::printf("Follow it:\n");
    std::printf("  mosquitto_sub -h localhost -p %u -t '#' -v\n", mqtt);
    if (http != 0) std::printf("  curl -N 'http://localhost:%u/events?topic=%%23'\n", http);
    std::printf(
        "  /usr/bin/python3 -c \"import paho.mqtt.subscribe as s; s.callback(lambda c, u, m: "
        "print(m.topic, m.payload.decode()), '#', hostname='localhost', port=%u)\"\n\n",
        mqtt);
    std::printf("ready mqtt=%s http=%s", joined(mqtt_addresses, ",").c_str(),
                joined(http_addresses, ",").c_str());
    for (const config::Listener& listener : settings.listeners) {
        if (listener.name.empty()) continue;
        const auto found = std::ranges::find(addresses, listener.name, &Doors::Address::name);
        if (found != addresses.end()) {
            std::printf(" %s=%s", listener.name.c_str(), found->text.c_str());
        }
    }
    std::printf("\n");
    std::fflush(stdout);
}

/// Before the first thread starts, so that all inherit it: the loop hears these by signalfd.
void block_signals() {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &stops, nullptr);
}

/// A reload is this user's: what it will not be able to read is said while there is time.
void warn_of(const RootFiles& files, const config::Settings& settings) {
    for (const std::string& file : files.kept(settings.all_listeners())) {
        FH_LOG(warn, "only_root_may_read", {"file", file},
               {"remedy", "a reload keeps what was read; let " + settings.process.user +
                              " read it, or restart when it has changed"});
    }
}

/// What comes before everything else: as whom, and where the log goes.
Result<PidFile, std::string> settle_in(const config::Settings& settings) {
    auto pid_file = PidFile::write(settings.process.pid_file);
    if (!pid_file) return pid_file;
    if (auto become =
            become_user(settings.process.user, settings.data, log_files(settings.logging));
        !become) {
        return Failure{become.error()};
    }
    auto log = open_log_destinations(settings.logging, &post_log_topic);
    if (!log) return Failure{log.error()};
    start_log(std::move(*log));
    return pid_file;
}

}  // namespace

int serve(const config::Settings& settings, ReadAgain read_again,
          const std::function<void()>& on_ready) {
    block_signals();
    // As whom it was started: keys are often root's alone.
    auto files = OperatorFiles::read(settings);
    if (!files) {
        std::fprintf(stderr, "firehose serve: %s\n", files.error().c_str());
        return 1;
    }
    const auto pid_file = settle_in(settings);
    if (!pid_file) {
        std::fprintf(stderr, "firehose serve: %s\n", pid_file.error().c_str());
        return 1;
    }
    RootFiles root_files = RootFiles::of(settings.all_listeners());
    warn_of(root_files, settings);
    ServiceManager manager = ServiceManager::from_environment();
    int exit_code = 0;
    {
        auto server = Server::start(settings, manager, std::move(read_again), std::move(*files),
                                    std::move(root_files));
        if (server) {
            if (settings.shards > 1) {
                FH_LOG(warn, "one_shard", {"asked", settings.shards},
                       {"reason", "several shards come with a later release"});
            }
            print_welcome(**server, settings);
            if (on_ready) on_ready();
            (*server)->run();
        } else {
            std::fprintf(stderr, "firehose serve: %s\n", server.error().c_str());
            exit_code = 1;
        }
    }
    stop_log();
    return exit_code;
}

}  // namespace firehose::app
