// SPDX-License-Identifier: Apache-2.0
// Goal:   each destination gets its lines in its own form, and none of them holds up the log.
// Method: the test plays journald, syslogd and a reader of a pipe.
#include "app/log_destinations.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net/file_descriptor.h"

namespace firehose::app {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LogDestinations : public ::testing::Test {
protected:
    LogDestinations() {
        std::string pattern = (std::filesystem::temp_directory_path() / "fh-log-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~LogDestinations() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] net::FileDescriptor server(const std::string& path) const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, path.size());
        net::FileDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
        ::unlink(path.c_str());
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        return socket;
    }
    static std::string heard(const net::FileDescriptor& socket) {
        std::array<char, 4'096> text{};
        const ssize_t size = ::recv(socket.get(), text.data(), text.size(), 0);
        return size < 0 ? "nothing" : std::string{text.data(), static_cast<std::size_t>(size)};
    }
    [[nodiscard]] Result<LogSetup, std::string> open(std::vector<std::string> to) const {
        config::LoggingSettings logging = config::Settings{}.logging;
        logging.to = std::move(to);
        logging.syslog_facility = config::SyslogFacility::local3;
        return open_log_destinations(
            logging, [this](std::string topic, std::string text) { topics_(topic, text); },
            {.journal = folder_ + "/journal", .syslog = folder_ + "/syslog"});
    }
    static void write(LogSetup& setup, LogType type, std::string_view text) {
        for (const auto& to : setup.destinations) {
            to->write({.type = type, .stamp = "now ", .text = text});
        }
    }
    static std::string text_of(const std::string& path) {
        std::ifstream file{path};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    std::string folder_;
    std::function<void(std::string, std::string)> topics_ = [](auto, auto) {};
};

TEST_F(LogDestinations, AFileIsAppendedToAndNotForEverybody) {
    const std::string path = folder_ + "/log";
    for (const char* text : {"info one", "info two"}) {  // Opened again, as by a reload.
        auto setup = open({"file:" + path});
        ASSERT_TRUE(setup) << setup.error();
        write(*setup, LogType::info, text);
    }
    EXPECT_EQ(text_of(path), "now info one\nnow info two\n");
    EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
}

TEST_F(LogDestinations, WhatCannotBeOpenedIsSaid) {
    EXPECT_THAT(open({"file:" + folder_ + "/missing/log"}).error(),
                HasSubstr("missing/log cannot be opened: No such file"));
    EXPECT_THAT(open({"journal"}).error(), HasSubstr("journal does not answer"));
    EXPECT_THAT(open({"syslog"}).error(), HasSubstr("syslog does not answer"));
    EXPECT_TRUE(open({"none"})->destinations.empty());
}

TEST_F(LogDestinations, JournalAndSyslogGetTheirOwnForms) {
    const auto journal = server(folder_ + "/journal");
    auto syslog = server(folder_ + "/syslog");
    auto setup = open({"journal", "syslog"});
    ASSERT_TRUE(setup) << setup.error();
    write(*setup, LogType::warn, "warn e a=\"b c\"");
    EXPECT_EQ(heard(journal), "PRIORITY=4\nSYSLOG_IDENTIFIER=firehose\nMESSAGE=warn e a=\"b c\"\n");
    // local3 is 19, warning 4.
    EXPECT_THAT(heard(syslog),
                MatchesRegex("<156>... .. ..:..:.. firehose\\[[0-9]+\\]: warn e a=\"b c\""));
    // syslogd was started again.
    syslog = server(folder_ + "/syslog");
    write(*setup, LogType::error, "error f");
    EXPECT_THAT(heard(syslog), HasSubstr("error f"));
}

TEST_F(LogDestinations, TopicsAreMosquittos) {
    std::vector<std::string> got;
    topics_ = [&got](const std::string& topic, const std::string& text) {
        got.push_back(topic + " " + text);
    };
    auto setup = open({"topic"});
    write(*setup, LogType::error, "error e");
    write(*setup, LogType::subscribe, "info s");
    EXPECT_THAT(got, ::testing::ElementsAre("$SYS/broker/log/E now error e",
                                            "$SYS/broker/log/M/subscribe now info s"));
}

TEST_F(LogDestinations, APipeThatNobodyReadsLosesLinesAndSaysSo) {
    const std::string path = folder_ + "/fifo";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_FALSE(open({"file:" + path}));  // Nobody has it open to read.
    const net::FileDescriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK)};
    auto setup = open({"file:" + path});
    ASSERT_TRUE(setup) << setup.error();
    const std::string line(1'000, 'x');
    for (int i = 0; i < 200; ++i) write(*setup, LogType::info, line);
    std::string read;
    std::array<char, 65'536> some{};
    const auto read_all = [&] {
        for (ssize_t n = 0; (n = ::read(reader.get(), some.data(), some.size())) > 0;) {
            read.append(some.data(), static_cast<std::size_t>(n));
        }
    };
    read_all();
    write(*setup, LogType::info, "info last");
    read_all();
    EXPECT_THAT(read, HasSubstr("warn log_lines_lost count="));
    EXPECT_TRUE(read.ends_with("now info last\n"));
}

TEST_F(LogDestinations, StandardErrorThatIsTheJournalGetsAPriority) {
    const std::string path = folder_ + "/stderr";
    const net::FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT, 0600)};
    const net::FileDescriptor before{::dup(STDERR_FILENO)};
    struct stat facts {};
    ASSERT_EQ(::fstat(file.get(), &facts), 0);
    const std::string stream = std::to_string(facts.st_dev) + ":" + std::to_string(facts.st_ino);
    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    ::dup2(file.get(), STDERR_FILENO);
    auto setup = open({"journal"});
    ASSERT_TRUE(setup) << setup.error();
    write(*setup, LogType::error, "error e");
    ::dup2(before.get(), STDERR_FILENO);
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_EQ(text_of(path), "<3>error e\n");
}

}  // namespace
}  // namespace firehose::app
