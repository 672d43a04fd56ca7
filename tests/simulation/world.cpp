// SPDX-License-Identifier: Apache-2.0
#include "simulation/world.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/assert.h"
#include "simulation/mortal.h"
#include "simulation/publisher.h"
#include "simulation/reader.h"
#include "simulation/sharer.h"

namespace firehose::simulation {
namespace {

constexpr std::string_view kAcl =
    "topic read #\n"
    "pattern readwrite #\n";

[[nodiscard]] bus::Acl parsed_acl() {
    auto acl = bus::Acl::parse(kAcl);
    FH_ASSERT(acl.has_value());
    return *acl;
}

/// Small bounds, so that all of them are met; which ones depends on the seed.
[[nodiscard]] log::SegmentLogOptions log_options(Random& random, bool is_kept) {
    log::SegmentLogOptions options{.memory_bytes = std::size_t{1'000} << random.below(10),
                                   .unwritten_bytes_max = std::size_t{20'000} << random.below(5),
                                   .segment_bytes = std::uint64_t{4'000} << random.below(6),
                                   .first_seq = Seq{1'000},
                                   .seed = random.next()};
    if (!is_kept) return options;
    options.mode = log::LogMode::disk;
    options.hold_bytes = std::uint64_t{1} << 40;
    if (random.chance(30)) options.segment_age = Microseconds{random.below(2'000'000) + 1};
    return options;
}

[[nodiscard]] bus::HousekeepingOptions housekeeping_options(Random& random) {
    return {.checkpoint_interval = Microseconds{1'000 << random.below(10)},
            .generation_interval = Microseconds{10'000 << random.below(8)}};
}

[[nodiscard]] bus::Settings bus_settings(Random& random, bool is_failing) {
    bus::Settings settings;
    settings.session_inflight_max = static_cast<std::uint16_t>(1 + random.below(20));
    settings.receive_maximum = static_cast<std::uint16_t>(1 + random.below(20));
    settings.publish_inflight_max = static_cast<std::uint16_t>(1 + random.below(64));
    settings.owed_refs = 1 + random.below(32);
    settings.feed_window_bytes = std::size_t{8'000} << random.below(6);
    settings.own_bytes_target = std::size_t{1'000} << random.below(6);
    settings.tail_bytes_per_turn = std::size_t{1'000} << random.below(8);
    settings.pull_bytes_per_turn = std::size_t{1'000} << random.below(6);
    // A held publisher waits for the scheduler here, not for a disk.
    settings.publish_stall_max = is_failing ? Microseconds{2'000'000} : std::chrono::hours{1};
    settings.connect_timeout = std::chrono::hours{1};
    settings.session_restart_grace =
        Microseconds{1'000'000} + Microseconds{random.below(9'000'000)};
    settings.will_restart_grace = Microseconds{random.below(9'000'000)};
    return settings;
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      clock_(random_, figures_),
      stage_{.random = random_,
             .clock = clock_,
             .figures = figures_,
             .truth = truth_,
             .broken = options.broken,
             .is_verbose = options.is_verbose},
      weather_(weather(random_)),
      disk_(files_, options.broken),
      store_(rows_, options.broken),
      acl_(parsed_acl()),
      settings_(bus_settings(random_, weather_.is_kept && weather_.fails)),
      machine_{.settings = settings_,
               .acl = acl_,
               .authenticator = authenticator_,
               .clock = clock_,
               .waker = waker_,
               .disk = disk_,
               .damaged = damaged_,
               .store = store_,
               .truth = truth_,
               .figures = figures_,
               .log = log_options(random_, weather_.is_kept),
               .housekeeping = housekeeping_options(random_),
               .shards = 1 + random_.below(2),
               .broken = options.broken} {
    mend();
    if (weather_.is_short) figures_.add(Counted::short_writes);
    stage_.is_kept = weather_.is_kept;
    stage_.may_refuse = weather_.is_kept && weather_.fails;
    stage_.session_grace = settings_.session_restart_grace;
    stage_.may_drop = weather_.fails;  // The oldest history makes room on a full disk.
    if ((weather_.fails && !weather_.is_kept) || random_.chance(30)) {
        machine_.log.bytes_max = std::uint64_t{20'000} << random_.below(4);
        stage_.may_drop = true;
        stage_.may_forget = !weather_.is_kept;
        if (weather_.is_kept && random_.chance(30)) {
            machine_.log.hold_bytes = machine_.log.bytes_max / 4;
            stage_.may_forget = true;
        }
    }
    start({.is_clean = true});
    hire();
    is_rough_ = true;
}

World::Weather World::weather(Random& random) {
    Weather weather{.is_kept = random.chance(80), .is_short = random.chance(50)};
    weather.fails = random.chance(25);
    if (!weather.is_kept) return weather;
    weather.stops = random.below(5);
    weather.loses_store = random.chance(30);
    weather.has_memory_listener = random.chance(20);
    return weather;
}

World::~World() = default;

void World::add(std::unique_ptr<Actor> actor) {
    actors_.push_back(std::move(actor));
}

void World::hire() {
    const auto slowness = [&] { return std::size_t{64} << random_.below(8); };
    const auto publisher = [&](const std::string& name, bus::Durability durability) {
        add(std::make_unique<Publisher>(
            stage_,
            SimClient::Options{
                .name = name, .client = named(random_, name), .is_websocket = random_.chance(30)},
            durability));
    };
    const auto reader = [&](const std::string& name, client::ClientOptions options,
                            Reader::Part part) {
        // Everything, or what lets it skip the rest where it is behind.
        static constexpr std::string_view kFilters[] = {"#", "#", "t/+", "t/1", "w/#"};
        part.filter = kFilters[random_.below(std::size(kFilters))];
        add(std::make_unique<Reader>(stage_,
                                     SimClient::Options{.name = name,
                                                        .client = std::move(options),
                                                        .filter = part.filter,
                                                        .qos = static_cast<mqtt::Qos>(part.qos),
                                                        .read_bytes_max = slowness(),
                                                        .is_websocket = random_.chance(30)},
                                     part));
    };
    using Session = Reader::Session;
    publisher("publisher", bus::Durability::disk);
    reader("reader", named(random_, "reader"), {.session = Session::stays, .qos = 2});
    reader("watcher", anonymous(random_), {.session = Session::none, .checks_copies = true});
    if (random_.chance(50)) {
        publisher("author",
                  weather_.has_memory_listener ? bus::Durability::memory : bus::Durability::disk);
    }
    if (random_.chance(50)) {
        reader("student", named(random_, "student"), {.session = Session::stays, .qos = 1});
    }
    if (random_.chance(50)) {
        const auto expiry_s = static_cast<std::uint32_t>(2 + random_.below(20));
        reader("guest", named(random_, "guest", expiry_s),
               {.session = Session::expires, .qos = static_cast<int>(random_.below(3))});
    }
    if (random_.chance(60)) {
        add(std::make_unique<Mortal>(
            stage_, SimClient::Options{.name = "mortal", .client = named(random_, "mortal", 0)}));
    }
    if (random_.chance(50)) hire_crew();
}

void World::hire_crew() {
    auto crew = std::make_shared<Crew>();
    crew->qos = static_cast<int>(random_.below(3));
    const std::uint64_t members = 1 + random_.below(3);
    for (std::uint64_t i = 1; i <= members; ++i) {
        const std::string name = "sharer" + std::to_string(i);
        add(std::make_unique<Sharer>(
            stage_,
            SimClient::Options{.name = name,
                               .client = named(random_, name),
                               .filter = std::string{Sharer::kFilter},
                               .qos = static_cast<mqtt::Qos>(crew->qos),
                               .read_bytes_max = std::size_t{64} << random_.below(8),
                               .is_websocket = random_.chance(30)},
            crew));
    }
}

std::optional<std::string> World::run(int steps) {
    for (int i = 0; i < steps && !stage_.problem && !truth_.problem(); ++i) step(true);
    auto problem = stage_.problem ? stage_.problem : truth_.problem();
    if (!problem) problem = settle();
    if (server_ != nullptr) server_->sum_up();
    figures_.add(Counted::seals, disk_.segments_sealed());
    figures_.add(Counted::gap_records, truth_.gaps());
    figures_.add(Counted::lost_at_crash, truth_.lost());
    if (problem && options_.is_verbose) dump();
    return problem;
}

void World::step(bool has_faults) {
    clock_.pass();
    look_at_disk();
    if (has_faults && random_.below(1'000) < weather_.stops) return end_life();
    const std::uint64_t dice = random_.below(1'000);
    Actor& someone = *actors_[random_.below(actors_.size())];
    if (dice < 350) {
        server_->turn();
        std::erase_if(old_pipes_, [](const auto& pipe) { return pipe->is_over(); });
    } else if (dice < 700) {
        step(someone);
    } else if (dice < 800) {
        if (has_faults) actors_[random_.below(actors_.size())]->act();
    } else if (dice < 870) {
        server_->write_step();
    } else if (dice < 910) {
        server_->read_step();
    } else if (dice < 930) {
        server_->keep_house();
    } else if (dice < 940) {
        static_cast<void>(server_->seal_step());
    } else if (dice < 960) {
        authenticator_.answer_one();
    } else if (dice < 985) {
        if (!someone.client().has_pipe()) connect(someone);
    } else if (dice < 990) {
        if (has_faults && someone.client().has_pipe()) disconnect(someone, false);
    } else if (dice < 991) {
        if (has_faults) clock_.leap(Microseconds{random_.below(15'000'000)});
    } else {
        if (has_faults && weather_.fails) break_something();
    }
}

void World::look_at_disk() {
    if (!server_->log().takes_durable()) figures_.add(Counted::degraded);
}

bool World::has_refused_blocks() const {
    return figures_[Counted::blocks_refused] != 0 ||
           server_->log().metrics().blocks_refused_total != 0;
}

void World::break_something() {
    log::MemoryFaults faults = files_.faults();
    switch (random_.below(6)) {
        case 0:
            faults.writes_to_fail = 1 + random_.below(3);
            figures_.add(Counted::failed_writes);
            break;
        case 1:
            faults.syncs_to_fail = 1 + random_.below(2);
            figures_.add(Counted::failed_syncs);
            break;
        case 2: {
            const std::uint64_t used = std::uint64_t{1} << 40;
            const auto space = files_.space();
            FH_ASSERT(space.has_value());
            const std::uint64_t total = faults.bytes_max.value_or(used);
            faults.bytes_max = total - space->free + random_.below(2'000);
            figures_.add(Counted::full_disks);
            break;
        }
        case 3:
            rows_.faults().writes_to_fail = 1 + random_.below(3);
            rows_.faults().writes_that_lie = random_.below(2);
            break;
        default:
            return mend();
    }
    files_.set_faults(faults);
}

void World::mend() {
    log::MemoryFaults faults;
    if (weather_.is_short) {
        faults.write_bytes_max = 1 + random_.below(500);
        faults.read_bytes_max = 1 + random_.below(5'000);
    }
    files_.set_faults(faults);
    rows_.power_returns();
}

void World::connect(Actor& actor) {
    if (!actor.prepare()) return;
    const SimPipe::Limits limits{.to_server_bytes = std::size_t{64} << random_.below(8),
                                 .to_client_bytes = std::size_t{64} << random_.below(9)};
    SimPipe& pipe = actor.client().connect(clock_.monotonic(), limits);
    actor.on_opened();
    server_->accept(pipe, actor.client().is_websocket(), actor.is_named(), actor.durability());
    figures_.add(Counted::connections);
    if (actor.client().is_websocket()) figures_.add(Counted::websockets);
    stage_.trace(actor.name(), "connects");
}

void World::disconnect(Actor& actor, bool by_server) {
    stage_.trace(actor.name(), by_server ? "was disconnected" : "is disconnected");
    std::unique_ptr<SimPipe> pipe = actor.client().disconnect();
    for (const client::Event& event : actor.client().machine().take_events()) {
        actor.on_event(event);
    }
    actor.on_disconnected(by_server);
    // One that nobody accepted is gone with its client.
    if (server_->forget(*pipe)) old_pipes_.push_back(std::move(pipe));
}

void World::step(Actor& actor) {
    SimClient& client = actor.client();
    if (!client.has_pipe()) return;
    bool is_over = false;
    for (const client::Event& event : client.step(clock_.monotonic())) {
        if (options_.is_verbose) {
            std::ostringstream text;
            text << event;
            std::string line = text.str();
            const auto dots = line.find("...");
            const auto end = line.find_last_of('.');
            if (dots != std::string::npos && end > dots) line.erase(dots, end - dots);
            stage_.trace(actor.name(), line);
        }
        actor.on_event(event);
        const auto* hang_up = std::get_if<client::HangUp>(&event);
        const bool is_goodbye = hang_up != nullptr && hang_up->reason == mqtt::ReasonCode::success;
        if (hang_up != nullptr && !is_goodbye) {
            is_over = true;
            figures_.add(Counted::hang_ups);
            // A packet id whose record is gone is used again, while the client may hold it still.
            const bool is_stopping = hang_up->reason == mqtt::ReasonCode::server_shutting_down;
            // A SUBSCRIBE whose record a full log refused: it may come back and try again.
            const bool is_over_full = hang_up->reason == mqtt::ReasonCode::quota_exceeded &&
                                      server_->log().metrics().blocks_refused_total != 0;
            const bool is_expected = stage_.may_refuse || stage_.may_forget || is_over_full ||
                                     (is_stopping && client.is_orphan());
            if (!is_expected) stage_.fail(actor.name() + ": hung up: " + hang_up->text);
        }
        if (const auto* refused = std::get_if<client::Refused>(&event)) {
            is_over = true;
            figures_.add(Counted::refused);
            // A durable CONNECT whose record a full log refused: it may try again.
            const bool is_expected =
                stage_.may_refuse ||
                (refused->reason == mqtt::ReasonCode::server_unavailable && has_refused_blocks());
            if (!is_expected) stage_.fail(actor.name() + ": refused: " + refused->text);
        }
    }
    bytes_moved_ += client.take_bytes_moved();
    if (client.is_cut_off() || is_over) {
        const bool has_waved = !client.machine().is_connected();
        // A packet that was sent in part can not be completed from what is gone.
        // One in 3.1.1 whose SUBSCRIBE a full log refused is told nothing: it may try again.
        const bool may_close =
            stage_.may_refuse || stage_.may_drop || client.is_orphan() || has_refused_blocks();
        if (!is_over && !has_waved && !may_close) {
            stage_.fail(actor.name() + ": the server closed");
        }
        disconnect(actor, true);
    }
}

std::optional<std::string> World::settle() {
    stage_.trace("world", "settles");
    if (weather_.stops != 0 && random_.chance(50)) end_life();
    if (stage_.problem) return stage_.problem;
    is_rough_ = false;
    mend();
    for (const auto& actor : actors_) {
        actor->settle();
        const bool must_end = !actor->prepare();
        if (must_end && actor->client().has_pipe()) disconnect(*actor, false);
    }
    // Comes while others may still be behind: what is newer than its position comes to it live.
    add(std::make_unique<Reader>(
        stage_,
        SimClient::Options{.name = "late comer", .client = anonymous(random_), .filter = "#"},
        Reader::Part{.checks_copies = true}));
    // Every will is due by then.
    for (int i = 0; i < 400; ++i) step(false);
    clock_.leap(std::chrono::seconds{100});

    constexpr int kIdleRounds = 40;  // That bring nobody anything: it will not settle any more.
    constexpr int kRounds = 400;
    constexpr int kSteps = 250;
    std::optional<std::string> open{"nothing was tried"};
    std::size_t progress = 0;
    for (int idle = 0, rounds = 0; open && idle < kIdleRounds; ++idle) {
        if (++rounds > kRounds) return "does not come to rest: " + *open;
        for (int i = 0; i < kSteps && !stage_.problem; ++i) step(false);
        if (stage_.problem) return stage_.problem;
        if (truth_.problem()) return truth_.problem();
        if (std::exchange(progress, bytes_moved_) != bytes_moved_) idle = 0;
        open = verdict();
    }
    if (open) return "did not settle: " + *open;
    const Records all = records();
    for (const auto& actor : actors_) actor->sum_up(all);
    return {};
}

std::optional<std::string> World::verdict() {
    for (const auto& actor : actors_) {
        if (auto open = actor->waits_for()) return actor->name() + ": " + *open;
    }
    // A will whose block is refused is lost (README.md).
    stage_.may_lose_wills = has_refused_blocks();
    const std::set<std::uint64_t> places = server_->read_all();
    if (auto problem = truth_.check_holes(places, server_->log().oldest())) return problem;
    const Records all = records();
    for (const auto& actor : actors_) {
        if (auto problem = actor->check(all)) return actor->name() + ": " + *problem;
    }
    return {};
}

Records World::records() {
    return {.kept = truth_.messages(),
            .ever = truth_.messages_ever(),
            .blurred = truth_.blurred_topics()};
}

/// What may say why it did not settle.
void World::dump() {
    if (server_ != nullptr) stage_.trace("server", server_->describe());
    for (const auto& actor : actors_) stage_.trace(actor->name(), actor->client().describe());
    for (const Seen& seen : truth_.messages_ever()) {
        stage_.trace("log", std::to_string(seen.seq) + " " + std::to_string(seen.number) + " QoS " +
                                std::to_string(seen.qos) + " " + seen.topic +
                                (seen.retain ? " retained" : ""));
    }
}

}  // namespace firehose::simulation
