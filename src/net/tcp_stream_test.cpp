// SPDX-License-Identifier: Apache-2.0
// Goal:   what ByteStream promises holds over real sockets: partial writes, back-pressure, every
//         way to end, handlers that destroy the stream, and the move between loops.
// Method: loopback connections on a port that the kernel picks; both ends driven by one thread.
#include "net/tcp_stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "net/loopback_test_kit.h"

namespace firehose::net {
namespace {

using namespace std::chrono_literals;

std::size_t write(TcpStream& stream, std::string_view text) {
    const std::array<ByteSpan, 1> parts{as_bytes(text)};
    return stream.write(parts);
}

int option(int socket, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
    return value;
}

TEST(TcpStream, CarriesBytesBothWaysAndKnowsItsPeer) {
    Loopback net;
    const FileDescriptor client = net.connect();
    EXPECT_EQ(net.stream->peer_address(), "127.0.0.1");
    write_all(client, "hello");
    ASSERT_TRUE(net.turn_until([&] { return net.log.received == "hello"; }));
    EXPECT_EQ(write(*net.stream, "world"), 5U);
    std::string answer;
    ASSERT_TRUE(net.turn_until([&] { return (answer += read_all(client)) == "world"; }));
}

TEST(TcpStream, GathersMorePartsThanOneCallTakesAndSkipsEmptyOnes) {
    Loopback net;
    const FileDescriptor client = net.connect();
    std::vector<ByteSpan> parts;
    std::string expected;
    for (std::size_t i = 0; i < 3 * TcpStream::kPartsPerCall + 1; ++i) {
        parts.push_back(as_bytes(i % 5 == 0 ? "" : "ab"));
        expected += as_text(parts.back());
    }
    EXPECT_EQ(net.stream->write(parts), expected.size());
    std::string got;
    ASSERT_TRUE(
        net.turn_until([&] { return (got += read_all(client)).size() == expected.size(); }));
    EXPECT_EQ(got, expected);
    EXPECT_EQ(net.stream->write({}), 0U);
}

TEST(TcpStream, AShortWriteIsFollowedByOneOnWritableAndNothingIsLost) {
    Loopback net;
    const FileDescriptor client = net.connect();
    std::string expected(8 * 1024 * 1024, '?');
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<char>(i * 31 % 251);
    std::size_t sent = 0;
    int short_writes = 0;
    const auto push = [&] {
        const std::string_view rest = std::string_view{expected}.substr(sent);
        const std::size_t taken = write(*net.stream, rest);
        sent += taken;
        if (taken < rest.size()) ++short_writes;
    };
    net.log.then_writable = push;
    push();
    ASSERT_LT(sent, expected.size());
    EXPECT_EQ(write(*net.stream, "too early"), 0U);
    std::string got;
    ASSERT_TRUE(
        net.turn_until([&] { return (got += read_all(client)).size() == expected.size(); }));
    EXPECT_TRUE(got == expected);
    EXPECT_EQ(net.log.writable, short_writes);
}

TEST(TcpStream, APausedStreamReadsNothingUntilItIsResumed) {
    Loopback net;
    const FileDescriptor client = net.connect();
    net.stream->set_reading(false);
    write_all(client, "later");
    for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    EXPECT_EQ(net.log.received, "");
    net.stream->set_reading(true);
    ASSERT_TRUE(net.turn_until([&] { return net.log.received == "later"; }));
}

TEST(TcpStream, TellsOnceHowItEnded) {
    struct Row {
        const char* how;
        std::function<void(FileDescriptor&, TcpStream&)> end;
        const char* reason;
    };
    const Row rows[] = {
        {"end of input", [](FileDescriptor& client, TcpStream&) { client.reset(); },
         "the peer closed"},
        {"reset", [](FileDescriptor& client, TcpStream&) { reset_connection(client); },
         "connection lost"},
        {"reset while paused",
         [](FileDescriptor& client, TcpStream& stream) {
             stream.set_reading(false);
             reset_connection(client);
         },
         "connection lost"},
        {"we close, then the peer",
         [](FileDescriptor& client, TcpStream& stream) {
             stream.shut_down();
             client.reset();
         },
         "closed by us"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.how);
        Loopback net;
        FileDescriptor client = net.connect();
        row.end(client, *net.stream);
        ASSERT_TRUE(net.turn_until([&] { return net.log.closed > 0; }));
        for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
        EXPECT_EQ(net.log.closed, 1);
        EXPECT_EQ(net.log.reason.rfind(row.reason, 0), 0U) << net.log.reason;
        EXPECT_EQ(write(*net.stream, "to nobody"), 0U);
        net.stream->shut_down();
        net.stream->set_reading(true);
    }
}

TEST(TcpStream, AWriteThatFailsEndsTheStreamInALaterTurnNotInsideWrite) {
    Loopback net;
    FileDescriptor client = net.connect();
    reset_connection(client);
    // The first write finds the reset, the second the broken pipe; neither calls out.
    [[maybe_unused]] const auto first = write(*net.stream, "x");
    [[maybe_unused]] const auto second = write(*net.stream, "x");
    EXPECT_EQ(net.log.closed, 0);
    ASSERT_TRUE(net.turn_until([&] { return net.log.closed == 1; }));
}

TEST(TcpStream, ShutDownSendsWhatWasWrittenThenClosesAndDropsInput) {
    Loopback net;
    const FileDescriptor client = net.connect();
    EXPECT_EQ(write(*net.stream, "last words"), 10U);
    net.stream->shut_down();
    EXPECT_EQ(write(*net.stream, "no more"), 0U);
    write_all(client, "ignored");
    for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    EXPECT_EQ(net.log.received, "");
    EXPECT_EQ(net.log.closed, 0);
    std::string got;
    ASSERT_TRUE(net.turn_until([&] { return (got += read_all(client)) == "last words"; }));
    char byte = 0;
    EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 0);
}

TEST(TcpStream, AbortsWithAResetAndCallsNobody) {
    Loopback net;
    const FileDescriptor client = net.connect();
    EXPECT_GT(write(*net.stream, std::string(1'000, 'x')), 0U);
    net.stream->abort();
    net.stream->abort();
    for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    EXPECT_EQ(net.log.closed, 0);
    EXPECT_EQ(write(*net.stream, "x"), 0U);
    char byte = 0;
    while (::recv(client.get(), &byte, 1, 0) > 0) {
    }
    EXPECT_EQ(errno, ECONNRESET);
}

class JumpingClock final : public Clock {
public:
    MonotonicTime monotonic() noexcept override { return system_.monotonic() + ahead; }
    WallTime wall() noexcept override { return system_.wall(); }
    Microseconds ahead{0};

private:
    SystemClock system_;
};

TEST(TcpStream, ALingeringStreamEndsAfterItsTimeOrItsBytes) {
    for (const bool by_time : {true, false}) {
        SCOPED_TRACE(by_time);
        Loopback net;
        const FileDescriptor client = net.connect();
        JumpingClock clock;
        const std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
        net.stream->release();
        net.stream->adopt(*loop);
        net.stream->shut_down();
        if (by_time) {
            clock.ahead = TcpStream::kLinger - 1s;
            loop->run_turn(0us);
            EXPECT_EQ(net.log.closed, 0);
            clock.ahead = TcpStream::kLinger;
            loop->run_turn(0us);
        } else {
            const std::string flood(32 * 1024, 'x');
            for (int i = 0; i < 2'000 && net.log.closed == 0; ++i) {
                ::send(client.get(), flood.data(), flood.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
                loop->run_turn(0us);
            }
        }
        EXPECT_EQ(net.log.closed, 1);
        net.stream.reset();
    }
}

TEST(TcpStream, TheHandlerMayDestroyItInAnyCallback) {
    const std::string big(4 * 1024 * 1024, 'x');
    for (const char* where : {"bytes", "writable", "closed", "bytes and closed"}) {
        SCOPED_TRACE(where);
        Loopback net;
        FileDescriptor client = net.connect();
        bool gone = false;
        const auto destroy = [&] {
            net.stream.reset();
            gone = true;
        };
        const std::string_view name = where;
        if (name == "bytes") {
            net.log.then_bytes = destroy;
            write_all(client, "x");
        } else if (name == "writable") {
            net.log.then_writable = destroy;
            ASSERT_LT(write(*net.stream, big), big.size());
            write_all(client, "x");  // Also readable in that turn.
            ASSERT_TRUE(net.turn_until([&] {
                [[maybe_unused]] const auto dropped = read_all(client);
                return gone;
            }));
            EXPECT_LE(net.log.received.size(), 1U);
        } else if (name == "closed") {
            net.log.then_closed = destroy;
            client.reset();
        } else {
            net.log.then_bytes = destroy;
            write_all(client, "x");
            client.reset();
        }
        ASSERT_TRUE(net.turn_until([&] { return gone; }));
        for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    }
}

TEST(TcpStream, MovesToAnotherLoopWithWhatIsStillToBeReadAndWritten) {
    Loopback net;
    const FileDescriptor client = net.connect();
    const std::string big(4 * 1024 * 1024, 'x');
    std::size_t sent = write(*net.stream, big);
    ASSERT_LT(sent, big.size());
    write_all(client, "unread");
    net.stream->release();
    for (int i = 0; i < 3; ++i) net.loop->run_turn(0us);
    EXPECT_EQ(net.log.received, "");

    const std::unique_ptr<EventLoop> other = std::move(*EventLoop::create(net.clock));
    StreamLog log;
    net.stream->set_handler(log);
    net.stream->adopt(*other);
    log.then_writable = [&] { sent += write(*net.stream, std::string_view{big}.substr(sent)); };
    std::size_t got = 0;
    for (int i = 0; i < 100'000 && got < big.size(); ++i) {
        other->run_turn(1ms);
        got += read_all(client).size();
    }
    EXPECT_EQ(got, big.size());
    EXPECT_EQ(log.received, "unread");
    net.stream.reset();
}

TEST(TcpStream, AcceptedSocketsHaveTheOptionsOfTheListener) {
    Loopback net{{.host = "127.0.0.1", .buffers = {.send_bytes = 32'768, .receive_bytes = 16'384}}};
    const FileDescriptor client = net.connect();
    // The stream hides its descriptor; the highest one open is the one accepted last.
    const FileDescriptor probe{::dup(0)};
    int accepted = -1;
    for (int fd = 3; fd < probe.get() + 8; ++fd) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (fd == client.get()) continue;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) accepted = fd;
    }
    ASSERT_GE(accepted, 0);
    EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_NOTSENT_LOWAT), TcpStream::kUnsentLowWaterBytes);
    EXPECT_EQ(option(accepted, SOL_SOCKET, SO_SNDBUF), 65'536);
    EXPECT_EQ(option(accepted, SOL_SOCKET, SO_RCVBUF), 32'768);
}

TEST(TcpStream, ConnectsAndSaysWhenItStands) {
    Loopback net;
    StreamLog log;
    auto stream = TcpStream::connect(*net.loop, "127.0.0.1", net.listener->port());
    ASSERT_TRUE(stream);
    (*stream)->set_handler(log);
    EXPECT_EQ(write(**stream, "too early"), 0U);
    ASSERT_TRUE(net.turn_until([&] { return log.writable == 1 && net.stream != nullptr; }));
    EXPECT_EQ(write(**stream, "hello"), 5U);
    ASSERT_TRUE(net.turn_until([&] { return net.log.received == "hello"; }));
}

TEST(TcpStream, SaysWhyItCannotConnect) {
    Loopback net;
    const std::uint16_t port = net.listener->port();
    net.listener.reset();
    StreamLog log;
    auto stream = TcpStream::connect(*net.loop, "127.0.0.1", port);
    ASSERT_TRUE(stream);
    (*stream)->set_handler(log);
    ASSERT_TRUE(net.turn_until([&] { return log.closed == 1; }));
    EXPECT_EQ(log.reason, "cannot connect: Connection refused");
    EXPECT_EQ(log.writable, 0);
}

}  // namespace
}  // namespace firehose::net
