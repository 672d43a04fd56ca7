// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/time.h"

namespace firehose {
namespace {

constexpr std::size_t kQueueLines = 8'192;
constexpr std::size_t kValueBytes = 256;
constexpr std::array<std::string_view, 7> kNames{"debug", "info", "warn", "error",
                                                 "info",  "info", "info"};

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

class StandardError final : public LogDestination {
public:
    void write(const LogLine& line) override {
        std::string text{line.stamp};
        text += line.text;
        text += '\n';
        std::fwrite(text.data(), 1, text.size(), stderr);
    }
};

std::string stamp_of(const LogSetup& setup, WallTime time) {
    if (!setup.has_stamps) return {};
    if (setup.stamp_format.empty()) return to_rfc3339(time) + ' ';
    const std::time_t seconds = time.since_epoch.count() / 1'000'000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 128> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), setup.stamp_format.c_str(), &local);
    return std::string{text.data(), size} + ": ";
}

/// The queue and the thread that empties it.
class Writer {
public:
    explicit Writer(LogSetup setup) : setup_(std::move(setup)), thread_([this] { run(); }) {}
    ~Writer() {
        {
            const std::scoped_lock lock{mutex_};
            is_stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void add(LogType type, std::string text) {
        {
            const std::scoped_lock lock{mutex_};
            if (lines_.size() >= kQueueLines) {
                lines_.pop_front();
                ++lost_;
            }
            lines_.push_back({type, SystemClock{}.wall(), std::move(text), std::nullopt});
        }
        wake_.notify_one();
    }

    void change(LogSetup setup) {
        {
            const std::scoped_lock lock{mutex_};
            lines_.push_back({{}, {}, {}, std::move(setup)});
        }
        wake_.notify_one();
    }

private:
    struct Line {
        LogType type = LogType::info;
        WallTime time;
        std::string text;
        std::optional<LogSetup> setup;  // Not a line: what those after it go by.
    };

    void run() {
        std::unique_lock lock{mutex_};
        while (true) {
            wake_.wait(lock, [this] { return is_stopping_ || !lines_.empty(); });
            if (lines_.empty()) return;
            std::deque<Line> lines = std::exchange(lines_, {});
            const std::uint64_t lost = std::exchange(lost_, 0);
            lock.unlock();
            if (lost != 0) {
                write({.type = LogType::warn,
                       .time = SystemClock{}.wall(),
                       .text = "warn log_lines_lost count=" + std::to_string(lost)});
            }
            for (Line& line : lines) {
                if (line.setup) {
                    setup_ = std::move(*line.setup);
                } else {
                    write(line);
                }
            }
            lock.lock();
        }
    }

    void write(const Line& line) {
        const std::string stamp = stamp_of(setup_, line.time);
        for (const auto& destination : setup_.destinations) {
            destination->write({.type = line.type, .stamp = stamp, .text = line.text});
        }
    }

    LogSetup setup_;  // The thread's.
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Line> lines_;
    std::uint64_t lost_ = 0;
    bool is_stopping_ = false;
    std::thread thread_;
};

std::atomic<std::uint32_t> g_types{0};
std::unique_ptr<Writer> g_writer;

}  // namespace

LogTypes LogTypes::at(LogLevel level) noexcept {
    LogTypes types;
    for (const LogType type : {LogType::debug, LogType::info, LogType::warn, LogType::error}) {
        if (static_cast<unsigned>(type) >= static_cast<unsigned>(level)) types.add(type);
    }
    if (level == LogLevel::debug) {
        for (const LogType kind : {LogType::connection, LogType::subscribe, LogType::unsubscribe}) {
            types.add(kind);
        }
    }
    return types;
}

bool log_enabled(LogType type) noexcept {
    return (g_types.load(std::memory_order_relaxed) >> static_cast<unsigned>(type) & 1U) != 0;
}

void log_event(LogType type, std::string_view event, std::initializer_list<LogField> fields) {
    if (!g_writer) return;
    std::string text{kNames[static_cast<std::size_t>(type)]};
    text += ' ';
    text += event;
    for (const LogField& field : fields) {
        text += ' ';
        text += field.key;
        text += '=';
        append_value(text, field.value);
    }
    g_writer->add(type, std::move(text));
}

void start_log(LogSetup setup) {
    const std::uint32_t types = setup.types.bits();
    g_writer = std::make_unique<Writer>(std::move(setup));
    g_types = types;
}

void start_log(LogLevel level) {
    LogSetup setup{.types = LogTypes::at(level)};
    setup.destinations.push_back(std::make_unique<StandardError>());
    start_log(std::move(setup));
}

void change_log(LogSetup setup) {
    if (!g_writer) return;
    g_types = setup.types.bits();
    g_writer->change(std::move(setup));
}

void stop_log() {
    g_types = 0;
    g_writer.reset();  // After the last line.
}

}  // namespace firehose
