// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "base/time.h"

namespace firehose {
namespace {

constexpr std::size_t kQueueLines = 8'192;
constexpr std::size_t kValueBytes = 256;
constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error", "off"};

std::atomic<LogLevel> g_level{LogLevel::off};
std::shared_ptr<spdlog::details::thread_pool> g_pool;
std::shared_ptr<spdlog::async_logger> g_logger;

/// Text that stays on one line: control bytes, quotes, blanks in between become visible.
void append_value(std::string& line, std::string_view value) {
    const bool is_cut = value.size() > kValueBytes;
    value = value.substr(0, kValueBytes);
    const bool quoted = value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
    if (quoted) line += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            constexpr char kHex[] = "0123456789abcdef";
            line += "\\x";
            line += kHex[byte >> 4U];
            line += kHex[byte & 0xfU];
        } else {
            if (c == '"' || c == '\\') line += '\\';
            line += c;
        }
    }
    if (is_cut) line += "...";
    if (quoted) line += '"';
}

}  // namespace

bool log_enabled(LogLevel level) noexcept {
    return level >= g_level.load(std::memory_order_relaxed);
}

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    std::string line = to_rfc3339(SystemClock{}.wall());
    line += ' ';
    line += kLevelNames[static_cast<std::size_t>(level)];
    line += ' ';
    line += event;
    for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.value);
    }
    if (g_logger) g_logger->log(spdlog::level::info, "{}", line);
}

void start_log(LogLevel level) {
    g_pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    g_logger = std::make_shared<spdlog::async_logger>(
        "firehose", std::move(sink), g_pool, spdlog::async_overflow_policy::overrun_oldest);
    g_logger->set_pattern("%v");
    g_logger->flush_on(spdlog::level::info);
    g_level = level;
}

void stop_log() {
    g_level = LogLevel::off;
    if (g_logger) g_logger->flush();
    g_pool.reset();  // Joins the writer after the last line; it lets go of the logger first.
    g_logger.reset();
}

}  // namespace firehose
