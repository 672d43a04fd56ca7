// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

/// The program's log: events with fixed names and fields, one line each.
///
///     FH_LOG(info, "client_refused", {"reason", 0x87}, {"statement", "MQTT-3.1.4-2"});
///     -> 2026-01-02T03:04:05.000006Z info client_refused reason=135 statement=MQTT-3.1.4-2
///
/// Levels by audience: error = someone should look; warn = state changed; info = life cycle;
/// debug = one client on request. Never a payload, never a secret. Values are escaped and cut at
/// 256 bytes, so nobody's client id can forge a line.
/// Threads: any; the sink is asynchronous and bounded (8,192 lines), what does not fit is counted.
/// Until `start_log` nothing is written, so libraries and tests are silent by default.
namespace firehose {

enum class LogLevel : unsigned char { debug, info, warn, error, off };

struct LogField {
    std::string_view key;
    std::string value;

    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(text) {}
    LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
    LogField(std::string_view name, std::integral auto figure)
        : key(name), value(std::to_string(figure)) {}
};

[[nodiscard]] bool log_enabled(LogLevel level) noexcept;
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

/// Starts writing events at `level` and above to standard error. Called once, by app.
void start_log(LogLevel level);
/// Writes what is queued and stops. Called once, at the end of main.
void stop_log();

}  // namespace firehose

#define FH_LOG(level, event, ...)                                                     \
    do {                                                                              \
        if (::firehose::log_enabled(::firehose::LogLevel::level)) {                   \
            ::firehose::log_event(::firehose::LogLevel::level, event, {__VA_ARGS__}); \
        }                                                                             \
    } while (false)
