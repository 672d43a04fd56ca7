// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_error.h"
#include "config/settings.h"

/// A mosquitto.conf while it is being read: what the rows of mosquitto_options.cpp fill.
///
/// Most rows fill a field of `settings` at once. What belongs to listeners is kept as the file says
/// it, because what it means depends on the whole file: `finish` makes the listeners of it.
/// Lifetime: of one reading. Threads: none.
/// Source:   mosquitto.conf(5); rule **Home and hand-over** for what a mosquitto.conf stands for.
namespace firehose::config {

/// Whom mosquitto becomes when it is started as root and is not told.
inline constexpr const char* kMosquittoUser = "mosquitto";

/// What `per_listener_settings` is about.
struct MosquittoSecurity {
    std::optional<bool> allow_anonymous;
    std::optional<bool> allow_empty_id;
    std::string acl_file;
    std::string password_file;
    std::string auto_id_prefix;
};

/// One `listener`, or the default one (`port`, and listener options before the first `listener`).
struct MosquittoListener {
    std::string file;
    std::size_t line = 0;  // Of the option that began it.
    std::string begun_by;  // That option.
    bool is_open = false;  // `listener`, `port` or `bind_address` was given.
    std::uint64_t topic_alias_max = 10;
    std::uint64_t own_topic_alias_max = 10;
    Listener settings;  // What needs no second look.
    MosquittoSecurity security;
};

struct MosquittoDraft {
    Settings settings;
    MosquittoSecurity security;  // Of all listeners.
    bool is_per_listener = false;
    MosquittoListener default_listener;
    std::vector<MosquittoListener> listeners;
    /// The listener above the line being read; `kNone`: none in this file yet.
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    std::size_t current = kNone;

    bool has_log_dest = false;

    // The line being read.
    std::string file;
    std::size_t line = 0;
    std::string name;

    ConfigErrors errors;
    ConfigErrors notes;

    MosquittoDraft();

    void fail(std::string problem, std::string allowed = "");
    void note(std::string remark);
    /// What a listener option is about: begins the default listener where there is none above.
    [[nodiscard]] MosquittoListener& listener();
    /// What a security option is about.
    [[nodiscard]] MosquittoSecurity& of_security();
    void begin_listener(std::uint16_t port, std::string_view where);
    /// `port` or `bind_address`: the default listener is to open.
    void begin_default();
    void set_per_listener(bool is_per_listener);

    /// After the last line: checks what needs the whole file, and makes `settings.listeners`.
    /// `ports`: of the command line (`-p`), for a file without a listener.
    void finish(const std::vector<std::uint16_t>& ports);

private:
    void finish_security();
    void finish_aliases();
    void open_all(const std::vector<std::uint16_t>& ports);
    void fail_at(const MosquittoListener& listener, std::string problem, std::string allowed = "");
    void check(const MosquittoListener& listener);
    void open(const MosquittoListener& listener, bool is_local_only);
    void open_local_only(const std::vector<std::uint16_t>& ports);

    bool has_security_ = false;  // Some security option was read.
};

}  // namespace firehose::config
