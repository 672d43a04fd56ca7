// SPDX-License-Identifier: Apache-2.0
#include "app/doors.h"

#include "app/bus_settings.h"
#include "base/log.h"

namespace firehose::app {

Doors::Doors(net::EventLoop& loop, bus::Shard& shard, const config::Settings& settings,
             const AccessFiles& files)
    : loop_(loop),
      shard_(shard),
      settings_(settings),
      files_(files),
      http_door_(shard, {.head_time_max = settings.limits.http_head_timeout},
                 settings.limits.connections_max) {}

Result<void, std::string> Doors::open() {
    for (const config::Listener& listener : settings_.all_listeners()) {
        if (auto opened = open(listener); !opened) return opened;
    }
    return {};
}

Result<void, std::string> Doors::open(const config::Listener& listener) {
    bus::Entrance& entrance =
        shard_.add_entrance({.name = listener.name,
                             .durability = bus_durability(settings_, listener.durability),
                             .allows_anonymous = listener.allow_anonymous,
                             .acl = &files_.acl(listener.acl_file),
                             .authenticator = &files_.authenticator(listener.password_file),
                             .mount_point = listener.mount_point,
                             .takes_client_id_from_user_name = listener.use_username_as_client_id,
                             .qos_max = static_cast<mqtt::Qos>(listener.qos_max)});
    std::vector<std::string> hosts{listener.host};
    if (listener.host.empty()) hosts = {"0.0.0.0", "::"};
    for (const std::string& host : hosts) {
        auto opened = net::Listener::open(
            loop_,
            {.host = host,
             .port = static_cast<std::uint16_t>(listener.port),
             .buffers = {.send_bytes = static_cast<int>(settings_.net.send_buffer),
                         .receive_bytes = static_cast<int>(settings_.net.receive_buffer)}},
            [this, speaks = listener.speaks, &entrance](std::unique_ptr<net::TcpStream> stream) {
                accept(std::move(stream), speaks, entrance);
            });
        if (!opened) {
            // A host without IPv6 serves IPv4.
            const bool is_v6 = host == "::" || host == "::1";
            if (is_v6 && !listeners_.empty() &&
                (opened.error().code == std::errc::address_family_not_supported ||
                 opened.error().code == std::errc::address_not_available)) {
                FH_LOG(warn, "no_ipv6", {"listener", opened.error().message});
                continue;
            }
            return Failure{opened.error().message};
        }
        listeners_.push_back({listener.speaks, std::move(*opened)});
    }
    return {};
}

void Doors::accept(std::unique_ptr<net::TcpStream> stream, config::Speaks speaks,
                   bus::Entrance& entrance) {
    bus::Peer peer{.address = stream->peer_address()};
    bus::Incoming incoming{
        .stream = std::move(stream), .entrance = entrance, .peer = std::move(peer)};
    switch (speaks) {
        case config::Speaks::mqtt:
            return shard_.accept_mqtt(std::move(incoming));
        case config::Speaks::http:
            return http_door_.accept(std::move(incoming), HttpDoor::Serves::everything);
        case config::Speaks::websockets:
            return http_door_.accept(std::move(incoming), HttpDoor::Serves::websockets);
    }
}

void Doors::close_all() {
    close_listeners();
    http_door_.close_all();
}

std::vector<std::string> Doors::addresses(config::Speaks speaks) const {
    std::vector<std::string> addresses;
    for (const Open& open : listeners_) {
        if (open.speaks == speaks) addresses.push_back(open.listener->address());
    }
    return addresses;
}

std::uint16_t Doors::port(config::Speaks speaks) const {
    for (const Open& open : listeners_) {
        if (open.speaks == speaks) return open.listener->port();
    }
    return 0;
}

}  // namespace firehose::app
