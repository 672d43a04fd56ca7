// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>
#include <utility>

#include "app/bus_settings.h"
#include "app/server.h"
#include "base/log.h"
#include "bus/mqtt_client.h"
#include "config/reload.h"

// The server's side of a reload: what was found good is taken over at one position.
namespace firehose::app {
namespace {

constexpr const char* kKeptRemedy =
    "only root may read it; let process.user read it, or restart to have it read";

/// Lines of a problem, or of what a reply says.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

void log_outcome(const ReloadOutcome& outcome) {
    for (const std::string& line : lines_of(outcome.problem)) {
        FH_LOG(error, "reload_refused", {"problem", line});
    }
    for (const std::string& key : outcome.needs_restart) {
        FH_LOG(warn, "needs_a_restart", {"key", key});
    }
    for (const std::string& file : outcome.kept) {
        FH_LOG(warn, "file_not_read_again", {"file", file}, {"remedy", kKeptRemedy});
    }
    if (outcome.problem.empty()) FH_LOG(info, "reloaded");
}

void answer(const AdminReply& reply, const ReloadOutcome& outcome) {
    if (!outcome.problem.empty()) {
        return reply.refuse(422, "the configuration stays as it was:\n" + outcome.problem);
    }
    std::string text;
    for (const std::string& key : outcome.needs_restart) text += key + " needs a restart\n";
    for (const std::string& file : outcome.kept) {
        text += file + " was not read again: " + kKeptRemedy + "\n";
    }
    reply.respond(200, "text/plain; charset=utf-8", text + "reloaded\n");
}

}  // namespace

void Server::begin_reload(std::optional<AdminReply> reply) {
    if (is_stopping_) {
        if (reply) reply->refuse(503, "the bus is stopping");
        return;
    }
    manager_.is_reloading(loop_->now());
    reloader_->start([this, reply = std::move(reply)](const ReloadOutcome& outcome) {
        log_outcome(outcome);
        manager_.is_ready(outcome.problem.empty()
                              ? "Serving"
                              : "Serving; the last reload was refused, see the log");
        if (reply) answer(*reply, outcome);
    });
}

ReloadOutcome Server::take_over(Prepared&& prepared) {
    if (is_stopping_) return {.problem = "the bus is stopping"};
    ReloadOutcome outcome;
    outcome.needs_restart = config::keep_until_restart(prepared.settings, settings_);
    auto plan = doors_->plan(prepared.settings, std::move(prepared.files.tls));
    if (!plan) return {.problem = plan.error()};
    outcome.kept = std::move(prepared.files.kept);
    access_files_.fill_kept(prepared.files.access);
    // Nothing fails from here on.
    change_log(std::move(prepared.log));
    shard_->change_access([&] {
        settings_ = std::move(prepared.settings);
        bus_settings_ = bus_settings(settings_);
        addresses_.change(address_limit_settings(settings_));
        enter(std::move(*plan), std::move(prepared.files.access));
    });
    return outcome;
}

/// Takes over who may come in, and sends away who may not be here by that: anonymous clients where
/// none are let in any more, users whose password of then is not theirs any more.
void Server::enter(Doors::Plan&& plan, AccessFiles::Contents&& files) {
    struct Changed {
        bool allows_anonymous = true;
        std::set<std::string> lost;
    };
    std::map<const bus::Entrance*, Changed> changed;
    for (const Doors::Change& change : Doors::changes_of(plan)) {
        const auto before = access_files_.passwords(change.was.password_file);
        changed[&change.entrance] = {
            .allows_anonymous = change.now.allow_anonymous,
            .lost = files.passwords.at(change.now.password_file).lost_since(before)};
    }
    const std::uint64_t generation = generation_++;
    const auto is_gone = [changed = std::move(changed), generation](const bus::MqttClient& client) {
        const auto found = changed.find(&client.entrance());
        if (found == changed.end()) return false;
        const auto& user = client.identity().user_name;
        if (!user) return !found->second.allows_anonymous;
        if (client.peer().certificate_user) return false;  // Not by a password.
        return client.password_generation() < generation && found->second.lost.contains(*user);
    };
    const auto expel = [this, is_gone] { std::ignore = shard_->expel(is_gone); };
    // Once more when the checks that were under way are done: they went by the passwords before.
    access_files_.replace(std::move(files), generation,
                          [this, expel] { std::ignore = loop_->post(expel); });
    doors_->apply(std::move(plan), settings_);
    expel();
}

}  // namespace firehose::app
