// SPDX-License-Identifier: Apache-2.0
// Goal:   a client gets one right answer for each request, in order, whatever it does; what comes
//         after an upgrade is handed on; nobody holds a connection for ever.
// Method: a scripted stream instead of a socket; every dialogue at every cut point and with a
//         socket that takes a byte at a time; time is told.
#include "http/http_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/scripted_stream.h"

namespace firehose::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: other, mqttv3.1, mqtt\r\n\r\n";

struct Dialogue {
    explicit Dialogue(HttpLimits limits = {}) {
        router.owned = std::make_unique<HttpConnection>(wire.make_stream(), router, limits);
    }
    Wire wire;
    ScriptedRouter router;
};

std::string get(std::string_view target, std::string_view extra = "") {
    return "GET " + std::string{target} + " HTTP/1.1\r\nHost: h\r\n" + std::string{extra} + "\r\n";
}

/// The whole dialogue in one piece, then at every cut point: the same bytes must come back.
std::string answer_at_every_cut(const std::string& sent) {
    Dialogue whole;
    whole.wire.sends(sent);
    for (std::size_t cut = 1; cut < sent.size(); ++cut) {
        Dialogue parts;
        parts.wire.sends(std::string_view{sent}.substr(0, cut));
        parts.wire.sends(std::string_view{sent}.substr(cut));
        EXPECT_EQ(parts.wire.written, whole.wire.written) << "cut at " << cut;
        EXPECT_EQ(parts.wire.was_shut_down, whole.wire.was_shut_down) << "cut at " << cut;
    }
    return whole.wire.written;
}

TEST(HttpConnection, AnswersWithLengthAndKeepsTheConnection) {
    const std::string answer = answer_at_every_cut(get("/echo?a=1"));
    EXPECT_EQ(
        answer,
        "HTTP/1.1 200 OK\r\nServer: firehose\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Type: text/plain\r\nContent-Length: 4\r\nConnection: keep-alive\r\n\r\na=1;");
}

TEST(HttpConnection, AnswersRequestsThatWereSentAheadInOrder) {
    const std::string answer =
        answer_at_every_cut("\r\n" + get("/echo?n=1") + get("/echo?n=2") +
                            get("/echo?n=3", "Connection: close\r\n") + get("/echo?n=4"));
    EXPECT_LT(answer.find("n=1;"), answer.find("n=2;"));
    EXPECT_LT(answer.find("n=2;"), answer.find("n=3;"));
    EXPECT_THAT(answer, HasSubstr("n=3;"));
    EXPECT_THAT(answer, Not(HasSubstr("n=4;")));
}

TEST(HttpConnection, ARequestWaitsUntilTheOneBeforeItIsAnswered) {
    Dialogue talk;
    talk.wire.sends(get("/later") + get("/echo?n=2"));
    EXPECT_EQ(talk.router.requests, 1);
    EXPECT_EQ(talk.wire.written, "");
    talk.router.owned->respond(200, "text/plain", "first");
    EXPECT_EQ(talk.router.requests, 2);
    EXPECT_THAT(talk.wire.written, HasSubstr("first"));
    EXPECT_THAT(talk.wire.written, HasSubstr("n=2;"));
}

TEST(HttpConnection, OneThatSendsAheadOfItsAnswerIsSlowedNotStored) {
    Dialogue talk{{.head_bytes_max = 100}};
    talk.wire.sends(get("/later"));
    for (int i = 0; i < 5; ++i) talk.wire.sends(get("/later"));
    EXPECT_FALSE(talk.wire.is_reading);
    for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(talk.router.owned);
        talk.router.owned->respond(204, "", "");
    }
    EXPECT_TRUE(talk.wire.is_reading);
    EXPECT_EQ(talk.router.requests, 6);
}

TEST(HttpConnection, OneThatSendsMuchAheadGetsItsAnswerAndNoOther) {
    for (const std::size_t ahead : {400U, 401U}) {
        Dialogue talk{{.head_bytes_max = 100}};
        talk.wire.sends(get("/later") + std::string(ahead, '\n'));
        ASSERT_TRUE(talk.router.owned);
        talk.router.owned->respond(200, "text/plain", "first");
        EXPECT_THAT(talk.wire.written, HasSubstr("first"));
        EXPECT_EQ(talk.wire.was_shut_down, ahead == 401);
    }
}

TEST(HttpConnection, AHeadRequestGetsTheHeadersOfGetAndNoBody) {
    const std::string answer = answer_at_every_cut("HEAD /echo?a=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST(HttpConnection, RefusesPolitely) {
    struct Row {
        std::string request;
        const char* status_line;
        const char* remedy;
        bool closes;
    };
    const Row rows[] = {
        {get("/nothing"), "HTTP/1.1 404 Not Found\r\n", "nothing at /nothing", false},
        {"BAD\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "not an HTTP/1.1 request", true},
        {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 ", "Only GET and HEAD", false},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413 ",
         "leave it out", true},
        {std::string{"\x10\x10\0\4MQTT"}, "HTTP/1.1 400 ", "MQTT over TCP has a port", true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.status_line);
        Dialogue talk;
        talk.wire.sends(row.request);
        EXPECT_THAT(talk.wire.written, StartsWith(row.status_line));
        EXPECT_THAT(talk.wire.written, HasSubstr(row.remedy));
        EXPECT_EQ(talk.wire.was_shut_down, row.closes);
        answer_at_every_cut(row.request);
    }
}

TEST(HttpConnection, BoundsTheHeadOnBothSides) {
    const std::size_t limit = 200;
    const std::string bare = get("/echo", "X: \r\n");
    for (const std::size_t size : {limit, limit + 1}) {
        SCOPED_TRACE(size);
        const std::string request =
            get("/echo", "X: " + std::string(size - bare.size(), 'x') + "\r\n");
        ASSERT_EQ(request.size(), size);
        for (std::size_t cut = 0; cut <= size; ++cut) {
            Dialogue talk{{.head_bytes_max = limit}};
            talk.wire.sends(request.substr(0, cut));
            talk.wire.sends(request.substr(cut));
            ASSERT_THAT(talk.wire.written,
                        StartsWith(size == limit ? "HTTP/1.1 200" : "HTTP/1.1 431"));
        }
    }
}

TEST(HttpConnection, UpgradesToTheClientsFirstKnownSubprotocolAndHandsOnWhatFollows) {
    const std::string sent = std::string{kUpgrade} + "\x82\x80 and more";
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
        Dialogue talk;
        talk.wire.sends(sent.substr(0, cut));
        const bool was_handed = talk.router.handed.stream != nullptr;
        ASSERT_EQ(was_handed, cut >= kUpgrade.size());
        if (!was_handed) talk.wire.sends(sent.substr(cut));
        ASSERT_TRUE(talk.router.handed.stream);
        EXPECT_EQ(talk.router.done, 1);
        EXPECT_FALSE(talk.router.owned);
        EXPECT_EQ(talk.router.handed.subprotocol, "mqttv3.1");
        const std::string_view expected = std::string_view{sent}.substr(
            kUpgrade.size(), was_handed ? cut - kUpgrade.size() : std::string_view::npos);
        EXPECT_EQ(as_text(talk.router.handed.unread), expected);
        EXPECT_EQ(
            talk.wire.written,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n");
        talk.router.handed.stream.reset();
    }
}

TEST(HttpConnection, RefusesAnUpgradeThatBreaksARule) {
    struct Row {
        const char* from;
        std::string_view what;
        std::string_view with;
        const char* status_line;
        const char* says;
    };
    static constexpr Row kRows[] = {
        {"RFC 6455 4.4", "Version: 13", "Version: 8", "HTTP/1.1 426 ",
         "Sec-WebSocket-Version: 13\r\n"},
        {"RFC 6455 4.2.1, no key", "Sec-WebSocket-Key", "X", "HTTP/1.1 400 ", "16 bytes in base64"},
        {"RFC 6455 4.2.1, bad key", "dGhl", "dGh", "HTTP/1.1 400 ", "16 bytes in base64"},
        {"RFC 6455 4.2.1, no upgrade", "Upgrade: websocket", "X: y", "HTTP/1.1 400 ",
         "Upgrade: websocket"},
        {"RFC 6455 4.1, HTTP/1.0", "HTTP/1.1", "HTTP/1.0", "HTTP/1.1 400 ", "over HTTP/1.1"},
        {"MQTT-6.0.0-3", "other, mqttv3.1, mqtt", "other, mqtt5", "HTTP/1.1 400 ",
         "must offer mqtt or mqttv3.1"},
        {"MQTT-6.0.0-3, none", "Sec-WebSocket-Protocol", "X", "HTTP/1.1 400 ", "must offer"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        std::string request{kUpgrade};
        request.replace(request.find(row.what), row.what.size(), row.with);
        Dialogue talk;
        talk.wire.sends(request);
        EXPECT_THAT(talk.wire.written, StartsWith(row.status_line));
        EXPECT_THAT(talk.wire.written, HasSubstr(row.says));
        EXPECT_FALSE(talk.router.handed.stream);
        answer_at_every_cut(request);
    }
}

TEST(HttpConnection, AStreamBeginsWithItsHeadAndIsHandedOver) {
    Dialogue talk;
    talk.wire.sends(get("/events"));
    ASSERT_TRUE(talk.router.handed.stream);
    EXPECT_EQ(talk.router.done, 1);
    EXPECT_EQ(
        talk.wire.written,
        "HTTP/1.1 200 OK\r\nServer: firehose\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Type: application/x-ndjson\r\nCache-Control: no-store\r\n"
        "X-Accel-Buffering: no\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n");
    talk.router.handed.stream.reset();

    Dialogue head;
    head.wire.sends("HEAD /events HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_FALSE(head.router.handed.stream);
    EXPECT_TRUE(head.wire.was_shut_down);
}

TEST(HttpConnection, WritesOnWhenTheSocketTakesAByteAtATime) {
    const std::string requests = get("/echo?n=1") + get("/echo?n=2") + std::string{kUpgrade};
    Dialogue fast;
    fast.wire.sends(requests);
    Dialogue slow;
    slow.wire.room = 0;
    slow.wire.sends(requests);
    EXPECT_EQ(slow.wire.written, "");
    for (int i = 0; i < 10'000 && slow.router.done == 0; ++i) slow.wire.has_room(1);
    EXPECT_EQ(slow.wire.written, fast.wire.written);
    EXPECT_TRUE(slow.router.handed.stream);
    fast.router.handed.stream.reset();
    slow.router.handed.stream.reset();
}

TEST(HttpConnection, ASlowHeadIsToldSoAtTheLimitAndNotBefore) {
    for (const char* begun : {"", "GET / HT"}) {
        SCOPED_TRACE(begun);
        Dialogue talk{{.head_time_max = 10s}};
        talk.wire.sends(begun);
        talk.router.owned->on_tick({100s});
        talk.router.owned->on_tick({109s});
        EXPECT_EQ(talk.wire.written, "");
        talk.router.owned->on_tick({110s});
        EXPECT_THAT(talk.wire.written, StartsWith("HTTP/1.1 408 "));
        EXPECT_TRUE(talk.wire.was_shut_down);
        talk.wire.closes();
        EXPECT_EQ(talk.router.done, 1);
    }
}

TEST(HttpConnection, BytesThatTrickleDoNotExtendTheLimit) {
    Dialogue talk{{.head_time_max = 10s}};
    talk.wire.sends("G");
    talk.router.owned->on_tick({100s});
    talk.wire.sends("ET");
    talk.router.owned->on_tick({105s});
    talk.wire.sends(" /");
    talk.router.owned->on_tick({110s});
    EXPECT_THAT(talk.wire.written, StartsWith("HTTP/1.1 408 "));
}

TEST(HttpConnection, AnIdleOrStuckConnectionIsClosedInSilence) {
    Dialogue idle{{.head_time_max = 10s, .idle_time_max = 60s}};
    idle.wire.sends(get("/echo"));
    const std::string answer = idle.wire.written;
    idle.router.owned->on_tick({100s});
    idle.router.owned->on_tick({159s});
    EXPECT_FALSE(idle.wire.was_shut_down);
    idle.router.owned->on_tick({160s});
    EXPECT_TRUE(idle.wire.was_shut_down);
    EXPECT_EQ(idle.wire.written, answer);

    Dialogue stuck{{.idle_time_max = 60s}};
    stuck.wire.room = 5;
    stuck.wire.sends(get("/echo"));
    stuck.router.owned->on_tick({100s});
    stuck.wire.has_room(5);
    stuck.router.owned->on_tick({160s});
    EXPECT_FALSE(stuck.wire.was_shut_down);
    stuck.router.owned->on_tick({220s});
    EXPECT_TRUE(stuck.wire.was_shut_down);
}

TEST(HttpConnection, ARouterThatIsSlowIsNotAClientThatIs) {
    Dialogue talk;
    talk.wire.sends(get("/later"));
    talk.router.owned->on_tick({100s});
    talk.router.owned->on_tick({1'000s});
    EXPECT_EQ(talk.wire.written, "");
    EXPECT_FALSE(talk.wire.was_shut_down);
}

TEST(HttpConnection, IsDoneOnceWhenTheClientGoes) {
    for (const char* sent : {"", "GET / HT", "GET /later HTTP/1.1\r\nHost: h\r\n\r\n",
                             "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"}) {
        SCOPED_TRACE(sent);
        Dialogue talk;
        talk.wire.sends(sent);
        talk.wire.closes();
        EXPECT_EQ(talk.router.done, 1);
        EXPECT_EQ(talk.wire.handler, nullptr);
    }
}

}  // namespace
}  // namespace firehose::http
