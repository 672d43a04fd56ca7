// SPDX-License-Identifier: Apache-2.0
#include "config/mosquitto_draft.h"

#include <arpa/inet.h>

#include <algorithm>

#include "config/checks.h"

namespace firehose::config {
namespace {

constexpr std::uint16_t kMqttPort = 1883;
constexpr std::string_view kDataFolder = "./firehose.data";

bool is_address(int family, const std::string& host) {
    unsigned char address[sizeof(in6_addr)];
    return inet_pton(family, host.c_str(), address) == 1;
}

}  // namespace

/// mosquitto 2.1's defaults, where they are not ours.
MosquittoDraft::MosquittoDraft() {
    settings.listen.mqtt.clear();
    settings.listen.http.clear();
    settings.data = kDataFolder;
    settings.log.mode = LogMode::memory;
    settings.process.user = kMosquittoUser;
    settings.logging.connection_messages = true;
    settings.auth.check_retain_source = true;
    settings.subscribe.unknown_dollar = UnknownDollar::grant;
    settings.auth.without_acl_file = WithoutAclFile::readwrite;
    settings.session.anonymous = AnonymousSessions::standard;
    settings.session.key = SessionKey::client_id;
    settings.share.anonymous = true;
    settings.limits.v31_client_id_max = 0;
    settings.session.receive_maximum = 20;
    settings.session.inflight_max = 20;
    settings.session.queued_max = 1'000;
    settings.publish.messages_per_s = 0;  // mosquitto slows nobody.
    settings.publish.bytes_per_s = 0;
    settings.session.expiry_max = std::chrono::hours{24 * 36'500};
}

void MosquittoDraft::fail(std::string problem, std::string allowed) {
    errors.push_back({file, line, name, std::move(problem), std::move(allowed)});
}

void MosquittoDraft::note(std::string remark) {
    notes.push_back({file, line, name, std::move(remark), ""});
}

MosquittoListener& MosquittoDraft::listener() {
    if (current != kNone) return listeners[current];
    if (default_listener.line == 0) {
        default_listener.file = file;
        default_listener.line = line;
        default_listener.begun_by = name;
    }
    return default_listener;
}

MosquittoSecurity& MosquittoDraft::of_security() {
    has_security_ = true;
    return is_per_listener ? listener().security : security;
}

void MosquittoDraft::begin_listener(std::uint16_t port, std::string_view where) {
    // What follows the address is no more of the line than a comment is.
    where = where.substr(0, where.find_first_of(" \t"));
    if (where.starts_with('#')) where = {};
    if (port == 0 && where.empty()) {
        return fail("0 needs the path of a Unix socket", "0 PATH, or a port");
    }
    MosquittoListener& added = listeners.emplace_back();
    added.file = file;
    added.line = line;
    added.begun_by = name;
    added.is_open = true;
    added.settings.port = port == 0 ? kMqttPort : port;  // A path stands for itself.
    (port == 0 ? added.settings.path : added.settings.host) = where;
    current = listeners.size() - 1;
}

void MosquittoDraft::begin_default() {
    current = kNone;  // Also after a `listener`: what follows is the default listener's.
    listener().is_open = true;
}

void MosquittoDraft::set_per_listener(bool is_on) {
    if (is_per_listener) return;  // mosquitto never turns it off again.
    if (is_on && has_security_) {
        return fail("comes after options that it is about", "before them, best as the first line");
    }
    is_per_listener = is_on;
}

void MosquittoDraft::fail_at(const MosquittoListener& at, std::string problem,
                             std::string allowed) {
    errors.push_back({at.file, at.line, at.begun_by, std::move(problem), std::move(allowed)});
}

void MosquittoDraft::check(const MosquittoListener& at) {
    const Listener& listener = at.settings;
    const TlsSettings& tls = listener.tls;
    if (listener.family == Family::ipv4 && is_address(AF_INET6, listener.host)) {
        fail_at(at, "has an IPv6 address and socket_domain ipv4");
    }
    if (listener.family == Family::ipv6 && is_address(AF_INET, listener.host)) {
        fail_at(at, "has an IPv4 address and socket_domain ipv6");
    }
    if (std::string wrong = mount_point_problem(listener.mount_point); !wrong.empty()) {
        fail_at(at, "has a mount_point that " + wrong, "the beginning of a topic");
    }
    const bool has_ca = !tls.ca_file.empty() || !tls.ca_path.empty();
    const bool judges = tls.require_certificate || tls.use_identity_as_username ||
                        tls.use_subject_as_username || !tls.crl_file.empty();
    const bool is_behind_proxy = listener.proxy_protocol != ProxyHeader::off;
    if (tls.cert_file.empty() != tls.key_file.empty()) {
        fail_at(at, "has one of certfile and keyfile", "both, or neither");
    } else if (tls.cert_file.empty() && (has_ca || (judges && !is_behind_proxy))) {
        fail_at(at, "has TLS options without certfile and keyfile", "both of them as well");
    } else if (judges && !has_ca && !is_behind_proxy) {
        fail_at(at, "judges clients' certificates and trusts nobody", "cafile or capath");
    } else if (tls.use_identity_as_username && tls.use_subject_as_username) {
        fail_at(at, "takes user names from identity and subject", "one of them");
    }
}

void MosquittoDraft::open(const MosquittoListener& from, bool is_local_only) {
    check(from);
    Listener& to = settings.listeners.emplace_back(from.settings);
    TlsSettings& tls = to.tls;
    if (!tls.require_certificate && !tls.use_identity_as_username && !tls.use_subject_as_username) {
        // mosquitto asks clients for no certificate then; with these files we would.
        tls.ca_file.clear();
        tls.ca_path.clear();
        tls.crl_file.clear();
    }
    to.allow_anonymous =
        from.security.allow_anonymous.value_or(security.allow_anonymous.value_or(is_local_only));
    to.password_file = from.security.password_file;
    to.acl_file = from.security.acl_file;
    to.allow_empty_client_id = from.security.allow_empty_id.value_or(true);
    to.auto_id_prefix = from.security.auto_id_prefix;
    to.topic_alias_max = from.topic_alias_max;
    to.own_topic_alias_max = from.own_topic_alias_max;
}

/// mosquitto's local-only mode: what the file says of the default listener holds for it, and
/// nobody elsewhere reaches it.
void MosquittoDraft::open_local_only(const std::vector<std::uint16_t>& ports) {
    const bool has_v4 = default_listener.settings.family != Family::ipv6;
    const bool has_v6 = default_listener.settings.family != Family::ipv4;
    for (const std::uint16_t port : ports.empty() ? std::vector{kMqttPort} : ports) {
        for (const char* host : {"127.0.0.1", "::1"}) {
            const bool is_v6 = host[0] == ':';
            if (is_v6 ? !has_v6 : !has_v4) continue;
            MosquittoListener local = default_listener;
            local.settings.family = Family::any;
            local.settings.host = host;
            local.settings.port = port;
            open(local, true);
        }
    }
}

void MosquittoDraft::finish_security() {
    settings.auth.password_file = security.password_file;
    settings.auth.acl_file = security.acl_file;
    settings.client_id.allow_empty = security.allow_empty_id.value_or(true);
    if (!security.auto_id_prefix.empty()) settings.client_id.auto_prefix = security.auto_id_prefix;
}

/// The bound of all is the largest; a listener says its own where that is less.
void MosquittoDraft::finish_aliases() {
    SessionSettings& session = settings.session;
    session.topic_alias_max = session.own_topic_alias_max = 0;
    for (const Listener& each : settings.listeners) {
        session.topic_alias_max = std::max(session.topic_alias_max, each.topic_alias_max);
        session.own_topic_alias_max =
            std::max(session.own_topic_alias_max, each.own_topic_alias_max);
    }
    const Listener standard;
    for (Listener& each : settings.listeners) {
        if (each.topic_alias_max == session.topic_alias_max) {
            each.topic_alias_max = standard.topic_alias_max;
        }
        if (each.own_topic_alias_max == session.own_topic_alias_max) {
            each.own_topic_alias_max = standard.own_topic_alias_max;
        }
    }
}

/// Makes `settings.listeners`.
void MosquittoDraft::open_all(const std::vector<std::uint16_t>& ports) {
    const bool has_listener = default_listener.is_open || !listeners.empty();
    if (!has_listener) return open_local_only(ports);
    if (!ports.empty()) {
        notes.push_back({file, 0, "-p", "counts only if the file has no listener", ""});
    }
    if (default_listener.is_open) {
        open(default_listener, false);
    } else if (default_listener.line != 0) {
        // mosquitto would open port 1883 for it, to the world.
        fail_at(default_listener,
                "stands before the first listener, and no `port` opens one for it",
                "below the `listener` that it is about");
    }
    for (const MosquittoListener& each : listeners) open(each, false);
}

void MosquittoDraft::finish(const std::vector<std::uint16_t>& ports) {
    finish_security();
    open_all(ports);
    finish_aliases();
}

}  // namespace firehose::config
