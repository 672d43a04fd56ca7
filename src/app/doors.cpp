// SPDX-License-Identifier: Apache-2.0
#include "app/doors.h"

#include "app/bus_settings.h"
#include "app/tls_settings.h"
#include "base/log.h"

namespace firehose::app {
namespace {

ArrivalLimits arrival_limits(const config::Settings& settings) {
    return {.connections_max = settings.limits.connections_max,
            .proxy_header_time_max = settings.net.proxy_header_timeout,
            .handshake_time_max = settings.tls.handshake_timeout,
            .first_byte_time_max = settings.limits.connect_timeout};
}

Way::UserName user_name_of(const config::TlsSettings& tls) {
    if (tls.use_subject_as_username) return Way::UserName::subject;
    return tls.use_identity_as_username ? Way::UserName::common_name : Way::UserName::none;
}

mode_t mode_of(config::PathAccess access) {
    switch (access) {
        case config::PathAccess::owner:
            return 0600;
        case config::PathAccess::group:
            return 0660;
        case config::PathAccess::everyone:
            return 0666;
    }
    return 0600;
}

net::ProxyProtocol protocol_of(config::ProxyHeader header) {
    switch (header) {
        case config::ProxyHeader::off:
            return net::ProxyProtocol::off;
        case config::ProxyHeader::v1:
            return net::ProxyProtocol::v1;
        case config::ProxyHeader::v2:
            return net::ProxyProtocol::v2;
        case config::ProxyHeader::any:
            return net::ProxyProtocol::any;
    }
    return net::ProxyProtocol::off;
}

std::vector<std::string> hosts_of(const config::Listener& listener) {
    if (!listener.host.empty()) return {listener.host};
    switch (listener.family) {
        case config::Family::any:
            return {"0.0.0.0", "::"};
        case config::Family::ipv4:
            return {"0.0.0.0"};
        case config::Family::ipv6:
            return {"::"};
    }
    return {};
}

}  // namespace

Doors::Doors(net::EventLoop& loop, bus::Shard& shard, const config::Settings& settings,
             const AccessFiles& files)
    : loop_(loop),
      shard_(shard),
      settings_(settings),
      files_(files),
      trusted_proxies_(settings.net.trusted_proxies),
      http_door_(shard,
                 {.head_bytes_max = settings.limits.http_head_bytes_max,
                  .head_time_max = settings.limits.http_head_timeout},
                 settings.limits.connections_max, trusted_proxies_),
      arrivals_(loop, trusted_proxies_, arrival_limits(settings), settings.tls.handshakes_per_turn,
                [this](bus::Incoming&& incoming, const Way& way, Protocol protocol) {
                    take(std::move(incoming), way, protocol);
                }) {}

Result<void, std::string> Doors::open() {
    for (const config::Listener& listener : settings_.all_listeners()) {
        if (auto opened = open(listener); !opened) return opened;
    }
    return {};
}

Result<void, std::string> Doors::open(const config::Listener& listener) {
    const Way::UserName user_name = user_name_of(listener.tls);
    bus::Entrance& entrance =
        shard_.add_entrance({.name = listener.name,
                             .durability = bus_durability(settings_, listener.durability),
                             .allows_anonymous = listener.allow_anonymous,
                             .takes_users_from_certificates = user_name != Way::UserName::none,
                             .acl = &files_.acl(listener.acl_file),
                             .authenticator = &files_.authenticator(listener.password_file),
                             .mount_point = listener.mount_point,
                             .takes_client_id_from_user_name = listener.use_username_as_client_id,
                             .qos_max = static_cast<mqtt::Qos>(listener.qos_max)});
    ways_.push_back(
        std::make_unique<Way>(Way{.name = listener.name,
                                  .speaks = listener.speaks,
                                  .entrance = entrance,
                                  .proxy_protocol = protocol_of(listener.proxy_protocol),
                                  .trusts_all_proxies = !listener.path.empty(),
                                  .origins = listener.origins,
                                  .user_name = user_name}));
    Way& way = *ways_.back();
    if (listener.tls.is_on()) {
        auto context = load_tls(listener);
        if (!context) return Failure{"listener " + listener.name + ": " + context.error()};
        way.tls.emplace(std::move(*context));
    }
    if (!listener.path.empty()) return open_path(listener, way);
    for (const std::string& host : hosts_of(listener)) {
        if (auto opened = open_socket(listener, way, host); !opened) return opened;
    }
    return {};
}

Result<void, std::string> Doors::open_socket(const config::Listener& listener, Way& way,
                                             const std::string& host) {
    auto opened = net::Listener::open(
        loop_,
        {.host = host,
         .port = static_cast<std::uint16_t>(listener.port),
         .interface = listener.interface,
         .buffers = {.send_bytes = static_cast<int>(settings_.net.send_buffer),
                     .receive_bytes = static_cast<int>(settings_.net.receive_buffer)}},
        [this, &way](std::unique_ptr<net::TcpStream> stream) {
            arrivals_.accept(std::move(stream), way);
        });
    if (opened) {
        listeners_.push_back({way, std::move(*opened)});
        return {};
    }
    // A host without IPv6 serves IPv4.
    const bool is_v6 = host == "::" || host == "::1";
    if (is_v6 && !listeners_.empty() &&
        (opened.error().code == std::errc::address_family_not_supported ||
         opened.error().code == std::errc::address_not_available)) {
        FH_LOG(warn, "no_ipv6", {"listener", opened.error().message});
        return {};
    }
    return Failure{opened.error().message};
}

Result<void, std::string> Doors::open_path(const config::Listener& listener, Way& way) {
    auto opened = net::Listener::open_unix(
        loop_, listener.path,
        [this, &way](std::unique_ptr<net::TcpStream> stream) {
            arrivals_.accept(std::move(stream), way);
        },
        mode_of(listener.path_access));
    if (!opened) return Failure{opened.error().message};
    listeners_.push_back({way, std::move(*opened)});
    return {};
}

void Doors::take(bus::Incoming&& incoming, const Way& way, Protocol protocol) {
    if (protocol == Protocol::mqtt) return shard_.accept_mqtt(std::move(incoming));
    http_door_.accept(std::move(incoming), way);
}

void Doors::on_tick(MonotonicTime now) {
    arrivals_.on_tick(now);
    http_door_.on_tick(now);
}

void Doors::end_turn() {
    arrivals_.end_turn();
    http_door_.end_turn();
}

void Doors::close_all() {
    close_listeners();
    arrivals_.close_all();
    http_door_.close_all();
}

std::vector<Doors::Address> Doors::addresses() const {
    std::vector<Address> addresses;
    for (const auto& [way, listener] : listeners_) {
        addresses.push_back({.name = way.name,
                             .speaks = way.speaks,
                             .is_tls = way.tls.has_value(),
                             .port = listener->port(),
                             .text = listener->address()});
    }
    return addresses;
}

}  // namespace firehose::app
