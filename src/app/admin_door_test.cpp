// SPDX-License-Identifier: Apache-2.0
// Goal:   the operator's door answers each command once, whole or line by line, from whatever
//         thread its work is done on, and opens for nobody else.
// Method: a real Unix socket in a folder of the test's own, its loop turned by the test.
#include "app/admin_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <thread>

namespace firehose::app {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AdminDoorTest : public ::testing::Test {
protected:
    AdminDoorTest() {
        std::string name = ::testing::TempDir() + "adminXXXXXX";
        folder_ = ::mkdtemp(name.data());
        path_ = folder_ + "/admin.sock";
        loop_ = std::move(*net::EventLoop::create(clock_));
        auto door = AdminDoor::open(
            *loop_, path_,
            {{"POST /now", [](const auto&, const AdminReply& reply) { reply.refuse(409, "no"); }},
             {"POST /later", [this](const http::HttpRequest& request, const AdminReply& reply) {
                  asked_ = std::string{request.parameter("to").value_or("")};
                  reply_ = reply;
              }}});
        EXPECT_TRUE(door.has_value());
        door_ = std::move(*door);
        loop_->set_turn_hooks({.on_turn_begin = [] {},
                               .on_turn_end =
                                   [this] {
                                       if (door_) door_->end_turn();
                                   },
                               .has_work = [] { return false; }});
    }
    ~AdminDoorTest() override {
        door_.reset();
        ::rmdir(folder_.c_str());
    }

    net::FileDescriptor connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, path_.size());
        net::FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        EXPECT_EQ(
            ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
        return socket;
    }

    /// What the door answers until it closes.
    std::string ask(const std::string& target) {
        const net::FileDescriptor socket = connect();
        const std::string head =
            "POST " + target + " HTTP/1.1\r\nHost: bus\r\nConnection: close\r\n\r\n";
        EXPECT_EQ(::send(socket.get(), head.data(), head.size(), 0),
                  static_cast<ssize_t>(head.size()));
        std::string answer;
        for (int turn = 0; turn < 1'000; ++turn) {
            loop_->run_turn(Microseconds{10'000});
            if (on_turn_) on_turn_();
            char bytes[4'096];
            const ssize_t count = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
            if (count == 0) return answer;
            if (count > 0) answer.append(bytes, static_cast<std::size_t>(count));
        }
        ADD_FAILURE() << "no end of the answer: " << answer;
        return answer;
    }

    SystemClock clock_;
    std::string folder_;
    std::string path_;
    std::unique_ptr<net::EventLoop> loop_;
    std::unique_ptr<AdminDoor> door_;
    std::string asked_;
    std::optional<AdminReply> reply_;
    std::function<void()> on_turn_;
};

TEST_F(AdminDoorTest, IsOpenForItsOwnUserOnly) {
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    door_.reset();
    EXPECT_NE(::stat(path_.c_str(), &status), 0) << "the socket stayed behind";
}

TEST_F(AdminDoorTest, AnswersARouteAndNamesThemForAnUnknownOne) {
    EXPECT_THAT(ask("/now"), StartsWith("HTTP/1.1 409 "));
    const std::string unknown = ask("/nowhere");
    EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(unknown, HasSubstr("POST /later, POST /now"));
}

TEST_F(AdminDoorTest, StreamsLinesFromAnotherThreadUntilTheLast) {
    std::thread worker;
    on_turn_ = [&] {
        if (!reply_ || worker.joinable()) return;
        worker = std::thread{[reply = *reply_] {
            reply.line(R"({"done":1})");
            reply.line(R"({"done":2})", true);
            reply.line(R"({"done":3})", true);  // After the last: nothing.
        }};
    };
    const std::string answer = ask("/later?to=a%20b");
    worker.join();
    EXPECT_EQ(asked_, "a b");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"done\":1}\n{\"done\":2}\n"));
}

TEST_F(AdminDoorTest, RepliesToAClientThatWentAwayAreDropped) {
    {
        const net::FileDescriptor socket = connect();
        const std::string head = "POST /later HTTP/1.1\r\nHost: bus\r\n\r\n";
        ASSERT_EQ(::send(socket.get(), head.data(), head.size(), 0),
                  static_cast<ssize_t>(head.size()));
        while (!reply_) loop_->run_turn(Microseconds{10'000});
    }
    for (int i = 0; i < 3; ++i) loop_->run_turn(Microseconds{1'000});
    reply_->line("{}", true);
    loop_->run_turn(Microseconds{1'000});
    door_.reset();
    reply_->refuse(500, "nobody hears it");
    loop_->run_turn(Microseconds{1'000});
}

}  // namespace
}  // namespace firehose::app
