// SPDX-License-Identifier: Apache-2.0
#include "app/log_destinations.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include "net/file_descriptor.h"

namespace firehose::app {
namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr int kWaitMaxMs = 100;
constexpr mode_t kFileMode = S_IRUSR | S_IWUSR | S_IRGRP;

std::string error_text() {
    return std::error_code{errno, std::generic_category()}.message();
}

/// syslog's numbers; the journal's are the same.
int priority(LogType type) {
    switch (type) {
        case LogType::error:
            return 3;
        case LogType::warn:
            return 4;
        case LogType::connection:
            return 5;
        case LogType::info:
        case LogType::subscribe:
        case LogType::unsubscribe:
            return 6;
        case LogType::debug:
            return 7;
    }
    return 6;
}

/// Whether standard error leads to the journal: JOURNAL_STREAM names its device and inode.
bool is_journal(int descriptor) {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat facts {};
    if (stream == nullptr || ::fstat(descriptor, &facts) != 0) return false;
    return stream == std::to_string(facts.st_dev) + ":" + std::to_string(facts.st_ino);
}

/// Counts what one destination lost, and what it then says about it.
class Losses {
public:
    void add() noexcept { ++count_; }
    void clear() noexcept { count_ = 0; }
    [[nodiscard]] bool any() const noexcept { return count_ != 0; }
    [[nodiscard]] std::string line() const {
        return "warn log_lines_lost count=" + std::to_string(count_);
    }

private:
    std::uint64_t count_ = 0;
};

class DescriptorLog final : public LogDestination {
public:
    /// `owned` is empty for a standard stream.
    DescriptorLog(int descriptor, net::FileDescriptor owned)
        : descriptor_(descriptor), owned_(std::move(owned)), is_journal_(is_journal(descriptor)) {}

    void write(const LogLine& line) override {
        if (!is_writable()) return losses_.add();
        if (losses_.any()) {
            if (!put({.type = LogType::warn, .stamp = line.stamp, .text = losses_.line()})) {
                return losses_.add();
            }
            losses_.clear();
        }
        if (!put(line)) losses_.add();
    }

private:
    /// A pipe that nobody reads is waited for once.
    [[nodiscard]] bool is_writable() const {
        pollfd waits{.fd = descriptor_, .events = POLLOUT, .revents = 0};
        return ::poll(&waits, 1, losses_.any() ? 0 : kWaitMaxMs) == 1 &&
               (waits.revents & POLLOUT) != 0;
    }

    /// A line is less than PIPE_BUF in all but strange cases: it goes whole or not at all.
    [[nodiscard]] bool put(const LogLine& line) {
        text_.clear();
        if (is_journal_) {
            text_ += '<' + std::to_string(priority(line.type)) + '>';
        } else {
            text_ += line.stamp;
        }
        text_ += line.text;
        text_ += '\n';
        std::string_view rest = text_;
        while (!rest.empty()) {
            const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return false;
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }

    int descriptor_;
    net::FileDescriptor owned_;
    bool is_journal_;
    std::string text_;
    Losses losses_;
};

/// A socket of datagrams: journald's, syslogd's. It is asked for again when its server was.
class DatagramLog : public LogDestination {
public:
    explicit DatagramLog(std::string path) : path_(std::move(path)) {}

    /// False: nobody is there; errno says more.
    [[nodiscard]] bool open() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path_.size() >= sizeof address.sun_path) return false;
        path_.copy(address.sun_path, path_.size());
        socket_ =
            net::FileDescriptor{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        return socket_ && ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                                    sizeof address) == 0;
    }

    void write(const LogLine& line) override {
        if (losses_.any()) {
            if (!put({.type = LogType::warn, .text = losses_.line()})) return losses_.add();
            losses_.clear();
        }
        if (!put(line)) losses_.add();
    }

protected:
    [[nodiscard]] virtual std::string datagram(const LogLine& line) const = 0;

private:
    [[nodiscard]] bool put(const LogLine& line) {
        const std::string text = datagram(line);
        if (send(text)) return true;
        return errno != EAGAIN && open() && send(text);
    }
    [[nodiscard]] bool send(const std::string& text) const {
        return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }

    std::string path_;
    net::FileDescriptor socket_;
    Losses losses_;
};

class JournalLog final : public DatagramLog {
public:
    using DatagramLog::DatagramLog;

private:
    [[nodiscard]] std::string datagram(const LogLine& line) const override {
        return "PRIORITY=" + std::to_string(priority(line.type)) +
               "\nSYSLOG_IDENTIFIER=firehose\nMESSAGE=" + std::string{line.text} + "\n";
    }
};

/// The code of a facility, RFC 3164 section 4.1.1.
int code_of(config::SyslogFacility facility) {
    switch (facility) {
        case config::SyslogFacility::user:
            return 1;
        case config::SyslogFacility::daemon:
            return 3;
        default:
            return 16 + static_cast<int>(facility) -
                   static_cast<int>(config::SyslogFacility::local0);
    }
}

class SyslogLog final : public DatagramLog {
public:
    SyslogLog(std::string path, config::SyslogFacility facility)
        : DatagramLog(std::move(path)), facility_(code_of(facility)) {}

private:
    [[nodiscard]] std::string datagram(const LogLine& line) const override {
        const std::time_t now = std::time(nullptr);
        std::tm local{};
        ::localtime_r(&now, &local);
        std::array<char, 32> stamp{};
        const std::size_t size = std::strftime(stamp.data(), stamp.size(), "%b %e %T", &local);
        return "<" + std::to_string(facility_ * 8 + priority(line.type)) + ">" +
               std::string{stamp.data(), size} + " firehose[" + std::to_string(::getpid()) +
               "]: " + std::string{line.text};
    }

    int facility_;
};

class TopicLog final : public LogDestination {
public:
    explicit TopicLog(LogTopicSink sink) : sink_(std::move(sink)) {}

    void write(const LogLine& line) override {
        sink_("$SYS/broker/log/" + std::string{letter(line.type)},
              std::string{line.stamp} + std::string{line.text});
    }

private:
    /// As mosquitto names them.
    static std::string_view letter(LogType type) {
        switch (type) {
            case LogType::error:
                return "E";
            case LogType::warn:
                return "W";
            case LogType::connection:
                return "N";
            case LogType::info:
                return "I";
            case LogType::debug:
                return "D";
            case LogType::subscribe:
                return "M/subscribe";
            case LogType::unsubscribe:
                return "M/unsubscribe";
        }
        return "I";
    }

    LogTopicSink sink_;
};

using Opened = Result<std::unique_ptr<LogDestination>, std::string>;

Opened open_file(const std::string& path) {
    // Not blocking: a FIFO without a reader is an error here, and no wait later.
    net::FileDescriptor file{
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, kFileMode)};
    if (!file) return Failure{"logging.to: " + path + " cannot be opened: " + error_text()};
    const int descriptor = file.get();
    return std::unique_ptr<LogDestination>{
        std::make_unique<DescriptorLog>(descriptor, std::move(file))};
}

Opened open_socket(std::unique_ptr<DatagramLog> socket, const std::string& what) {
    if (!socket->open()) {
        return Failure{"logging.to: " + what + " does not answer: " + error_text()};
    }
    return std::unique_ptr<LogDestination>{std::move(socket)};
}

Opened open_one(const std::string& to, const config::LoggingSettings& logging,
                const LogTopicSink& topics, const LogPaths& paths) {
    const auto standard = [](int descriptor) {
        return std::unique_ptr<LogDestination>{
            std::make_unique<DescriptorLog>(descriptor, net::FileDescriptor{})};
    };
    if (to == "stdout") return standard(STDOUT_FILENO);
    if (to == "stderr" || (to == "journal" && is_journal(STDERR_FILENO))) {
        return standard(STDERR_FILENO);
    }
    if (to == "journal") return open_socket(std::make_unique<JournalLog>(paths.journal), to);
    if (to == "syslog") {
        return open_socket(std::make_unique<SyslogLog>(paths.syslog, logging.syslog_facility), to);
    }
    if (to == "topic") return std::unique_ptr<LogDestination>{std::make_unique<TopicLog>(topics)};
    return open_file(to.substr(kFilePrefix.size()));
}

}  // namespace

Result<LogSetup, std::string> open_log_destinations(const config::LoggingSettings& logging,
                                                    const LogTopicSink& topics,
                                                    const LogPaths& paths) {
    LogSetup setup{.types = logging.selection(),
                   .has_stamps = logging.timestamp,
                   .stamp_format = logging.timestamp_format};
    for (const std::string& to : logging.to) {
        if (to == "none") continue;
        auto opened = open_one(to, logging, topics, paths);
        if (!opened) return Failure{opened.error()};
        setup.destinations.push_back(std::move(*opened));
    }
    return setup;
}

std::vector<std::string> log_files(const config::LoggingSettings& logging) {
    std::vector<std::string> files;
    for (const std::string& to : logging.to) {
        if (to.starts_with(kFilePrefix)) files.push_back(to.substr(kFilePrefix.size()));
    }
    return files;
}

}  // namespace firehose::app
