// SPDX-License-Identifier: Apache-2.0
#include "config/checks.h"
#include "config/option_rows.h"
#include "config/values.h"

namespace firehose::config {
namespace {

constexpr std::string_view kSpeaks[] = {"mqtt", "http", "websockets"};

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
     .doc = "Address to listen on, or a name of one. Empty: every address, IPv4 and IPv6.",
     .example = "\"127.0.0.1\""},
    {.key = "port",
     .type = Count{},
     .value = 1'883,
     .min = 0,
     .max = 65'535,
     .reload = Reload::live,
     .field = &at<&Listener::port>,
     .doc = "Its port; 0 takes any free one."},
    {.key = "speaks",
     .type = Choice{.words = kSpeaks},
     .value = "mqtt",
     .reload = Reload::live,
     .field = &at<&Listener::speaks>,
     .doc = "`mqtt`: MQTT over TCP. `http`: the page, `/events`, and MQTT over WebSocket on any "
            "path. `websockets`: only the last."},
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
};

}  // namespace

std::span<const Option> listener_options() {
    return kListenerOptions;
}

Listener::Listener() {
    set_defaults(kListenerOptions, this);
}

std::string Listener::address() const {
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
