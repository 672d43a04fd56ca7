// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The program's log: events with fixed names and fields, one line each.
///
///     FH_LOG(info, "client_refused", {"reason", 0x87}, {"statement", "MQTT-3.1.4-2"});
///     -> 2026-01-02T03:04:05.000006Z info client_refused reason=135 statement=MQTT-3.1.4-2
///
/// Levels by audience: error = someone should look; warn = state changed; info = life cycle;
/// debug = one client on request. Never a payload, never a secret. Values are escaped and cut at
/// 256 bytes, so nobody's client id can forge a line.
/// Threads: any; lines are written by a thread of their own. At most 8,192 wait; past that the
///          oldest go, and a line says how many. So no destination holds anybody up.
/// Until `start_log` nothing is written, so libraries and tests are silent by default.
namespace firehose {

enum class LogLevel : unsigned char { debug, info, warn, error, off };

/// What a line is: of a level, or of a kind that is chosen by itself.
enum class LogType : unsigned char {
    debug,
    info,
    warn,
    error,
    connection,  // A client came or went.
    subscribe,
    unsubscribe,
};

/// The types that are written.
class LogTypes {
public:
    constexpr LogTypes() = default;
    /// `level` and above; at debug the kinds as well.
    [[nodiscard]] static LogTypes at(LogLevel level) noexcept;
    void add(LogType type) noexcept { bits_ |= bit(type); }
    void remove(LogType type) noexcept { bits_ &= ~bit(type); }
    [[nodiscard]] bool contains(LogType type) const noexcept { return (bits_ & bit(type)) != 0; }
    [[nodiscard]] std::uint32_t bits() const noexcept { return bits_; }

private:
    static constexpr std::uint32_t bit(LogType type) noexcept {
        return std::uint32_t{1} << static_cast<unsigned>(type);
    }
    std::uint32_t bits_ = 0;
};

struct LogField {
    std::string_view key;
    std::string value;

    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(text) {}
    LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
    LogField(std::string_view name, std::integral auto figure)
        : key(name), value(std::to_string(figure)) {}
};

/// One line as destinations get it, without its end: no control character is in it.
struct LogLine {
    LogType type = LogType::info;
    std::string_view stamp;  // The time and a separator, as the setup has it; may be empty.
    std::string_view text;   // "info client_refused reason=135".
};

/// Where lines go. Owned, called and destroyed by the log's thread; may wait a little, for nobody
/// else waits for it. What it cannot write it loses.
class LogDestination {
public:
    virtual ~LogDestination() = default;
    virtual void write(const LogLine& line) = 0;
};

struct LogSetup {
    LogTypes types;
    bool has_stamps = true;
    /// For strftime, in local time, and ": " after it; empty: RFC 3339 in UTC.
    std::string stamp_format = {};
    std::vector<std::unique_ptr<LogDestination>> destinations = {};
};

[[nodiscard]] bool log_enabled(LogType type) noexcept;
void log_event(LogType type, std::string_view event, std::initializer_list<LogField> fields);

/// Starts writing. Called once, by whoever has main.
void start_log(LogSetup setup);
/// The same, to standard error.
void start_log(LogLevel level);
/// Lines from now on go by `setup`; those before, by the one before. Does not wait.
void change_log(LogSetup setup);
/// Writes what is queued and stops. Called once, at the end of main.
void stop_log();

}  // namespace firehose

#define FH_LOG(type, event, ...)                                                    \
    do {                                                                            \
        if (::firehose::log_enabled(::firehose::LogType::type)) {                   \
            ::firehose::log_event(::firehose::LogType::type, event, {__VA_ARGS__}); \
        }                                                                           \
    } while (false)
