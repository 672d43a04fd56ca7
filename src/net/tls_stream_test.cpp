// SPDX-License-Identifier: Apache-2.0
// Goal:   bytes pass TLS whole, whatever the socket takes, and no buffer of the caller is needed
//         after `write` has taken it (rule TLS).
// Method: a server stream on a loop, a client that OpenSSL plays on a raw socket, one thread.
#include "net/tls_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <optional>

#include "net/loopback_test_kit.h"
#include "net/tls_test_kit.h"

namespace firehose::net {
namespace {

using testing::HasSubstr;

Authority& authority() {
    static Authority made;
    return made;
}

const Issued& server_certificate() {
    static const Issued made = authority().issue("server", "localhost");
    return made;
}

/// One server stream and its client.
struct Pair {
    explicit Pair(TlsOptions options = {}, TlsClient::Options client_options = {},
                  std::size_t unread = 0, SocketBuffers buffers = {})
        : loopback({.host = "127.0.0.1", .buffers = buffers}), gate(*loopback.loop, 8) {
        if (options.certificate.cert_file.empty()) {
            options.certificate = server_certificate().files();
        }
        auto loaded = TlsContext::load(options);
        EXPECT_TRUE(loaded) << loaded.error();
        context.emplace(std::move(*loaded));
        client.emplace(loopback.connect(), client_options);
        FileDescriptor socket = loopback.stream->take_socket();
        ByteBuffer early;
        if (unread > 0) {
            EXPECT_FALSE(client->handshake());  // Its ClientHello is on the way.
            early.resize(unread);
            EXPECT_EQ(::recv(socket.get(), early.data(), early.size(), 0),
                      static_cast<ssize_t>(unread));
        }
        stream = std::make_unique<TlsStream>(*loopback.loop, std::move(socket), "peer", *context,
                                             gate, std::move(early));
        stream->set_handler(loopback.log);
    }

    [[nodiscard]] bool shakes_hands() {
        bool is_done = false;
        return loopback.turn_until([&] {
            is_done = is_done || client->handshake();
            return (is_done && loopback.log.writable > 0) || loopback.log.closed > 0;
        }) && loopback.log.closed == 0;
    }
    [[nodiscard]] bool receives(std::size_t bytes) {
        return loopback.turn_until([&] {
            client->read();
            return client->received.size() >= bytes;
        });
    }

    Loopback loopback;
    HandshakeGate gate;
    std::optional<TlsContext> context;
    std::optional<TlsClient> client;
    std::unique_ptr<TlsStream> stream;
};

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
    return text;
}

/// Offers `text` in parts of growing size; overwrites what was taken, as its owner may.
struct Writer {
    TlsStream& stream;
    std::string text;
    std::size_t sent = 0;

    void write() {
        while (sent < text.size()) {
            std::vector<ByteSpan> parts;
            std::size_t at = sent;
            for (std::size_t size = 1; at < text.size() && parts.size() < 40; size = size * 3 + 1) {
                const std::size_t count = std::min(size % 50'000, text.size() - at);
                parts.push_back(as_bytes(text).subspan(at, count));
                at += count;
            }
            const std::size_t taken = stream.write(parts);
            std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(sent), taken, '!');
            sent += taken;
            if (taken < at - (sent - taken)) return;
        }
    }
};

TEST(TlsStream, CarriesBytesBothWays) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Pair pair{{}, {.version_max = version}};
        ASSERT_TRUE(pair.shakes_hands()) << pair.loopback.log.reason;
        EXPECT_THAT(pair.stream->protocol(),
                    HasSubstr(version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        const std::array<ByteSpan, 3> parts{as_bytes("hel"), as_bytes(""), as_bytes("lo")};
        EXPECT_EQ(pair.stream->write(parts), 5U);
        ASSERT_TRUE(pair.receives(5));
        EXPECT_EQ(pair.client->received, "hello");
        ASSERT_TRUE(pair.client->write("hi"));
        ASSERT_TRUE(pair.loopback.turn_until([&] { return pair.loopback.log.received == "hi"; }));
    }
}

TEST(TlsStream, NeedsNothingOfWhatItHasTaken) {
    const std::string sent = pattern(1'000'000);
    for (const std::uint8_t code :
         {std::uint8_t{0}, std::uint8_t{1}}) {  // 1: records of 512 bytes (RFC 6066, section 4).
        Pair pair{
            {}, {.max_fragment_code = code}, 0, {.send_bytes = 4'096, .receive_bytes = 4'096}};
        ASSERT_TRUE(pair.shakes_hands());
        Writer writer{.stream = *pair.stream,
                      .text = sent.substr(0, code == 0 ? 1'000'000 : 99'000)};
        pair.loopback.log.then_writable = [&] { writer.write(); };
        writer.write();
        const std::string expected = sent.substr(0, writer.text.size());
        EXPECT_LT(writer.sent, expected.size());  // It did stall.
        ASSERT_TRUE(pair.receives(expected.size()));
        EXPECT_TRUE(pair.client->received == expected);
    }
}

TEST(TlsStream, KeepsItsPlaceWhenThePeerAsksForNewKeysMeanwhile) {
    const std::string sent = pattern(600'000);
    Pair pair{{}, {}, 0, {.send_bytes = 4'096, .receive_bytes = 4'096}};
    ASSERT_TRUE(pair.shakes_hands());
    Writer writer{.stream = *pair.stream, .text = sent};
    pair.loopback.log.then_writable = [&] { writer.write(); };
    writer.write();
    std::size_t asked = 0;
    ASSERT_TRUE(pair.loopback.turn_until([&] {
        if (pair.client->received.size() / 20'000 > asked) {
            ++asked;
            EXPECT_EQ(SSL_key_update(pair.client->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
            EXPECT_TRUE(pair.client->write("x"));
        }
        pair.client->read();
        return pair.client->received.size() >= sent.size() || pair.loopback.log.closed > 0;
    }));
    EXPECT_EQ(pair.loopback.log.reason, "");
    EXPECT_GT(asked, 5U);
    EXPECT_TRUE(pair.client->received == sent);
}

TEST(TlsStream, SaysGoodbyeAfterWhatItHasTaken) {
    const std::string sent = pattern(400'000);
    Pair pair{{}, {}, 0, {.send_bytes = 4'096, .receive_bytes = 4'096}};
    ASSERT_TRUE(pair.shakes_hands());
    Writer writer{.stream = *pair.stream, .text = sent};
    writer.write();
    ASSERT_LT(writer.sent, sent.size());
    pair.stream->shut_down();
    ASSERT_TRUE(pair.loopback.turn_until([&] {
        pair.client->read();
        return pair.client->has_goodbye;
    }));
    EXPECT_TRUE(pair.client->received == sent.substr(0, writer.sent));
    pair.client->socket.reset();
    EXPECT_TRUE(pair.loopback.turn_until([&] { return pair.loopback.log.closed == 1; }));
}

TEST(TlsStream, ReadsOnWhereATurnStopped) {
    Pair pair;
    ASSERT_TRUE(pair.shakes_hands());
    const std::string sent = pattern(2'000'000);
    // It pauses after its first bytes, until the client cannot send any more.
    bool has_paused = false;
    pair.loopback.log.then_bytes = [&] {
        if (!std::exchange(has_paused, true)) pair.stream->set_reading(false);
    };
    std::size_t at = 0;
    ASSERT_TRUE(pair.loopback.turn_until([&] {
        std::size_t count = 0;
        do {
            at += count;
            count = std::min<std::size_t>(16'000, sent.size() - at);
        } while (count > 0 && pair.client->write(sent.substr(at, count)));
        pair.stream->set_reading(true);
        return pair.loopback.log.received.size() >= sent.size();
    }));
    EXPECT_TRUE(pair.loopback.log.received == sent);
}

TEST(TlsStream, GoesOnFromWhatWasReadBefore) {
    for (const std::size_t unread : {1, 5, 100}) {
        Pair pair{{}, {}, unread};
        EXPECT_TRUE(pair.shakes_hands()) << unread << ": " << pair.loopback.log.reason;
    }
}

TEST(TlsStream, ClosesOnWhatIsNoTls) {
    Pair pair;
    write_all(pair.client->socket, "GET / HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(pair.loopback.turn_until([&] { return pair.loopback.log.closed == 1; }));
    EXPECT_EQ(pair.loopback.log.reason, "TLS handshake failed: http request");
    EXPECT_EQ(pair.loopback.log.writable, 0);
}

TEST(TlsStream, HearsThatThePeerIsGone) {
    Pair pair;
    ASSERT_TRUE(pair.shakes_hands());
    pair.client->read();  // The session ticket: unread input makes it a reset.
    pair.client->socket.reset();
    ASSERT_TRUE(pair.loopback.turn_until([&] { return pair.loopback.log.closed == 1; }));
    EXPECT_EQ(pair.loopback.log.reason, "the peer closed the connection");
}

TEST(TlsStream, AgreesOnAProtocol) {
    struct Row {
        std::string offer;
        Alpn agreed;
    };
    for (const Row& row :
         {Row{"\x04mqtt", Alpn::mqtt}, Row{"\x08http/1.1\x04mqtt", Alpn::mqtt},
          Row{"\x08http/1.1", Alpn::http}, Row{"\x02h2", Alpn::none}, Row{"", Alpn::none}}) {
        TlsOptions options;
        options.offers_http = true;
        Pair pair{options, {.alpn = row.offer}};
        ASSERT_TRUE(pair.shakes_hands());
        EXPECT_EQ(pair.stream->alpn(), row.agreed) << row.offer;
    }
}

TEST(TlsStream, NamesTheClient) {
    const Issued known = authority().issue("gate, north");
    const Issued binary = authority().issue(std::string{"a\0b", 3});
    TlsOptions options;
    options.ca_file = authority().ca_file();
    Pair pair{options, {.certificate = &known}};
    ASSERT_TRUE(pair.shakes_hands());
    EXPECT_EQ(pair.stream->peer_common_name(), "gate, north");
    EXPECT_EQ(pair.stream->peer_subject(), "CN=gate\\, north");
    Pair stranger{options, {}};
    ASSERT_TRUE(stranger.shakes_hands());
    EXPECT_FALSE(stranger.stream->has_peer_certificate());
    Pair trickster{options, {.certificate = &binary}};
    ASSERT_TRUE(trickster.shakes_hands());
    EXPECT_TRUE(trickster.stream->has_peer_certificate());
    EXPECT_EQ(trickster.stream->peer_common_name(), std::nullopt);
}

TEST(HandshakeGate, LetsSoManyThroughATurn) {
    SystemClock clock;
    const auto loop = std::move(*EventLoop::create(clock));
    HandshakeGate gate{*loop, 2};
    EXPECT_TRUE(gate.take());
    EXPECT_TRUE(gate.take());
    EXPECT_FALSE(gate.take());
    loop->run_turn(Microseconds{0});
    EXPECT_TRUE(gate.take());
}

}  // namespace
}  // namespace firehose::net
