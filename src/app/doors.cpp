// SPDX-License-Identifier: Apache-2.0
#include "app/doors.h"

#include <fcntl.h>

#include <algorithm>

#include "app/bus_settings.h"
#include "app/tls_settings.h"
#include "base/assert.h"
#include "base/log.h"
#include "config/values.h"

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

std::vector<mqtt::Version> versions_of(const config::Listener& listener) {
    std::vector<mqtt::Version> versions;
    for (const std::string& version : listener.versions) {
        versions.push_back(version == "3.1"     ? mqtt::Version::v31
                           : version == "3.1.1" ? mqtt::Version::v311
                                                : mqtt::Version::v5);
    }
    return versions;
}

HttpDoor::Options http_options(const config::Settings& settings) {
    return {.limits = {.head_bytes_max = settings.limits.http_head_bytes_max,
                       .head_time_max = settings.limits.http_head_timeout},
            .connections_max = settings.limits.connections_max,
            .anonymous_wildcard_all = settings.auth.anonymous_wildcard_all,
            .basic_without_tls = settings.auth.basic_without_tls};
}

net::ListenOptions listen_options(const config::Listener& listener, const std::string& host,
                                  const config::NetSettings& net) {
    return {.host = host,
            .port = static_cast<std::uint16_t>(listener.port),
            .interface = listener.interface,
            .buffers = {.send_bytes = static_cast<int>(net.send_buffer),
                        .receive_bytes = static_cast<int>(net.receive_buffer)}};
}

/// A host without IPv6 serves IPv4.
bool is_no_ipv6(const std::string& host, const net::NetError& error) {
    return (host == "::" || host == "::1") &&
           (error.code == std::errc::address_family_not_supported ||
            error.code == std::errc::address_not_available);
}

}  // namespace

/// One listener of the settings and the sockets that are open for it. Stays where it is: accepted
/// streams ask it what they are.
struct Doors::Door {
    config::Listener listener;
    std::optional<Way> way;  // Nothing until it is applied.
    Sockets sockets;
};

Doors::Plan::Plan(Plan&&) noexcept = default;
Doors::Plan::~Plan() = default;

bool Doors::Plan::has(const Door* door) const {
    return std::ranges::any_of(entries, [&](const Entry& entry) { return entry.door == door; });
}

Doors::Doors(net::EventLoop& loop, bus::Shard& shard, const config::Settings& settings,
             const AccessFiles& files, std::vector<PassedSocket>& passed,
             bus::AddressLimits& addresses)
    : loop_(loop),
      shard_(shard),
      files_(files),
      passed_(passed),
      trusted_proxies_(settings.net.trusted_proxies),
      http_door_(shard, loop, http_options(settings), trusted_proxies_, addresses),
      arrivals_(loop, trusted_proxies_, addresses, arrival_limits(settings),
                settings.tls.handshakes_per_turn,
                [this](bus::Incoming&& incoming, const Way& way, Protocol protocol) {
                    take(std::move(incoming), way, protocol);
                }) {}

Doors::~Doors() = default;

/// The door with that address, if it is open and not planned for; one that speaks the same first.
Doors::Door* Doors::find_open(const config::Listener& listener, const Plan& plan) const {
    Door* found = nullptr;
    for (const auto& door : doors_) {
        const config::Listener& open = door->listener;
        if (open.host != listener.host || open.port != listener.port) continue;
        if (open.path != listener.path || open.interface != listener.interface) continue;
        if (open.family != listener.family) continue;
        if (plan.has(door.get())) continue;
        if (open.speaks == listener.speaks && open.name == listener.name) return door.get();
        if (found == nullptr) found = door.get();
    }
    return found;
}

Doors::Door* Doors::find_closed(const std::string& name, const Plan& plan) const {
    for (const auto& door : closed_) {
        if (door->listener.name == name && !plan.has(door.get())) return door.get();
    }
    return nullptr;
}

Result<Doors::TlsContexts, std::string> Doors::read_tls(
    const std::vector<config::Listener>& listeners, const RootFiles& root_files) {
    TlsContexts contexts;
    for (const config::Listener& listener : listeners) {
        ReadTls& read = contexts.emplace_back();
        if (!listener.tls.is_on()) continue;
        read.is_kept = root_files.keeps_tls(listener);
        if (read.is_kept) continue;
        auto context = load_tls(listener);
        if (!context) return Failure{"listener " + listener.name + ": " + context.error()};
        read.context.emplace(std::move(*context));
    }
    return contexts;
}

/// What was read for the same files, to the same end.
std::optional<net::TlsContext> Doors::held_tls(const config::Listener& listener) const {
    for (const auto* doors : {&doors_, &closed_}) {
        for (const auto& door : *doors) {
            if (!door->way || !door->way->tls || door->listener.speaks != listener.speaks) continue;
            if (door->listener.tls == listener.tls) return door->way->tls->share();
        }
    }
    return std::nullopt;
}

Result<Doors::Plan, std::string> Doors::plan(const config::Settings& settings, TlsContexts&& tls) {
    Plan plan;
    std::vector<config::Listener> listeners = settings.all_listeners();
    FH_ASSERT(tls.size() == listeners.size());
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        Plan::Entry entry{.listener = std::move(listeners[i]), .tls = std::move(tls[i].context)};
        if (tls[i].is_kept && !(entry.tls = held_tls(entry.listener))) {
            return Failure{"listener " + entry.listener.name +
                           ": what it says of TLS has changed, and only root may read its files; "
                           "let process.user read them, or restart"};
        }
        entry.door = find_open(entry.listener, plan);
        entry.is_open = entry.door != nullptr;
        if (!entry.is_open) {
            entry.door = find_closed(entry.listener.name, plan);
            if (entry.door == nullptr) {
                entry.fresh = std::make_unique<Door>();
                entry.door = entry.fresh.get();
            }
            auto opened = open(*entry.door, entry.listener, settings, listeners.size() == 1);
            if (!opened) return Failure{opened.error()};
            entry.sockets = std::move(*opened);
        }
        plan.entries.push_back(std::move(entry));
    }
    return plan;
}

std::vector<Doors::Change> Doors::changes_of(const Plan& plan) {
    std::vector<Change> changes;
    for (const Plan::Entry& entry : plan.entries) {
        if (entry.fresh) continue;
        changes.push_back({.entrance = entry.door->way->entrance,
                           .was = entry.door->listener,
                           .now = entry.listener});
    }
    return changes;
}

void Doors::apply(Plan&& plan, const config::Settings& settings) {
    std::vector<std::unique_ptr<Door>> before = std::exchange(doors_, {});
    const auto take_from = [](std::vector<std::unique_ptr<Door>>& doors, const Door* wanted) {
        const auto at = std::ranges::find(doors, wanted, &std::unique_ptr<Door>::get);
        std::unique_ptr<Door> taken = std::move(*at);
        doors.erase(at);
        return taken;
    };
    for (Plan::Entry& entry : plan.entries) {
        if (entry.is_open) {
            doors_.push_back(take_from(before, entry.door));
        } else {
            doors_.push_back(entry.fresh ? std::move(entry.fresh) : take_from(closed_, entry.door));
            doors_.back()->sockets = std::move(entry.sockets);
            for (const auto& socket : doors_.back()->sockets) {
                FH_LOG(info, "listener_opened", {"listener", entry.listener.name},
                       {"address", socket->address()});
            }
        }
        serve(*doors_.back(), entry, settings);
    }
    for (auto& door : before) {
        FH_LOG(info, "listener_closed", {"listener", door->listener.name});
        // Connections that are on their way still ask it what they are.
        door->sockets.clear();
        closed_.push_back(std::move(door));
    }
    trusted_proxies_ = IpNetworks{settings.net.trusted_proxies};
    http_door_.set_options(http_options(settings));
    arrivals_.set_limits(arrival_limits(settings));
}

/// From now on the door is what the entry says.
void Doors::serve(Door& door, Plan::Entry& entry, const config::Settings& settings) {
    door.listener = entry.listener;
    const config::Listener& listener = door.listener;
    if (!door.way) {
        door.way.emplace(
            Way{.entrance = shard_.add_entrance(
                    {.name = listener.name,
                     .acl = &files_.acl(listener.acl_file),
                     .authenticator = &files_.authenticator(listener.password_file)})});
    }
    Way& way = *door.way;
    way.name = listener.name;
    way.speaks = listener.speaks;
    way.proxy_protocol = protocol_of(listener.proxy_protocol);
    way.trusts_all_proxies = !listener.path.empty();
    way.origins = listener.origins;
    way.user_name = user_name_of(listener.tls);
    way.tls = std::move(entry.tls);
    bus::Entrance& entrance = way.entrance;
    entrance.name = listener.name;
    entrance.durability = bus_durability(settings, listener.durability);
    entrance.allows_anonymous = listener.allow_anonymous;
    entrance.takes_users_from_certificates = way.user_name != Way::UserName::none;
    entrance.acl = &files_.acl(listener.acl_file);
    entrance.authenticator = &files_.authenticator(listener.password_file);
    entrance.mount_point = listener.mount_point;
    entrance.takes_client_id_from_user_name = listener.use_username_as_client_id;
    entrance.qos_max = static_cast<mqtt::Qos>(listener.qos_max);
    entrance.topic_alias_max = static_cast<std::uint16_t>(listener.topic_alias_max);
    entrance.own_topic_alias_max = static_cast<std::uint16_t>(listener.own_topic_alias_max);
    entrance.versions = versions_of(listener);
    entrance.allows_empty_client_id = listener.allow_empty_client_id;
    entrance.auto_id_prefix = listener.auto_id_prefix;
    entrance.connections_max = listener.connections_max;
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

Result<Doors::Sockets, std::string> Doors::open(Door& door, const config::Listener& listener,
                                                const config::Settings& settings, bool is_only) {
    const auto on_accept = [this, &door](std::unique_ptr<net::TcpStream> stream) {
        arrivals_.accept(std::move(stream), *door.way);
    };
    Sockets sockets;
    if (!listener.path.empty()) {
        auto opened = net::Listener::open_unix(loop_, listener.path, on_accept,
                                               mode_of(listener.path_access));
        if (!opened) return Failure{opened.error().message};
        sockets.push_back(std::move(*opened));
        return sockets;
    }
    for (const std::string& host : hosts_of(listener)) {
        if (auto passed = take_passed(listener, host)) {
            sockets.push_back(net::Listener::adopt(loop_, std::move(passed), on_accept));
            continue;
        }
        auto opened =
            net::Listener::open(loop_, listen_options(listener, host, settings.net), on_accept);
        if (opened) {
            sockets.push_back(std::move(*opened));
        } else if (is_no_ipv6(host, opened.error()) && (!is_only || !sockets.empty())) {
            FH_LOG(warn, "no_ipv6", {"listener", opened.error().message});
        } else {
            return Failure{opened.error().message};
        }
    }
    return sockets;
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

void Doors::close_listeners() {
    for (const auto& door : doors_) door->sockets.clear();
}

void Doors::close_all() {
    close_listeners();
    arrivals_.close_all();
    http_door_.close_all();
}

std::vector<Doors::Address> Doors::addresses() const {
    std::vector<Address> addresses;
    for (const auto& door : doors_) {
        for (const auto& socket : door->sockets) {
            addresses.push_back({.name = door->listener.name,
                                 .speaks = door->listener.speaks,
                                 .is_tls = door->listener.tls.is_on(),
                                 .port = socket->port(),
                                 .text = socket->address()});
        }
    }
    return addresses;
}

}  // namespace firehose::app
