// SPDX-License-Identifier: Apache-2.0
#include "app/doors.h"

#include <fcntl.h>

#include <algorithm>

#include "app/bus_settings.h"
#include "base/log.h"
#include "config/values.h"

namespace firehose::app {

/// One listener of the settings and the sockets that are open for it. Stays where it is: accepted
/// streams ask it what they are.
struct Doors::Door {
    config::Listener listener;
    bus::Entrance* entrance = nullptr;  // Null until it is applied.
    std::vector<std::unique_ptr<net::Listener>> sockets;
};

Doors::Plan::Plan(Plan&&) noexcept = default;
Doors::Plan::~Plan() = default;

Doors::Doors(net::EventLoop& loop, bus::Shard& shard, const AccessFiles& files,
             std::vector<PassedSocket>& passed)
    : loop_(loop), shard_(shard), files_(files), passed_(passed), http_door_(shard, {}, 0) {}

Doors::~Doors() = default;

/// The door with that address, if it is open and not planned for; one that speaks the same first.
Doors::Door* Doors::find_open(const config::Listener& listener, const Plan& plan) const {
    Door* found = nullptr;
    for (const auto& door : doors_) {
        const config::Listener& open = door->listener;
        if (open.host != listener.host || open.port != listener.port) continue;
        const auto is_planned = [&](const auto& entry) { return entry.known == door.get(); };
        if (std::ranges::any_of(plan.entries, is_planned)) continue;
        if (open.speaks == listener.speaks && open.name == listener.name) return door.get();
        if (found == nullptr) found = door.get();
    }
    return found;
}

Result<Doors::Plan, std::string> Doors::plan(const config::Settings& settings) {
    Plan plan;
    for (config::Listener& listener : settings.all_listeners()) {
        Door* const known = find_open(listener, plan);
        Plan::Entry& entry = plan.entries.emplace_back();
        entry.listener = listener;
        entry.known = known;
        if (known != nullptr) continue;
        entry.fresh = std::make_unique<Door>();
        entry.fresh->listener = std::move(listener);
        if (auto opened = open(*entry.fresh, settings, plan.entries.size() == 1); !opened)
            return Failure{opened.error()};
    }
    return plan;
}

std::vector<Doors::Change> Doors::changes_of(const Plan& plan) {
    std::vector<Change> changes;
    for (const Plan::Entry& entry : plan.entries) {
        if (entry.known == nullptr) continue;
        changes.push_back({.entrance = *entry.known->entrance,
                           .was = entry.known->listener,
                           .now = entry.listener});
    }
    return changes;
}

void Doors::apply(Plan&& plan, const config::Settings& settings) {
    std::vector<std::unique_ptr<Door>> before = std::exchange(doors_, {});
    for (Plan::Entry& entry : plan.entries) {
        if (entry.known != nullptr) {
            const auto at = std::ranges::find(before, entry.known, &std::unique_ptr<Door>::get);
            doors_.push_back(std::move(*at));
        } else {
            entry.fresh->entrance = &entrance_of(entry.listener.name, entry.listener.acl_file,
                                                 entry.listener.password_file);
            doors_.push_back(std::move(entry.fresh));
            for (const auto& socket : doors_.back()->sockets) {
                FH_LOG(info, "listener_opened", {"listener", entry.listener.name},
                       {"address", socket->address()});
            }
        }
        Door& door = *doors_.back();
        door.listener = entry.listener;
        bus::Entrance& entrance = *door.entrance;
        entrance.name = door.listener.name;
        entrance.durability = bus_durability(settings, door.listener.durability);
        entrance.allows_anonymous = door.listener.allow_anonymous;
        entrance.acl = &files_.acl(door.listener.acl_file);
        entrance.authenticator = &files_.authenticator(door.listener.password_file);
    }
    for (const auto& door : before) {
        if (door == nullptr) continue;
        FH_LOG(info, "listener_closed", {"listener", door->listener.name});
        retired_[door->listener.name] = door->entrance;
    }
    http_door_.set_limits({.head_time_max = settings.limits.http_head_timeout},
                          settings.limits.connections_max);
}

bus::Entrance& Doors::entrance_of(const std::string& name, const std::string& acl_file,
                                  const std::string& password_file) {
    if (const auto found = retired_.find(name); found != retired_.end()) {
        bus::Entrance& entrance = *found->second;
        retired_.erase(found);
        return entrance;
    }
    return shard_.add_entrance({.name = name,
                                .acl = &files_.acl(acl_file),
                                .authenticator = &files_.authenticator(password_file)});
}

/// A copy of the socket that was handed over for it, which stays open for a later reload.
net::FileDescriptor Doors::take_passed(const config::Listener& listener,
                                       const std::string& host) const {
    const std::string address =
        config::format_endpoint({host, static_cast<std::uint16_t>(listener.port)});
    for (const PassedSocket& passed : passed_) {
        if (passed.name.empty() ? passed.address == address : passed.name == listener.name) {
            return net::FileDescriptor{::fcntl(passed.socket.get(), F_DUPFD_CLOEXEC, 0)};
        }
    }
    return {};
}

Result<void, std::string> Doors::open(Door& door, const config::Settings& settings, bool is_only) {
    const config::Listener& listener = door.listener;
    std::vector<std::string> hosts{listener.host};
    if (listener.host.empty()) hosts = {"0.0.0.0", "::"};
    for (const std::string& host : hosts) {
        const auto on_accept = [this, &door](std::unique_ptr<net::TcpStream> stream) {
            accept(std::move(stream), door);
        };
        if (auto passed = take_passed(listener, host)) {
            door.sockets.push_back(net::Listener::adopt(loop_, std::move(passed), on_accept));
            continue;
        }
        auto opened = net::Listener::open(
            loop_,
            {.host = host,
             .port = static_cast<std::uint16_t>(listener.port),
             .buffers = {.send_bytes = static_cast<int>(settings.net.send_buffer),
                         .receive_bytes = static_cast<int>(settings.net.receive_buffer)}},
            on_accept);
        if (!opened) {
            const bool has_others = !is_only || !door.sockets.empty();
            // A host without IPv6 serves IPv4.
            const bool is_v6 = host == "::" || host == "::1";
            if (is_v6 && has_others &&
                (opened.error().code == std::errc::address_family_not_supported ||
                 opened.error().code == std::errc::address_not_available)) {
                FH_LOG(warn, "no_ipv6", {"listener", opened.error().message});
                continue;
            }
            return Failure{opened.error().message};
        }
        door.sockets.push_back(std::move(*opened));
    }
    return {};
}

void Doors::accept(std::unique_ptr<net::TcpStream> stream, const Door& door) {
    bus::Peer peer{.address = stream->peer_address()};
    bus::Incoming incoming{
        .stream = std::move(stream), .entrance = *door.entrance, .peer = std::move(peer)};
    switch (door.listener.speaks) {
        case config::Speaks::mqtt:
            return shard_.accept_mqtt(std::move(incoming));
        case config::Speaks::http:
            return http_door_.accept(std::move(incoming), HttpDoor::Serves::everything);
        case config::Speaks::websockets:
            return http_door_.accept(std::move(incoming), HttpDoor::Serves::websockets);
    }
}

void Doors::close_listeners() {
    for (const auto& door : doors_) door->sockets.clear();
}

void Doors::close_all() {
    close_listeners();
    http_door_.close_all();
}

std::vector<std::string> Doors::addresses(config::Speaks speaks) const {
    std::vector<std::string> addresses;
    for (const auto& door : doors_) {
        if (door->listener.speaks != speaks) continue;
        for (const auto& socket : door->sockets) addresses.push_back(socket->address());
    }
    return addresses;
}

std::uint16_t Doors::port(config::Speaks speaks) const {
    for (const auto& door : doors_) {
        if (door->listener.speaks == speaks && !door->sockets.empty()) {
            return door->sockets.front()->port();
        }
    }
    return 0;
}

}  // namespace firehose::app
