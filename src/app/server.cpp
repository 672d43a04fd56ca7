// SPDX-License-Identifier: Apache-2.0
#include "app/server.h"

#include <malloc.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "app/backup_job.h"
#include "app/bus_settings.h"
#include "app/erase_job.h"
#include "base/log.h"
#include "base/random.h"
#include "bus/restore.h"

namespace firehose::app {
namespace {

/// Events of sources on their way to the shard; the rest waits in the source.
constexpr std::size_t kSinkBytesMax = 8 * 1024 * 1024;

/// A disk that does not answer must not keep the program from ending.
constexpr Microseconds kLastCheckpointMax{10'000'000};

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

}  // namespace

Result<std::unique_ptr<Server>, std::string> Server::start(const config::Settings& settings) {
    auto opened = open_log(settings);
    if (!opened) return Failure{opened.error()};
    auto loop = net::EventLoop::create(process_clock());
    if (!loop) return Failure{loop.error().message};
    std::unique_ptr<Server> server{new Server{settings, std::move(*loop), std::move(*opened)}};

    if (auto read = server->read_files(); !read) return Failure{read.error()};
    for (const int number : {SIGINT, SIGTERM}) {
        auto watched =
            server->loop_->on_signal(number, [self = server.get()] { self->begin_stop(); });
        if (!watched) return Failure{watched.error().message};
    }
    server->make_bus();
    if (auto restored = server->restore(); !restored) return Failure{restored.error()};
    if (auto opened_doors = server->open_doors(); !opened_doors) {
        return Failure{opened_doors.error()};
    }
    if (auto made = server->make_sources(); !made) return Failure{made.error()};
    return server;
}

Server::Server(const config::Settings& settings, std::unique_ptr<net::EventLoop> loop,
               OpenedLog opened)
    : settings_(settings),
      bus_settings_(bus_settings(settings)),
      loop_(std::move(loop)),
      acl_(bus::Acl::none()),
      folder_(std::move(opened.folder)),
      files_(std::move(opened.files)),
      views_(std::move(opened.views)),
      log_(opened.options, *files_, clock_, std::move(opened.kept)),
      log_threads_(log_),
      copied_bytes_max_(opened.options.bytes_max / 2),
      housekeeper_(log_, clock_),
      erase_appender_(log_.add_appender(housekeeper_.waker())) {}

Server::~Server() {
    for (const auto& gerrit : gerrits_) gerrit->stop();
    if (demo_) demo_->stop();
    mqtt_listeners_.clear();
    http_listeners_.clear();
    housekeeper_.stop();
}

Result<void, std::string> Server::read_files() {
    if (!settings_.auth.password_file.empty()) {
        auto passwords = config::PasswordFile::load(settings_.auth.password_file);
        if (!passwords) return Failure{sentence(passwords.error())};
        passwords_ = std::move(*passwords);
    }
    auto acl = read_acl(settings_.auth.acl_file);
    if (!acl) return Failure{acl.error()};
    acl_ = std::move(*acl);
    return {};
}

void Server::make_bus() {
    const bool has_passwords = !settings_.auth.password_file.empty();
    authenticator_ = std::make_unique<PasswordAuthenticator>(has_passwords ? &passwords_ : nullptr);
    shard_ = std::make_unique<bus::Shard>(bus::Shared{.settings = bus_settings_,
                                                      .log = log_,
                                                      .retained = retained_,
                                                      .acl = acl_,
                                                      .authenticator = *authenticator_,
                                                      .publisher_seed = random_seed(),
                                                      .version = "firehose " FIREHOSE_VERSION,
                                                      .heap_bytes = &heap_bytes,
                                                      .erasures = &erasures_},
                                          *loop_);
    if (!views_) return;
    housekeeping_ = std::make_unique<bus::Housekeeping>(
        bus::HousekeepingOptions{.checkpoint_interval = settings_.checkpoint.interval,
                                 .copied_bytes_max = copied_bytes_max_},
        log_, *views_, retained_, std::vector{&shard_->session_rows()}, housekeeper_.waker());
}

/// Sessions and retained messages are as they were before a stranger can ask for them.
Result<void, std::string> Server::restore() {
    if (!views_) return {};
    shard_->begin_turn(loop_->now(), clock_.wall());
    auto restored = bus::restore(
        {.store = views_.get(),
         .log = log_,
         .retained = retained_,
         .read_step = [this] { return log_.read_step(); },
         .adopt = [this](session::StoredSession&& stored) { shard_->adopt(std::move(stored)); }});
    if (!restored) return Failure{restored.error()};
    FH_LOG(info, "restored", {"sessions", restored->sessions}, {"retained", restored->retained},
           {"records_read", restored->records}, {"from_seq", number(restored->from)},
           {"end_seq", number(restored->to)});
    housekeeping_->add_rows(std::move(restored->changed));
    // What a stop interrupted goes on.
    for (bus::OrderedErasure& found : restored->erasures) {
        bus::EraseJob job{erase_parts(), std::move(found)};
        if (!housekeeper_.post(erase_work(std::move(job), clock_, std::nullopt))) {
            FH_LOG(warn, "erase_waits_for_the_next_start");
        }
    }
    return {};
}

Result<void, std::string> Server::open_doors() {
    http_door_ = std::make_unique<HttpDoor>(
        *shard_, http::HttpLimits{.head_time_max = settings_.limits.http_head_timeout},
        settings_.limits.connections_max);
    auto admin_door = AdminDoor::open(*loop_, folder_.admin_socket_path(), admin_routes());
    if (!admin_door) return Failure{admin_door.error()};
    admin_door_ = std::move(*admin_door);
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

AdminDoor::Routes Server::admin_routes() {
    return {{"POST /backup",
             [this](const http::HttpRequest& request, const AdminReply& reply) {
                 const auto to = request.parameter("to");
                 if (!to || to->empty()) return reply.refuse(400, "say where to: ?to=FOLDER");
                 start_backup({.housekeeper = housekeeper_,
                               .views = views_.get(),
                               .data = settings_.data,
                               .to = std::string{*to}},
                              reply);
             }},
            {"POST /erase", [this](const http::HttpRequest& request, const AdminReply& reply) {
                 auto order = erase_order(request);
                 if (!order) return reply.refuse(400, order.error());
                 bus::EraseJob job{erase_parts(), std::move(*order)};
                 if (!housekeeper_.post(erase_work(std::move(job), clock_, reply))) {
                     reply.refuse(503, "the housekeeper has too much to do; try again later");
                 }
             }}};
}

bus::EraseParts Server::erase_parts() {
    bus::EraseParts parts{
        .log = log_, .appender = erase_appender_, .erasures = erasures_, .retained = retained_};
    if (housekeeping_) {
        parts.checkpointer = &housekeeping_->checkpointer();
        parts.store = views_.get();
        parts.begin_round = [this] { housekeeping_->begin_round(); };
    }
    parts.let_go = [this](std::function<void()> done) {
        return loop_->post([this, done = std::move(done)] {
            shard_->forget_fetched();
            done();
        });
    };
    return parts;
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
                 admin_door_->end_turn();
             },
         .has_work = [this] { return shard_->has_work(); }});
}

void Server::tick() {
    http_door_->on_tick(loop_->now());
    admin_door_->on_tick(loop_->now());
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
    housekeeper_.start(housekeeping_.get());
    tick();
    loop_->run();
    housekeeper_.stop();
    checkpoint_at_stop();
    log_threads_.stop();
}

/// The next start then reads nothing of the log.
void Server::checkpoint_at_stop() {
    if (!housekeeping_) return;
    const MonotonicTime deadline = clock_.monotonic() + kLastCheckpointMax;
    bool is_begun = false;
    while (clock_.monotonic() < deadline) {
        shard_->begin_turn(clock_.monotonic(), clock_.wall());
        shard_->end_turn();
        if (housekeeping_->has_round_ended()) {
            if (std::exchange(is_begun, true)) return;
            housekeeping_->begin_round();
        }
        if (!housekeeping_->step(clock_.monotonic())) {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }
    FH_LOG(warn, "last_checkpoint_not_written", {"problem", housekeeping_->checkpointer().error()});
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
