// SPDX-License-Identifier: Apache-2.0
// What the table of mosquitto's options says, as text.
#include <algorithm>

#include "config/mosquitto_options.h"

namespace firehose::config {
namespace {

constexpr std::string_view kBegin = R"(# mosquitto.conf

Made from the table in src/config/mosquitto_options.cpp by config_docs; do not edit.

`firehose serve -c mosquitto.conf` reads a configuration of mosquitto 2.0 or 2.1 as it is, its
password and ACL files included. Called by the name `mosquitto` (a link) the program takes
mosquitto's own flags: `mosquitto -c mosquitto.conf -v`. Which kind of file it is, its content
decides: a first line that is a `[table]` or a `key = value` is TOML, any other is mosquitto's, and
so is an empty file unless its name ends in `.toml`. `--config-format` says it outright.
`firehose config convert FILE` prints the same configuration as a firehose.toml.

Such a file stands for mosquitto's habits, where this program's own differ:

| with a firehose.toml | with a mosquitto.conf |
|---|---|
| a session belongs to a user and a client id | to a client id alone (`session.key`) |
| anonymous clients have sessions of their own connection | as the standard has it (`session.anonymous`) |
| without an ACL file everybody reads, nobody publishes | everybody does both (`auth.without_acl_file`) |
| a subscription below an unknown `$` is refused | granted; nothing comes (`subscribe.unknown_dollar`) |
| a session that comes back is given all it missed | its oldest 1000 messages (`session.queued_max`) |
| sessions expire after at most 7 days | never (`session.expiry_max`) |
| Receive Maximum 64 | 20 (`session.receive_maximum`) |
| a user, or an address's anonymous clients, publish 1000 messages and 4 MiB a second | as much as they send (`publish.messages_per_s`, `publish.bytes_per_s`): mosquitto has no such quota, and a publisher that was fast enough must not become slow; `log.unwritten_bytes_max` still holds publishers that are faster than the disk |
| limits of each address (`limits.address`) | the same: mosquitto has none, and who is no stranger can be named in `firehose_limits.exempt` |
| the log is on disk | in memory, unless `persistence true` (`log.mode`) |
| MQTT on port 1883, HTTP on 8080 | what `listener` and `port` say; without them MQTT on 1883 for this machine only, anonymous, and no HTTP |

What stays different: a user name means nothing until its password was checked against a
`password_file`, so without one every client is anonymous; clients publish nothing below `$`; and
`-p` counts only if the file has no listener. A start as root reads passwords, rights, certificates
and keys before it becomes `user`, as mosquitto 1 did (mosquitto 2 does not); a reload is that
user's, and keeps what was read of a file that only root may read.

A line begins with a name, then a space and the value. `#` as the first character of a line makes it
a comment. What follows a number or a flag on its line is ignored, as mosquitto does. A name that is
not in these tables is an error that says the line and the nearest name. Keys of this program are
spelt `firehose_` and the key as docs/configuration.md has it, dots as they are or as underscores:
`firehose_log.bytes 10 GB`, `firehose_log_bytes 10 GB`.

Scope: **global**; **listener**, the `listener` above; **per listener**, all listeners, or the one
above with `per_listener_settings true`.
)";

std::string_view name_of(MosquittoScope scope) {
    switch (scope) {
        case MosquittoScope::global:
            return "global";
        case MosquittoScope::listener:
            return "listener";
        case MosquittoScope::security:
            return "per listener";
        case MosquittoScope::bridge:
            return "bridge";
        case MosquittoScope::plugin:
            return "plugin";
    }
    return "";
}

std::string_view name_of(MosquittoFate fate) {
    switch (fate) {
        case MosquittoFate::taken:
            return "taken";
        case MosquittoFate::noted:
            return "accepted, with a note";
        case MosquittoFate::refused:
            return "refused";
    }
    return "";
}

struct KindText {
    std::string operator()(const MosquittoFlag&) const { return "true or false"; }
    std::string operator()(const MosquittoNumber& number) const {
        const bool has_min = number.min > std::numeric_limits<std::int32_t>::min();
        const bool has_max = number.max < std::numeric_limits<std::int32_t>::max();
        const std::string max = std::to_string(number.max);
        if (has_min && has_max) return std::to_string(number.min) + " to " + max;
        if (has_max) return "a number, at most " + max;
        return has_min ? "a number from " + std::to_string(number.min) + " on" : "a number";
    }
    std::string operator()(const MosquittoText&) const { return "a text"; }
    std::string operator()(const MosquittoWords& words) const {
        std::string text;
        for (const std::string_view word : words.words) {
            if (!text.empty()) text += ", ";
            text += word;
        }
        return text.empty() ? "a word" : text;
    }
    std::string operator()(const MosquittoAnything&) const { return "anything"; }
};

void add_row(const MosquittoOption& row, std::string& text) {
    text += "| `" + std::string{row.name} + (row.name.ends_with('_') ? "*" : "") + "` | " +
            std::string{name_of(row.scope)} + " | " + allowed_text(row.kind) + " | " +
            std::string{name_of(row.fate)} + " | " + std::string{row.doc} + " |\n";
}

}  // namespace

std::string allowed_text(const MosquittoKind& kind) {
    return std::visit(KindText{}, kind);
}

std::string mosquitto_md() {
    std::string text{kBegin};
    text +=
        "\n## The broker\n\n| name | scope | value | is | and does here |\n|---|---|---|---|---|\n";
    for (const MosquittoOption& row : mosquitto_broker_options()) add_row(row, text);
    text += "\n## Bridges, plugins, pre-shared keys\n\nAll are refused, each with its line: ";
    text += "starting without them would not be the same broker.\n\n";
    text += "| name | scope | reason |\n|---|---|---|\n";
    for (const MosquittoOption& row : mosquitto_later_options()) {
        text += "| `" + std::string{row.name} + (row.name.ends_with('_') ? "*" : "") + "` | " +
                std::string{name_of(row.scope)} + " | " + std::string{row.doc} + " |\n";
    }
    return text;
}

const MosquittoOption* find_mosquitto_option(std::string_view name) {
    for (const auto rows : {mosquitto_broker_options(), mosquitto_later_options()}) {
        for (const MosquittoOption& row : rows) {
            if (row.name == name || (row.name.ends_with('_') && name.starts_with(row.name))) {
                return &row;
            }
        }
    }
    return nullptr;
}

std::vector<std::string> mosquitto_option_names() {
    std::vector<std::string> names;
    for (const auto rows : {mosquitto_broker_options(), mosquitto_later_options()}) {
        for (const MosquittoOption& row : rows) names.emplace_back(row.name);
    }
    return names;
}

}  // namespace firehose::config
