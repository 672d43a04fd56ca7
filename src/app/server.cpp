// SPDX-License-Identifier: Apache-2.0
#include "app/server.h"

#include <malloc.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/bus_settings.h"
#include "app/log_settings.h"
#include "base/log.h"
#include "base/random.h"

namespace firehose::app {
namespace {

/// Events of sources on their way to the shard; the rest waits in the source.
constexpr std::size_t kSinkBytesMax = 8 * 1024 * 1024;

/// The loop's clock outlives it.
SystemClock& process_clock() {
    static SystemClock clock;
    return clock;
}

std::uint64_t heap_bytes() {
    return mallinfo2().uordblks;
}

Result<std::string, std::string> read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) return Failure{path + ": cannot be read; does it exist, and may this user read it?"};
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

std::string sentence(const config::ConfigErrors& errors) {
    std::string text;
    for (const config::ConfigError& error : errors) {
        if (!text.empty()) text += '\n';
        text += to_string(error);
    }
    return text;
}

Result<bus::Acl, std::string> read_acl(const std::string& path) {
    if (path.empty()) return bus::Acl::none();
    const auto text = read_file(path);
    if (!text) return Failure{text.error()};
    auto acl = bus::Acl::parse(*text);
    if (acl) return std::move(*acl);
    std::string problems;
    for (const bus::AclError& error : acl.error()) {
        if (!problems.empty()) problems += '\n';
        problems += path + ":" + std::to_string(error.line) + ": " + error.problem;
    }
    return Failure{problems};
}

std::string log_folder(const config::Settings& settings) {
    return settings.data + "/log";
}

/// What an earlier run left in the folder.
Result<log::KeptLog, std::string> find_log(const config::Settings& settings,
                                           log::FileSystem& files) {
    log::KeptLog kept{.log_id = random_seed()};
    if (settings.log.mode != config::LogMode::disk) return kept;
    const auto names = files.list();
    if (!names) {
        return Failure{log_folder(settings) + ": cannot be read (" + names.error().message() + ")"};
    }
    if (!names->empty()) {
        return Failure{log_folder(settings) +
                       ": holds the log of an earlier run, which this build cannot go on with yet; "
                       "choose another folder with --data"};
    }
    return kept;
}

}  // namespace

Result<std::unique_ptr<Server>, std::string> Server::start(const config::Settings& settings) {
    std::error_code failed;
    std::filesystem::create_directories(settings.data, failed);
    if (failed) {
        return Failure{settings.data + ": the data folder cannot be made (" + failed.message() +
                       "); choose another with --data"};
    }
    std::filesystem::create_directories(log_folder(settings), failed);
    log::PosixFileSystem files{log_folder(settings)};
    auto kept = find_log(settings, files);
    if (!kept) return Failure{kept.error()};
    const auto space = files.space();
    if (!space) return Failure{log_folder(settings) + ": " + space.error().message()};

    auto loop = net::EventLoop::create(process_clock());
    if (!loop) return Failure{loop.error().message};
    std::unique_ptr<Server> server{
        new Server{settings, std::move(*loop), log_options(settings, *space), std::move(*kept)}};

    if (!settings.auth.password_file.empty()) {
        auto passwords = config::PasswordFile::load(settings.auth.password_file);
        if (!passwords) return Failure{sentence(passwords.error())};
        server->passwords_ = std::move(*passwords);
    }
    auto acl = read_acl(settings.auth.acl_file);
    if (!acl) return Failure{acl.error()};
    server->acl_ = std::move(*acl);

    for (const int number : {SIGINT, SIGTERM}) {
        auto watched =
            server->loop_->on_signal(number, [self = server.get()] { self->begin_stop(); });
        if (!watched) return Failure{watched.error().message};
    }
    if (auto opened = server->open_doors(); !opened) return Failure{opened.error()};
    if (auto made = server->make_sources(); !made) return Failure{made.error()};
    return server;
}

Server::Server(const config::Settings& settings, std::unique_ptr<net::EventLoop> loop,
               const log::SegmentLogOptions& log_options, log::KeptLog kept)
    : settings_(settings),
      bus_settings_(bus_settings(settings)),
      loop_(std::move(loop)),
      acl_(bus::Acl::none()),
      files_(log_folder(settings)),
      log_(log_options, files_, clock_, std::move(kept)),
      log_threads_(log_) {}

Server::~Server() {
    for (const auto& gerrit : gerrits_) gerrit->stop();
    if (demo_) demo_->stop();
    mqtt_listeners_.clear();
    http_listeners_.clear();
}

Result<void, std::string> Server::open_doors() {
    const bool has_passwords = !settings_.auth.password_file.empty();
    authenticator_ = std::make_unique<PasswordAuthenticator>(has_passwords ? &passwords_ : nullptr);
    shard_ = std::make_unique<bus::Shard>(bus::Shared{.settings = bus_settings_,
                                                      .log = log_,
                                                      .retained = retained_,
                                                      .acl = acl_,
                                                      .authenticator = *authenticator_,
                                                      .publisher_seed = random_seed(),
                                                      .version = "firehose " FIREHOSE_VERSION,
                                                      .heap_bytes = &heap_bytes},
                                          *loop_);
    http_door_ = std::make_unique<HttpDoor>(
        *shard_, http::HttpLimits{.head_time_max = settings_.limits.http_head_timeout},
        settings_.limits.connections_max);
    set_hooks();
    const auto to_mqtt = [this](std::unique_ptr<net::TcpStream> stream) {
        shard_->accept_mqtt(std::move(stream), false, {}, bus_settings_.durability);
    };
    const auto to_http = [this](std::unique_ptr<net::TcpStream> stream) {
        http_door_->accept(std::move(stream));
    };
    if (auto opened = open(settings_.listen.mqtt, to_mqtt, mqtt_listeners_); !opened) {
        return opened;
    }
    return open(settings_.listen.http, to_http, http_listeners_);
}

Result<void, std::string> Server::open(const std::vector<config::Endpoint>& endpoints,
                                       const net::Listener::OnAccept& on_accept,
                                       Listeners& listeners) {
    for (const config::Endpoint& endpoint : endpoints) {
        auto listener = net::Listener::open(
            *loop_,
            {.host = endpoint.host,
             .port = endpoint.port,
             .buffers = {.send_bytes = static_cast<int>(settings_.net.send_buffer),
                         .receive_bytes = static_cast<int>(settings_.net.receive_buffer)}},
            on_accept);
        if (!listener) {
            // A host without IPv6 serves IPv4.
            if (endpoint.host == "::" && !listeners.empty() &&
                listener.error().code == std::errc::address_family_not_supported) {
                FH_LOG(warn, "no_ipv6", {"listener", listener.error().message});
                continue;
            }
            return Failure{listener.error().message};
        }
        listeners.push_back(std::move(*listener));
    }
    return {};
}

Result<void, std::string> Server::make_sources() {
    for (const config::GerritSource& gerrit : settings_.source.gerrit) {
        sinks_.push_back(std::make_unique<BusSink>(*shard_, gerrit.name, kSinkBytesMax));
        auto source = source::GerritSource::make(
            {.name = gerrit.name,
             .ssh = {.host = gerrit.host,
                     .port = static_cast<std::uint16_t>(gerrit.port),
                     .username = gerrit.username,
                     .key_file = gerrit.key,
                     .known_hosts = gerrit.known_hosts,
                     .host_keys = gerrit.host_key_check == config::HostKeyCheck::strict
                                      ? source::HostKeys::strict
                                      : source::HostKeys::accept_new,
                     .types = gerrit.types},
             .topic = gerrit.topic,
             .deny = settings_.source.deny,
             .packet_bytes_max = settings_.limits.packet_bytes_max,
             .buffer_bytes = settings_.source.buffer_bytes},
            *sinks_.back(), source_metrics_);
        if (!source) return Failure{"source " + gerrit.name + ": " + source.error()};
        gerrits_.push_back(std::move(*source));
    }
    if (settings_.demo) {
        sinks_.push_back(std::make_unique<BusSink>(*shard_, "demo", kSinkBytesMax));
        demo_ = std::make_unique<source::DemoSource>(0, *sinks_.back(), source_metrics_);
    }
    return {};
}

void Server::set_hooks() {
    loop_->set_turn_hooks(
        {.on_turn_begin = [this] { shard_->begin_turn(loop_->now(), clock_.wall()); },
         .on_turn_end =
             [this] {
                 shard_->end_turn();
                 http_door_->end_turn();
             },
         .has_work = [this] { return shard_->has_work(); }});
}

void Server::tick() {
    http_door_->on_tick(loop_->now());
    if (is_stopping_ && (shard_->clients_open() == 0 || loop_->now() >= stop_deadline_)) {
        loop_->stop();
        return;
    }
    const Microseconds pause =
        is_stopping_ ? std::chrono::milliseconds{50} : std::chrono::seconds{1};
    loop_->after(pause, [this] { tick(); });
}

void Server::begin_stop() {
    if (is_stopping_) {  // The second time: at once.
        loop_->stop();
        return;
    }
    FH_LOG(info, "stopping", {"clients", shard_->clients_open()});
    is_stopping_ = true;
    stop_deadline_ = loop_->now() + settings_.shutdown.drain;
    mqtt_listeners_.clear();
    http_listeners_.clear();
    for (const auto& gerrit : gerrits_) gerrit->stop();
    if (demo_) demo_->stop();
    http_door_->close_all();
    shard_->begin_drain();
    loop_->after(std::chrono::milliseconds{10}, [this] { tick(); });
}

void Server::run() {
    log_threads_.start();
    for (const auto& gerrit : gerrits_) gerrit->start();
    if (demo_) demo_->start();
    tick();
    loop_->run();
    log_threads_.stop();
}

std::vector<std::string> Server::mqtt_addresses() const {
    std::vector<std::string> addresses;
    for (const auto& listener : mqtt_listeners_) addresses.push_back(listener->address());
    return addresses;
}

std::vector<std::string> Server::http_addresses() const {
    std::vector<std::string> addresses;
    for (const auto& listener : http_listeners_) addresses.push_back(listener->address());
    return addresses;
}

std::uint16_t Server::mqtt_port() const {
    return mqtt_listeners_.empty() ? 0 : mqtt_listeners_.front()->port();
}

std::uint16_t Server::http_port() const {
    return http_listeners_.empty() ? 0 : http_listeners_.front()->port();
}

}  // namespace firehose::app
