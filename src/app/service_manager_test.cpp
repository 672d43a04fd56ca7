// SPDX-License-Identifier: Apache-2.0
// Goal:   systemd hears what it waits for, and its sockets are found by name and address.
// Method: the test plays systemd: a socket to notify, variables, a child with descriptors from 3.
#include "app/service_manager.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace firehose::app {
namespace {

/// Abstract: no file to clean up.
class Notified {
public:
    Notified() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;  // An empty name: the kernel chooses one.
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)),
                  0);
        socklen_t size = sizeof address;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        name_ = "@" + std::string{address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1};
    }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::string heard() const {
        std::array<char, 1'024> text{};
        const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), 0);
        return size < 0 ? "nothing" : std::string{text.data(), static_cast<std::size_t>(size)};
    }

private:
    net::FileDescriptor socket_;
    std::string name_;
};

TEST(ServiceManager, SaysWhatHappens) {
    const Notified systemd;
    ::setenv("NOTIFY_SOCKET", systemd.name().c_str(), 1);
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ServiceManager manager = ServiceManager::from_environment();
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    EXPECT_EQ(manager.watchdog_interval(), Microseconds{1'500'000});
    manager.is_ready("Serving");
    EXPECT_EQ(systemd.heard(), "READY=1\nSTATUS=Serving");
    manager.is_reloading(MonotonicTime{Microseconds{7}});
    EXPECT_EQ(systemd.heard(), "RELOADING=1\nMONOTONIC_USEC=7\nSTATUS=Reloading");
    manager.is_alive();
    EXPECT_EQ(systemd.heard(), "WATCHDOG=1");
    manager.is_stopping();
    EXPECT_EQ(systemd.heard(), "STOPPING=1\nSTATUS=Stopping");
    EXPECT_EQ(systemd.heard(), "nothing");
}

TEST(ServiceManager, WithoutSystemdNothingHappens) {
    ServiceManager manager = ServiceManager::from_environment();
    EXPECT_FALSE(manager.watchdog_interval());
    EXPECT_TRUE(manager.sockets().empty());
    manager.is_ready("Serving");
}

TEST(ServiceManager, AWatchdogForAnotherProcessIsNotOurs) {
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_FALSE(ServiceManager::from_environment().watchdog_interval());
}

/// In a child, where descriptors from 3 on are its own: 0 if all is as it should be.
int child_with_sockets() {
    const auto bound = [](int wanted, bool listens) {
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
        if (listens && ::listen(socket, 1) != 0) return 0;
        socklen_t size = sizeof address;
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
        ::dup2(socket, wanted + 100);
        ::close(socket);
        return static_cast<int>(ntohs(address.sin_port));
    };
    const int first = bound(3, true);
    bound(4, false);  // Does not listen: no door of ours.
    const int third = bound(5, true);
    for (int i = 3; i <= 5; ++i) ::dup2(i + 100, i);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "3", 1);
    ::setenv("LISTEN_FDNAMES", "mqtt:other:unknown", 1);
    ServiceManager manager = ServiceManager::from_environment();
    const auto& sockets = manager.sockets();
    if (sockets.size() != 2) return 1;
    if (sockets[0].name != "mqtt") return 2;
    if (sockets[0].address != "127.0.0.1:" + std::to_string(first)) return 3;
    if (!sockets[1].name.empty() || sockets[1].address != "127.0.0.1:" + std::to_string(third)) {
        return 4;
    }
    return (::fcntl(sockets[0].socket.get(), F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 5;
}

TEST(ServiceManager, TakesTheSocketsThatListen) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(child_with_sockets());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace firehose::app
