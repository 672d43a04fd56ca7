// SPDX-License-Identifier: Apache-2.0
#include "config/checks.h"
#include "config/option_rows.h"
#include "config/values.h"

namespace firehose::config {
namespace {

constexpr std::string_view kSpeaks[] = {"mqtt", "http", "websockets", "any"};
constexpr std::string_view kFamilies[] = {"any", "ipv4", "ipv6"};
constexpr std::string_view kPathAccesses[] = {"owner", "group", "everyone"};
constexpr std::string_view kProxyHeaders[] = {"off", "v1", "v2", "any"};
constexpr std::string_view kTlsVersions[] = {"1.2", "1.3"};

constexpr Option kListenerOptions[] = {
    {.key = "name",
     .type = Text{},
     .value = "",
     .max = 64,
     .reload = Reload::live,
     .field = &at<&Listener::name>,
     .check = &optional_name_problem,
     .doc = "Name of this listener in logs. Empty: its address.",
     .example = "\"inside\""},
    {.key = "host",
     .type = Text{},
     .value = "",
     .max = 255,
     .reload = Reload::live,
     .field = &at<&Listener::host>,
     .check = &host_problem,
     .doc = "Address to listen on, such as 127.0.0.1 or ::1, or a name of one. Empty: every "
            "address, IPv4 and IPv6."},
    {.key = "port",
     .type = Count{},
     .value = 1'883,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Listener::port>,
     .doc = "Its port; 0 takes any free one."},
    {.key = "family",
     .type = Choice{.words = kFamilies},
     .value = "any",
     .reload = Reload::live,
     .field = &at<&Listener::family>,
     .doc = "Without `host`: which addresses it listens on."},
    {.key = "interface",
     .type = Text{},
     .value = "",
     .max = 15,
     .reload = Reload::live,
     .field = &at<&Listener::interface>,
     .check = &optional_name_problem,
     .doc = "Network interface that it listens on alone. Empty: all.",
     .example = "\"eth0\""},
    {.key = "path",
     .type = Path{},
     .value = "",
     .max = 100,
     .reload = Reload::live,
     .field = &at<&Listener::path>,
     .doc = "Of a Unix socket to listen on, instead of an address. One that a process which is "
            "gone left there is replaced.",
     .example = "\"/run/firehose/mqtt.sock\""},
    {.key = "path_access",
     .type = Choice{.words = kPathAccesses},
     .value = "owner",
     .reload = Reload::live,
     .field = &at<&Listener::path_access>,
     .doc = "Who may connect to the Unix socket: its mode is 0600, 0660 or 0666."},
    {.key = "speaks",
     .type = Choice{.words = kSpeaks},
     .value = "mqtt",
     .reload = Reload::live,
     .field = &at<&Listener::speaks>,
     .doc = "`mqtt`: MQTT over TCP. `http`: the page, `/events`, and MQTT over WebSocket on any "
            "path. `websockets`: only the last. `any`: all of them on one port, told apart by the "
            "first byte, or by what TLS's ALPN agrees on."},
    {.key = "proxy_protocol",
     .type = Choice{.words = kProxyHeaders},
     .value = "off",
     .reload = Reload::live,
     .field = &at<&Listener::proxy_protocol>,
     .doc = "Each connection begins with a PROXY header of this version, from an address of "
            "`net.trusted_proxies` (or over the Unix socket). Nothing else is let in then."},
    {.key = "origins",
     .type = ListOfText{},
     .value = Value::List{},
     .max = 64,
     .reload = Reload::live,
     .field = &at<&Listener::origins>,
     .doc = "Origins of web pages that may connect over WebSocket, as browsers send them. `[]`: "
            "every page. What is no browser says none, and may.",
     .example = "[\"https://example.org\"]"},
    {.key = "cert_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::cert_file>,
     .doc = "Certificate of the server in PEM, then those that signed it. With it the listener "
            "speaks TLS, and nothing else.",
     .example = "\"/etc/firehose/fullchain.pem\""},
    {.key = "key_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::key_file>,
     .doc = "Its private key in PEM, without a passphrase.",
     .example = "\"/etc/firehose/privkey.pem\""},
    {.key = "tls_version_min",
     .type = Choice{.words = kTlsVersions},
     .value = "1.2",
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::min_version>,
     .doc = "Oldest version of TLS that is spoken."},
    {.key = "ciphers",
     .type = Text{},
     .value = "",
     .max = 1'024,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::ciphers>,
     .doc = "Ciphers of TLS 1.2, as `openssl ciphers` reads them. Empty: OpenSSL's choice.",
     .example = "\"ECDHE+AESGCM\""},
    {.key = "ciphersuites",
     .type = Text{},
     .value = "",
     .max = 1'024,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::ciphersuites>,
     .doc = "Those of TLS 1.3.",
     .example = "\"TLS_AES_256_GCM_SHA384\""},
    {.key = "ca_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::ca_file>,
     .doc = "Certificates, in PEM, of those who sign clients' certificates. With it, or `ca_path`, "
            "clients are asked for one, and one that is not good is refused.",
     .example = "\"/etc/firehose/clients-ca.pem\""},
    {.key = "ca_path",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::ca_path>,
     .doc = "The same as a folder of files, after `openssl rehash`.",
     .example = "\"/etc/ssl/certs\""},
    {.key = "crl_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::crl_file>,
     .doc = "List of clients' certificates that were revoked, in PEM.",
     .example = "\"/etc/firehose/clients-crl.pem\""},
    {.key = "require_certificate",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::require_certificate>,
     .doc = "Clients without a certificate are refused."},
    {.key = "use_identity_as_username",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::use_identity_as_username>,
     .doc = "The common name in a client's certificate is its user name; what CONNECT says of user "
            "and password means nothing. Who has no certificate is refused."},
    {.key = "use_subject_as_username",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Listener::tls, &TlsSettings::use_subject_as_username>,
     .doc = "The same with the whole subject, as RFC 2253 writes it."},
    {.key = "durability",
     .type = Choice{.words = kDurabilities},
     .value = "disk",
     .reload = Reload::live,
     .field = &at<&Listener::durability>,
     .doc = "When publishes of its clients at QoS 1 and 2 are acknowledged, as in "
            "`listen.durability`."},
    {.key = "allow_anonymous",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Listener::allow_anonymous>,
     .doc = "Whether MQTT clients without a password are let in."},
    {.key = "password_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::password_file>,
     .doc = "Instead of `auth.password_file`, for its clients.",
     .example = "\"/etc/firehose/passwd\""},
    {.key = "acl_file",
     .type = Path{},
     .value = "",
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&Listener::acl_file>,
     .doc = "Instead of `auth.acl_file`, for its clients.",
     .example = "\"/etc/firehose/acl\""},
    {.key = "mount_point",
     .type = Text{},
     .value = "",
     .max = 1'024,
     .reload = Reload::live,
     .field = &at<&Listener::mount_point>,
     .check = &mount_point_problem,
     .doc =
         "Stands before every topic of its clients, who do not see it: with `a/`, what they call "
         "`b` is `a/b` for everybody else. They have no `$SYS`.",
     .example = "\"tenant/\""},
    {.key = "qos_max",
     .type = Count{},
     .value = 2,
     .min = 0,
     .max = 2,
     .reload = Reload::live,
     .field = &at<&Listener::qos_max>,
     .doc = "Highest QoS of its clients. MQTT 5 clients are told; who publishes at a higher one is "
            "disconnected, and subscriptions are granted this one at most."},
    {.key = "connections_max",
     .type = Count{},
     .value = 0,
     .min = 0,
     .max = 1'000'000,
     .reload = Reload::live,
     .field = &at<&Listener::connections_max>,
     .doc = "Connections by this listener at one time, beside `limits.connections_max`. A few more "
            "are let in to be told (CONNACK 0x97, HTTP 503), then none. 0: no limit."},
    {.key = "versions",
     .type = ListOfText{},
     .value = Value::List{},
     .min = 0,
     .max = 3,
     .reload = Reload::live,
     .field = &at<&Listener::versions>,
     .check = &version_problem,
     .doc = "Versions of MQTT that it speaks; the CONNECT of another one is refused with its "
            "version's words for that. `[]`: all.",
     .example = "[\"3.1.1\", \"5.0\"]"},
    {.key = "topic_alias_max",
     .type = Count{},
     .value = 65'535,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Listener::topic_alias_max>,
     .doc = "For its clients, if less than `session.topic_alias_max`."},
    {.key = "own_topic_alias_max",
     .type = Count{},
     .value = 65'535,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Listener::own_topic_alias_max>,
     .doc = "Towards its clients, if less than `session.own_topic_alias_max`."},
    {.key = "allow_empty_client_id",
     .type = Bool{},
     .value = true,
     .reload = Reload::live,
     .field = &at<&Listener::allow_empty_client_id>,
     .doc = "Whether its clients may come without an id; `client_id.allow_empty` must say so too."},
    {.key = "auto_id_prefix",
     .type = Text{},
     .value = "",
     .max = 50,
     .reload = Reload::live,
     .field = &at<&Listener::auto_id_prefix>,
     .check = &client_id_problem,
     .doc = "Instead of `client_id.auto_prefix`, for its clients.",
     .example = "\"door-\""},
    {.key = "use_username_as_client_id",
     .type = Bool{},
     .value = false,
     .reload = Reload::live,
     .field = &at<&Listener::use_username_as_client_id>,
     .doc = "A client's id is its user name, whatever it says; who has no user name is refused."},
};

constexpr Option kCertificateOptions[] = {
    {.key = "cert_file",
     .type = Path{},
     .value = kRequired,
     .min = 1,
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&CertificateFiles::cert_file>,
     .doc = "The certificate, as in the listener's `cert_file`.",
     .example = "\"/etc/firehose/other-fullchain.pem\""},
    {.key = "key_file",
     .type = Path{},
     .value = kRequired,
     .min = 1,
     .max = kPathMax,
     .reload = Reload::live,
     .field = &at<&CertificateFiles::key_file>,
     .doc = "Its key.",
     .example = "\"/etc/firehose/other-privkey.pem\""},
};

constexpr TableList kLists[] = {
    {.key = "listener.certificate",
     .doc =
         "A further certificate of the listener above: shown to clients that ask for a name "
         "which is in it (SNI), where the listener's own does not have it. The first stands in for "
         "`cert_file`.",
     .count_max = 64,
     .options = kCertificateOptions,
     .append = [](void* owner) -> void* {
         return &static_cast<Listener*>(owner)->tls.certificates.emplace_back();
     },
     .at = [](void* owner, std::size_t index) -> void* {
         auto& all = static_cast<Listener*>(owner)->tls.certificates;
         return index < all.size() ? &all[index] : nullptr;
     }},
};

}  // namespace

std::span<const Option> listener_options() {
    return kListenerOptions;
}

std::span<const TableList> listener_lists() {
    return kLists;
}

std::string listener_problem(const void* one) {
    const auto& listener = *static_cast<const Listener*>(one);
    const TlsSettings& tls = listener.tls;
    if (!listener.path.empty() && !listener.host.empty())
        return "has a path and a host: choose one";
    if (tls.cert_file.empty() != tls.key_file.empty()) {
        return "has one of cert_file and key_file: TLS needs both";
    }
    const bool has_authority = !tls.ca_file.empty() || !tls.ca_path.empty();
    const bool judges = tls.require_certificate || tls.use_identity_as_username ||
                        tls.use_subject_as_username || !tls.crl_file.empty();
    // What a proxy says of its client's certificate was judged by the proxy.
    const bool is_behind_proxy =
        listener.proxy_protocol != ProxyHeader::off && !tls.require_certificate;
    if (!tls.is_on() && !is_behind_proxy && (has_authority || judges)) {
        return "judges clients' certificates without cert_file: only TLS has them";
    }
    if (tls.is_on() && judges && !has_authority) {
        return "judges clients' certificates without ca_file or ca_path: who signs them?";
    }
    if (tls.use_identity_as_username && tls.use_subject_as_username) {
        return "has use_identity_as_username and use_subject_as_username: choose one";
    }
    return "";
}

Listener::Listener() {
    set_defaults(kListenerOptions, this);
}

std::string Listener::address() const {
    if (!path.empty()) return path;
    return host.empty() ? "*:" + std::to_string(port)
                        : format_endpoint({host, static_cast<std::uint16_t>(port)});
}

std::vector<Listener> Settings::all_listeners() const {
    std::vector<Listener> all;
    const auto add = [&](const std::vector<Endpoint>& endpoints, Speaks speaks) {
        for (const Endpoint& endpoint : endpoints) {
            Listener& added = all.emplace_back();
            added.host = endpoint.host;
            added.port = endpoint.port;
            added.speaks = speaks;
            added.durability = listen.durability;
        }
    };
    add(listen.mqtt, Speaks::mqtt);
    add(listen.http, Speaks::http);
    all.insert(all.end(), listeners.begin(), listeners.end());
    for (Listener& listener : all) {
        if (listener.name.empty()) listener.name = listener.address();
        if (listener.password_file.empty()) listener.password_file = auth.password_file;
        if (listener.acl_file.empty()) listener.acl_file = auth.acl_file;
    }
    return all;
}

}  // namespace firehose::config
