// SPDX-License-Identifier: Apache-2.0
// Goal:   listeners open what they are asked to, say what is wrong in an operator's words, and
//         survive running out of descriptors without spinning.
// Method: loopback ports that the kernel picks; RLIMIT_NOFILE lowered for the one test.
#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "net/loopback_test_kit.h"
#include "net/socket_address.h"

namespace firehose::net {
namespace {

using namespace std::chrono_literals;

FileDescriptor dial(const std::string& host, std::uint16_t port) {
    auto address = SocketAddress::resolve(host, port, SocketAddress::Use::connect);
    FileDescriptor socket{::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(socket.get(), address->get(), address->size()) != 0) socket.reset();
    return socket;
}

TEST(Listener, TellsThePortThatTheKernelPicked) {
    Loopback net;
    EXPECT_NE(net.listener->port(), 0);
    EXPECT_EQ(net.listener->address(), "127.0.0.1:" + std::to_string(net.listener->port()));
}

TEST(Listener, BothFamiliesShareAPortNumberAsTwoListeners) {
    Loopback six{{.host = "[::]"}};
    Loopback four{{.host = "0.0.0.0", .port = six.listener->port()}};
    EXPECT_EQ(six.listener->address(), "[::]:" + std::to_string(six.listener->port()));
    const FileDescriptor v6 = dial("::1", six.listener->port());
    ASSERT_TRUE(v6);
    ASSERT_TRUE(six.turn_until([&] { return six.stream != nullptr; }));
    EXPECT_EQ(six.stream->peer_address(), "::1");
    const FileDescriptor v4 = dial("127.0.0.1", six.listener->port());
    ASSERT_TRUE(v4);
    ASSERT_TRUE(four.turn_until([&] { return four.stream != nullptr; }));
    EXPECT_EQ(four.stream->peer_address(), "127.0.0.1");
}

TEST(Listener, SaysInWordsWhyAPortCannotBeHad) {
    Loopback net;
    const std::string port = std::to_string(net.listener->port());
    struct Row {
        ListenOptions options;
        std::string message;
    };
    const Row rows[] = {
        {{.host = "127.0.0.1", .port = net.listener->port()},
         "port " + port +
             " on 127.0.0.1 is in use; stop the program that has it (ss -ltnp shows "
             "which), or set another port"},
        {{.host = "192.0.2.1", .port = 1883},
         "port 1883 on 192.0.2.1 cannot be opened: this host does not have that address"},
        {{.host = "no such host", .port = 1883}, "the host \"no such host\" has no address"},
    };
    for (const Row& row : rows) {
        auto opened = Listener::open(*net.loop, row.options, [](std::unique_ptr<TcpStream>) {});
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().message.rfind(row.message, 0), 0U) << opened.error().message;
    }
}

TEST(Listener, SharesAPortOnlyOnRequest) {
    Loopback first{{.host = "127.0.0.1", .reuse_port = true}};
    const auto ignore = [](std::unique_ptr<TcpStream>) {};
    EXPECT_TRUE(Listener::open(
        *first.loop, {.host = "127.0.0.1", .port = first.listener->port(), .reuse_port = true},
        ignore));
    EXPECT_FALSE(
        Listener::open(*first.loop, {.host = "127.0.0.1", .port = first.listener->port()}, ignore));
}

TEST(Listener, TheCallbackMayDestroyTheListener) {
    Loopback net;
    std::unique_ptr<Listener> listener;
    int accepted = 0;
    listener = std::move(
        *Listener::open(*net.loop, {.host = "127.0.0.1"}, [&](std::unique_ptr<TcpStream>) {
            ++accepted;
            listener.reset();
        }));
    const FileDescriptor one = dial("127.0.0.1", listener->port());
    const FileDescriptor two = dial("127.0.0.1", listener->port());
    ASSERT_TRUE(net.turn_until([&] { return accepted > 0; }));
    for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    EXPECT_EQ(accepted, 1);
}

TEST(Listener, OutOfDescriptorsItPausesWithoutSpinningAndGoesOnLater) {
    Loopback net;
    const FileDescriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto address =
        SocketAddress::resolve("127.0.0.1", net.listener->port(), SocketAddress::Use::connect);
    ASSERT_EQ(::connect(client.get(), address->get(), address->size()), 0);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    // Nothing above the client's descriptor may be opened, so accept fails with EMFILE.
    rlimit lowered = before;
    lowered.rlim_cur = static_cast<rlim_t>(client.get()) + 1;
    std::vector<FileDescriptor> fillers;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
    while (true) {
        FileDescriptor filler{::dup(0)};
        if (!filler) break;
        fillers.push_back(std::move(filler));
    }
    net.loop->run_turn(0us);
    EXPECT_EQ(net.stream, nullptr);
    int turns = 0;
    net.loop->set_turn_hooks({.on_turn_begin = [&] { ++turns; }});
    net.loop->run_turn(20ms);  // Sleeps: the socket is readable, but nobody asks for it.
    EXPECT_EQ(turns, 1);
    EXPECT_EQ(net.stream, nullptr);
    fillers.clear();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(net.turn_until([&] { return net.stream != nullptr; }));
    EXPECT_LT(turns, 50);
}

}  // namespace
}  // namespace firehose::net
