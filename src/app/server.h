// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/access_files.h"
#include "app/admin_door.h"
#include "app/admin_routes.h"
#include "app/bus_sink.h"
#include "app/doors.h"
#include "app/housekeeper.h"
#include "app/open_log.h"
#include "app/operator_files.h"
#include "app/reload.h"
#include "app/service_manager.h"
#include "base/result.h"
#include "bus/erase_job.h"
#include "bus/housekeeping.h"
#include "bus/shard.h"
#include "config/settings.h"
#include "log/log_threads.h"
#include "log/segment_log.h"
#include "net/event_loop.h"
#include "source/demo_source.h"
#include "source/gerrit_source.h"

/// The bus put together: log, shard, doors, sources; members in the order in which they start.
///
/// Ownership: owns everything; the destructor stops what runs. Threads: `run` is the shard's
/// thread (the caller's); the log has a writer and a reader, the housekeeper one and a sealer,
/// passwords one thread, each source one.
/// Deliberately absent: more than one shard. The modules below are made for several (mailboxes,
/// appenders, wakers); handing a connection to its session's home shard is not built yet.
namespace firehose::app {

class Server {
public:
    /// Opens the log and the ports. `files` were read for these settings; a reload keeps of them
    /// what `root_files` names. The error is a sentence with its remedy.
    [[nodiscard]] static Result<std::unique_ptr<Server>, std::string> start(
        const config::Settings& settings, ServiceManager& manager, ReadAgain read_again,
        OperatorFiles&& files, RootFiles root_files);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Until SIGINT or SIGTERM, then drains at most `shutdown.drain`.
    void run();

    [[nodiscard]] const Doors& doors() const noexcept { return *doors_; }

private:
    Server(const config::Settings& settings, ServiceManager& manager,
           std::unique_ptr<net::EventLoop> loop, OpenedLog opened);
    void make_bus();
    [[nodiscard]] Result<void, std::string> restore();
    [[nodiscard]] AdminDoor::Routes admin_routes();
    [[nodiscard]] AdminParts admin_parts();
    void wake_for(std::optional<MonotonicTime> at);
    [[nodiscard]] bus::EraseParts erase_parts();
    void checkpoint_at_stop();
    [[nodiscard]] Result<void, net::NetError> watch_signals();
    [[nodiscard]] Result<void, std::string> open_doors(OperatorFiles&& files);
    [[nodiscard]] Result<void, std::string> make_sources();
    void set_hooks();
    void tick();
    void begin_stop();
    void begin_reload(std::optional<AdminReply> reply);
    [[nodiscard]] ReloadOutcome take_over(Prepared&& prepared);
    void enter(Doors::Plan&& plan, AccessFiles::Contents&& files);
    void say_alive();

    config::Settings settings_;
    ServiceManager& manager_;
    SystemClock clock_;
    bus::Settings bus_settings_;
    std::unique_ptr<net::EventLoop> loop_;
    AccessFiles access_files_;
    DataFolder folder_;
    std::unique_ptr<log::PosixFileSystem> files_;
    std::unique_ptr<store::SqliteViewStore> views_;  // Null with log.mode = memory.
    log::SegmentLog log_;
    log::LogThreads log_threads_;
    bus::RetainedView retained_;
    bus::Erasures erasures_;
    bus::AddressLimits addresses_;  // Outlives every connection.
    std::unique_ptr<bus::Shard> shard_;
    const std::uint64_t copied_bytes_max_;
    Housekeeper housekeeper_;
    std::unique_ptr<bus::Housekeeping> housekeeping_;  // Null without views.
    const log::AppenderId erase_appender_;             // The housekeeper's.
    std::unique_ptr<AdminDoor> admin_door_;
    std::unique_ptr<Doors> doors_;
    std::unique_ptr<Reloader> reloader_;
    std::uint64_t generation_ = 0;  // Of rights: counts reloads.

    source::SourceMetrics source_metrics_;
    std::vector<std::unique_ptr<BusSink>> sinks_;
    std::vector<std::unique_ptr<source::GerritSource>> gerrits_;
    std::unique_ptr<source::DemoSource> demo_;
    MonotonicTime started_at_;
    std::optional<std::pair<MonotonicTime, net::TimerId>> wake_timer_;
    bool is_stopping_ = false;
    MonotonicTime stop_deadline_;
};

}  // namespace firehose::app
