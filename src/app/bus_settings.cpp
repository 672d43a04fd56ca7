// SPDX-License-Identifier: Apache-2.0
#include "app/bus_settings.h"

namespace firehose::app {
namespace {

bus::Durability weakest_durability(const config::Settings& settings) {
    bool is_disk = settings.log.mode == config::LogMode::disk;
    for (const config::Listener& listener : settings.all_listeners()) {
        is_disk = is_disk && listener.durability == config::Durability::disk;
    }
    return is_disk ? bus::Durability::disk : bus::Durability::memory;
}

bus::PublishLimits publish_limits(const config::PublishSettings& publish) {
    return {.messages = {publish.messages_per_s, publish.messages_burst},
            .bytes = {publish.bytes_per_s, publish.bytes_burst}};
}

}  // namespace

bus::Durability bus_durability(const config::Settings& settings, config::Durability asked) {
    const bool is_disk =
        settings.log.mode == config::LogMode::disk && asked == config::Durability::disk;
    return is_disk ? bus::Durability::disk : bus::Durability::memory;
}

bus::AddressLimitSettings address_limit_settings(const config::Settings& settings) {
    const config::AddressLimitSettings& address = settings.limits.address;
    bus::AddressLimitSettings limits{
        .connections_max = address.connections_max,
        .connects = {address.connects_per_s, address.connects_burst},
        .subscribes = {address.subscribes_per_s, address.subscribes_burst},
        .requests = {address.requests_per_s, address.requests_burst},
        .publishes = publish_limits(settings.publish)};
    for (const auto* networks : {&settings.limits.exempt, &settings.net.trusted_proxies}) {
        for (const std::string& network : *networks) {
            if (const auto parsed = IpNetwork::parse(network)) limits.exempt.push_back(*parsed);
        }
    }
    return limits;
}

bus::Settings bus_settings(const config::Settings& s) {
    const auto seconds = [](Microseconds time) {
        return std::chrono::duration_cast<std::chrono::seconds>(time).count();
    };
    return {
        .packet_bytes_max = static_cast<std::uint32_t>(s.limits.packet_bytes_max),
        .connect_bytes_max = static_cast<std::uint32_t>(s.limits.connect_bytes_max),
        .input_bytes_max = s.limits.input_bytes_max,
        .connections_max = s.limits.connections_max,
        .subscriptions_max = s.limits.subscriptions_max,
        .topic_levels_max = s.limits.topic_levels_max,
        .subscription_bytes_max = s.limits.subscription_bytes_max,
        .filters_per_subscribe_max = s.limits.filters_per_subscribe_max,
        .topic_bytes_max = s.limits.topic_bytes_max,
        .client_id_bytes_max = s.limits.client_id_bytes_max,
        .user_name_bytes_max = s.limits.user_name_bytes_max,
        .user_properties_max = s.limits.user_properties_max,
        .anonymous_wildcard_all = s.auth.anonymous_wildcard_all,
        .retained_count_max = s.retained.count_max,
        .retained_bytes_max = s.retained.bytes_max,
        .user_publishes = publish_limits(s.publish),
        .connect_timeout = s.limits.connect_timeout,
        .publish_inflight_max = static_cast<std::uint16_t>(s.publish.inflight_max),
        .publish_held_max = s.publish.held_max,
        .publish_stall_max = s.publish.stall_max,
        .replies_bytes_max = s.connection.replies_max,
        .websocket_ping_interval = s.websocket.ping_interval,
        .owed_refs = s.session.owed_refs,
        .session_inflight_max = static_cast<std::uint16_t>(s.session.inflight_max),
        .receive_maximum = static_cast<std::uint16_t>(s.session.receive_maximum),
        .topic_alias_maximum = static_cast<std::uint16_t>(s.session.topic_alias_max),
        .own_topic_alias_max = static_cast<std::uint16_t>(s.session.own_topic_alias_max),
        .keep_alive_max_s = static_cast<std::uint16_t>(seconds(s.keep_alive.max)),
        .session_expiry_max_s = static_cast<std::uint32_t>(seconds(s.session.expiry_max)),
        .sessions_max = s.session.count_max,
        .session_restart_grace = s.session.restart_grace,
        .will_restart_grace = s.will.restart_grace,
        .v31_client_id_max = static_cast<std::uint16_t>(s.limits.v31_client_id_max),
        .qos_max = static_cast<mqtt::Qos>(s.publish.qos_max),
        .takes_retained = s.retain.is_available,
        .grants_reserved_filters = s.subscribe.unknown_dollar == config::UnknownDollar::grant,
        .anonymous_sessions = s.session.anonymous == config::AnonymousSessions::standard
                                  ? bus::AnonymousSessions::standard
                                  : bus::AnonymousSessions::own,
        .keys_by_client_id = s.session.key == config::SessionKey::client_id,
        .queued_max = s.session.queued_max,
        .queued_bytes_max = s.session.queued_bytes_max,
        .queues_qos_0 = s.session.queue_qos_0,
        .upgrades_qos = s.session.upgrade_qos,
        .allows_empty_client_id = s.client_id.allow_empty,
        .auto_id_prefix = s.client_id.auto_prefix,
        .client_id_prefix = s.client_id.prefix,
        .payload_bytes_max = static_cast<std::uint32_t>(s.publish.payload_bytes_max),
        .feed_window_bytes = s.feed.window_bytes,
        .feed_lag_max = s.feed.lag_max,
        .check_retain_source = s.auth.check_retain_source,
        .share_anonymous = s.share.anonymous,
        .share_owed_max = s.share.owed_max,
        .durability = weakest_durability(s),
        .sys_interval = s.sys.interval,
    };
}

}  // namespace firehose::app
