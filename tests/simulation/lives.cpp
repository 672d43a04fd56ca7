// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "simulation/world.h"

// How the server's lives end, and what the next one finds.
namespace firehose::simulation {

void World::end_life() {
    const auto how = static_cast<Ending>(random_.below(3));
    if (weather_.fails && random_.chance(50)) mend();
    const Stopped stopped = end(how);
    ++stage_.crashes;
    stage_.stopped_at = clock_.monotonic();
    for (const auto& actor : actors_) {
        actor->client().orphan(how == Ending::power_cut);
        actor->on_crash();
    }
    server_.reset();
    authenticator_.forget();
    std::erase_if(old_pipes_, [](const auto& pipe) { return pipe->is_over(); });
    disk_.go_on();
    rows_.power_returns();
    files_.forget_closed();
    if (random_.chance(20)) clock_.leap(Microseconds{random_.below(20'000'000)});
    age_store();
    start(stopped.stop);
}

World::Stopped World::end(Ending how) {
    if (!server_->log().takes_durable()) figures_.add(Counted::stops_while_degraded);
    stage_.oldest_ever = std::max(stage_.oldest_ever, number(server_->log().oldest()));
    if (how == Ending::stop) {
        stage_.trace("server", "stops");
        figures_.add(Counted::clean_stops);
        Stop stop = server_->stop();
        if (weather_.fails) stop.is_clean = false;  // A closing header that failed is not told.
        server_->sum_up();
        return {.stop = stop, .how = how};
    }
    const bool is_cut = how == Ending::power_cut;
    const Seq durable = server_->log().durable_end();
    // What was given up counts as durable, and perhaps nobody has read so far.
    if (server_->log().metrics().blocks_dropped_total != 0) std::ignore = server_->read_all();
    stage_.trace("server", (is_cut ? "loses its power, durable to " : "is killed, durable to ") +
                               std::to_string(number(durable)));
    figures_.add(is_cut ? Counted::power_cuts : Counted::kills);
    server_->sum_up();
    if (random_.chance(70)) tear_work();
    const Seq oldest = server_->oldest_kept();
    disk_.stop_after(0);
    if (is_cut) lose_power();
    return {.stop = {.durable = durable, .oldest = oldest}, .how = how};
}

/// What the process last did was not done to the end. Nobody hears of it any more.
void World::tear_work() {
    disk_.stop_after(random_.below(5));
    rows_.faults().writes_until_cut = random_.below(4);
    switch (random_.below(4)) {
        case 0:
        case 1:
            while (!disk_.is_stopped() && server_->write_step()) continue;
            if (disk_.is_stopped()) figures_.add(Counted::torn_writes);
            return;
        case 2:
            while (!disk_.is_stopped() && server_->seal_step()) continue;
            if (disk_.is_stopped()) figures_.add(Counted::torn_seals);
            return;
        default:
            for (int i = 0; i < 50 && rows_.faults().writes_until_cut != 0; ++i) {
                server_->turn_deaf();
                server_->write_step();
                if (disk_.is_stopped()) break;  // What it says now is not true.
                server_->keep_house();
                if (disk_.is_stopped()) break;
            }
            figures_.add(Counted::torn_checkpoints);
            return;
    }
}

void World::lose_power() {
    files_.power_cut(random_);
    damaged_.power_cut(random_);
}

/// The store's file may be damaged, or gone with its disk.
void World::age_store() {
    if (!weather_.loses_store || !random_.chance(30)) return;
    if (random_.chance(60)) {
        rows_.fall_back();
        figures_.add(Counted::store_fallbacks);
        stage_.trace("store", "falls back");
        return;
    }
    rows_.lose_everything();
    figures_.add(Counted::store_losses);
    stage_.trace("store", "is lost");
    // What had left the log, as a full disk makes it too, cannot be told any more.
    if (figures_[Counted::segments_dropped] != 0) ++stage_.store_losses;
}

void World::start(const Stop& before) {
    constexpr int kTries = 20;
    Stop stop = before;
    std::string problem;
    for (int i = 0; i < kTries; ++i) {
        if (is_rough_ && i < 3 && random_.chance(20)) disk_.stop_after(random_.below(20));
        auto started = Server::start(machine_, random_, stop);
        if (started && !disk_.is_stopped()) {
            disk_.go_on();
            server_ = std::move(*started);
            stage_.log = &server_->log_seen();
            stage_.started_at = clock_.monotonic();
            stage_.trace("server", "starts: " + server_->describe());
            return;
        }
        if (!started) problem = started.error();
        const bool is_torn = disk_.is_stopped();
        stage_.trace("server", is_torn ? "dies while it starts" : "does not start: " + problem);
        if (!is_torn && !weather_.fails) break;
        figures_.add(is_torn ? Counted::torn_starts : Counted::failed_starts);
        if (is_torn && random_.chance(50)) lose_power();
        started = Failure{std::string{}};  // What is left of it.
        disk_.go_on();
        files_.forget_closed();
        stop.is_clean = false;
        if (!is_torn) mend();
    }
    stage_.fail("the server does not start: " + problem);
}

}  // namespace firehose::simulation
