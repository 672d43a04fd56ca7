// SPDX-License-Identifier: Apache-2.0
#include "app/server.h"

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

#include "app/backup_job.h"
#include "app/bus_settings.h"
#include "app/erase_job.h"
#include "app/log_topics.h"
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

}  // namespace

Result<std::unique_ptr<Server>, std::string> Server::start(const config::Settings& settings,
                                                           ServiceManager& manager,
                                                           ReadAgain read_again,
                                                           OperatorFiles&& files,
                                                           RootFiles root_files) {
    auto opened = open_log(settings);
    if (!opened) return Failure{opened.error()};
    auto loop = net::EventLoop::create(process_clock());
    if (!loop) return Failure{loop.error().message};
    std::unique_ptr<Server> server{
        new Server{settings, manager, std::move(*loop), std::move(*opened)}};

    if (auto watched = server->watch_signals(); !watched) return Failure{watched.error().message};
    server->reloader_ =
        std::make_unique<Reloader>(*server->loop_, std::move(read_again), std::move(root_files),
                                   [self = server.get()](Prepared&& prepared) {
                                       return self->take_over(std::move(prepared));
                                   });
    server->make_bus();
    if (auto restored = server->restore(); !restored) return Failure{restored.error()};
    if (auto opened_doors = server->open_doors(std::move(files)); !opened_doors) {
        return Failure{opened_doors.error()};
    }
    if (auto made = server->make_sources(); !made) return Failure{made.error()};
    return server;
}

Server::Server(const config::Settings& settings, ServiceManager& manager,
               std::unique_ptr<net::EventLoop> loop, OpenedLog opened)
    : settings_(settings),
      manager_(manager),
      bus_settings_(bus_settings(settings)),
      loop_(std::move(loop)),
      folder_(std::move(opened.folder)),
      files_(std::move(opened.files)),
      views_(std::move(opened.views)),
      log_(opened.options, *files_, clock_, std::move(opened.kept)),
      log_threads_(log_),
      addresses_(address_limit_settings(settings_), random_seed()),
      copied_bytes_max_(opened.options.bytes_max / 2),
      housekeeper_(log_, clock_),
      erase_appender_(log_.add_appender(housekeeper_.waker())),
      started_at_(clock_.monotonic()) {}

Server::~Server() {
    lead_log_topics_to(nullptr);
    for (const auto& gerrit : gerrits_) gerrit->stop();
    if (demo_) demo_->stop();
    if (doors_) doors_->close_listeners();
    housekeeper_.stop();
    reloader_.reset();
    access_files_ = {};  // Its threads answer to the shard.
}

Result<void, net::NetError> Server::watch_signals() {
    for (const int number : {SIGINT, SIGTERM}) {
        if (auto watched = loop_->on_signal(number, [this] { begin_stop(); }); !watched) {
            return watched;
        }
    }
    return loop_->on_signal(SIGHUP, [this] { begin_reload(std::nullopt); });
}

void Server::make_bus() {
    shard_ = std::make_unique<bus::Shard>(bus::Shared{.settings = bus_settings_,
                                                      .log = log_,
                                                      .retained = retained_,
                                                      .publisher_seed = random_seed(),
                                                      .version = "firehose " FIREHOSE_VERSION,
                                                      .heap_bytes = &heap_bytes,
                                                      .erasures = &erasures_},
                                          *loop_);
    lead_log_topics_to(shard_.get());
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
         .shares = &shard_->shares(),
         .read_step = [this] { return log_.read_step(); },
         .adopt = [this](session::StoredSession&& stored) { shard_->adopt(std::move(stored)); }});
    if (!restored) return Failure{restored.error()};
    FH_LOG(info, "restored", {"sessions", restored->sessions}, {"retained", restored->retained},
           {"records_read", restored->records}, {"from_seq", number(restored->from)},
           {"end_seq", number(restored->to)});
    housekeeping_->add_rows(std::move(restored->changed));
    shard_->start_shares();
    // What a stop interrupted goes on.
    for (bus::OrderedErasure& found : restored->erasures) {
        bus::EraseJob job{erase_parts(), std::move(found)};
        if (!housekeeper_.post(erase_work(std::move(job), clock_, std::nullopt))) {
            FH_LOG(warn, "erase_waits_for_the_next_start");
        }
    }
    return {};
}

Result<void, std::string> Server::open_doors(OperatorFiles&& files) {
    doors_ = std::make_unique<Doors>(*loop_, *shard_, settings_, access_files_, manager_.sockets(),
                                     addresses_);
    doors_->set_status([this] { return public_status(admin_parts()); });
    auto admin_door = AdminDoor::open(*loop_, folder_.admin_socket_path(), admin_routes());
    if (!admin_door) return Failure{admin_door.error()};
    admin_door_ = std::move(*admin_door);
    for (const config::Endpoint& endpoint : settings_.admin.listen) {
        if (auto listening = admin_door_->listen(endpoint.host, endpoint.port); !listening) {
            return listening;
        }
    }
    set_hooks();
    auto plan = doors_->plan(settings_, std::move(files.tls));
    if (!plan) return Failure{plan.error()};
    enter(std::move(*plan), std::move(files.access));
    return {};
}

AdminParts Server::admin_parts() {
    return {.shard = *shard_,
            .log = log_,
            .retained = retained_,
            .addresses = addresses_,
            .arrivals = doors_->arrival_metrics(),
            .source = source_metrics_,
            .loop = *loop_,
            .started_at = started_at_};
}

AdminDoor::Routes Server::admin_routes() {
    AdminDoor::Routes routes{
        {"POST /reload",
         [this](const http::HttpRequest&, const AdminReply& reply) { begin_reload(reply); }},
        {"POST /backup",
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
    add_operator_routes(admin_parts(), routes);
    return routes;
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
                 wake_for(shard_->wake_at());
                 doors_->end_turn();
                 admin_door_->end_turn();
             },
         .has_work = [this] { return shard_->has_work(); }});
}

/// A turn at that time, though nothing may happen: somebody is held until then.
void Server::wake_for(std::optional<MonotonicTime> at) {
    if (!at || (wake_timer_ && wake_timer_->first <= *at)) return;
    if (wake_timer_) loop_->cancel(wake_timer_->second);
    const Microseconds delay = std::max(*at - loop_->now(), Microseconds{0});
    wake_timer_.emplace(*at, loop_->after(delay, [this] { wake_timer_.reset(); }));
}

void Server::tick() {
    doors_->on_tick(loop_->now());
    admin_door_->on_tick(loop_->now());
    if (is_stopping_ && (shard_->clients_open() == 0 || loop_->now() >= stop_deadline_)) {
        shard_->end_drain();
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
    manager_.is_stopping();
    FH_LOG(info, "stopping", {"clients", shard_->clients_open()});
    is_stopping_ = true;
    stop_deadline_ = loop_->now() + settings_.shutdown.drain;
    doors_->close_listeners();
    for (const auto& gerrit : gerrits_) gerrit->stop();
    if (demo_) demo_->stop();
    doors_->close_all();
    shard_->begin_drain();
    loop_->after(std::chrono::milliseconds{10}, [this] { tick(); });
}

void Server::run() {
    log_threads_.start();
    for (const auto& gerrit : gerrits_) gerrit->start();
    if (demo_) demo_->start();
    housekeeper_.start(housekeeping_.get());
    tick();
    manager_.is_ready("Serving");
    say_alive();
    loop_->run();
    housekeeper_.stop();
    checkpoint_at_stop();
    log_threads_.stop();
}

/// From the loop: one that is stuck says nothing.
void Server::say_alive() {
    const auto interval = manager_.watchdog_interval();
    if (!interval) return;
    manager_.is_alive();
    loop_->after(*interval, [this] { say_alive(); });
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

}  // namespace firehose::app
