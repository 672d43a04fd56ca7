// SPDX-License-Identifier: Apache-2.0
// Bridges, plugins and pre-shared keys: known by name, refused with the reason.
#include "config/mosquitto_options.h"

namespace firehose::config {
namespace {

constexpr std::string_view kBridges = "Bridges come with a later release.";
constexpr std::string_view kPlugins =
    "Plugins come with a later release; `password_file` and `acl_file` are built in.";
constexpr std::string_view kKeys =
    "Pre-shared keys come with a later release; use certificates or passwords over TLS.";

constexpr MosquittoOption later(std::string_view name, MosquittoScope scope,
                                std::string_view reason) {
    return {.name = name,
            .scope = scope,
            .kind = MosquittoAnything{},
            .fate = MosquittoFate::refused,
            .doc = reason};
}
constexpr MosquittoOption bridge(std::string_view name) {
    return later(name, MosquittoScope::bridge, kBridges);
}
constexpr MosquittoOption plugin(std::string_view name) {
    return later(name, MosquittoScope::plugin, kPlugins);
}

constexpr MosquittoOption kOptions[] = {
    bridge("connection"),
    bridge("address"),
    bridge("addresses"),
    bridge("bridge_alpn"),
    bridge("bridge_attempt_unsubscribe"),
    bridge("bridge_bind_address"),
    bridge("bridge_cafile"),
    bridge("bridge_capath"),
    bridge("bridge_certfile"),
    bridge("bridge_ciphers"),
    bridge("bridge_ciphers_tls1.3"),
    bridge("bridge_identity"),
    bridge("bridge_insecure"),
    bridge("bridge_keyfile"),
    bridge("bridge_max_packet_size"),
    bridge("bridge_max_topic_alias"),
    bridge("bridge_outgoing_retain"),
    bridge("bridge_protocol_version"),
    bridge("bridge_psk"),
    bridge("bridge_receive_maximum"),
    bridge("bridge_reload_type"),
    bridge("bridge_require_ocsp"),
    bridge("bridge_session_expiry_interval"),
    bridge("bridge_tcp_keepalive"),
    bridge("bridge_tcp_user_timeout"),
    bridge("bridge_tls_use_os_certs"),
    bridge("bridge_tls_version"),
    bridge("cleansession"),
    bridge("clientid"),
    bridge("idle_timeout"),
    bridge("keepalive_interval"),
    bridge("local_cleansession"),
    bridge("local_clientid"),
    bridge("local_password"),
    bridge("local_username"),
    bridge("notification_topic"),
    bridge("notifications"),
    bridge("notifications_local_only"),
    bridge("password"),
    bridge("remote_clientid"),
    bridge("remote_password"),
    bridge("remote_username"),
    bridge("restart_timeout"),
    bridge("round_robin"),
    bridge("start_type"),
    bridge("threshold"),
    bridge("topic"),
    bridge("try_private"),
    bridge("username"),
    plugin("auth_opt_"),
    plugin("auth_plugin"),
    plugin("auth_plugin_deny_special_chars"),
    plugin("global_plugin"),
    plugin("plugin"),
    plugin("plugin_load"),
    plugin("plugin_opt_"),
    plugin("plugin_use"),
    later("psk_file", MosquittoScope::security, kKeys),
    later("psk_hint", MosquittoScope::listener, kKeys),
};

}  // namespace

std::span<const MosquittoOption> mosquitto_later_options() {
    return kOptions;
}

}  // namespace firehose::config
