// SPDX-License-Identifier: Apache-2.0
// Goal:   heads become requests, decoded once, and bad ones a status and what would be right.
// Method: tables; inputs without slack after their last byte.
#include "http/http_request.h"

#include <gtest/gtest.h>

#include <vector>

namespace firehose::http {
namespace {

std::string head(std::string_view request_line, std::string_view headers = "Host: h\r\n") {
    return std::string{request_line} + "\r\n" + std::string{headers} + "\r\n";
}

Result<HttpRequest, RequestError> parse(const std::string& text) {
    const std::vector<char> exact{text.begin(), text.end()};
    return parse_request({exact.data(), exact.size()});
}

TEST(HttpRequest, DecodesPathAndQueryOnce) {
    struct Row {
        const char* target;
        const char* path;
        HttpRequest::Pairs query;
    };
    const Row rows[] = {
        {"/", "/", {}},
        {"/a%20b", "/a b", {}},
        {"/%2525", "/%25", {}},
        {"/?", "/", {}},
        {"/events?topic=gerrit/%23&limit=5", "/events", {{"topic", "gerrit/#"}, {"limit", "5"}}},
        {"/events?topic=a/%2B/b", "/events", {{"topic", "a/+/b"}}},
        {"/events?topic=a+b&x&=y&&z=1=2",
         "/events",
         {{"topic", "a b"}, {"x", ""}, {"", "y"}, {"z", "1=2"}}},
        {"http://example.org/p?q=1", "/p", {{"q", "1"}}},
        {"http://example.org", "/", {}},
        {"/..a/b..", "/..a/b..", {}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.target);
        auto request = parse(head("GET " + std::string{row.target} + " HTTP/1.1"));
        ASSERT_TRUE(request) << request.error().explanation;
        EXPECT_EQ(request->path, row.path);
        EXPECT_EQ(request->query, row.query);
    }
}

TEST(HttpRequest, RefusesWhatIsNoRequest) {
    struct Row {
        std::string head;
        unsigned status;
        const char* from;
    };
    const Row rows[] = {
        {head("GET / HTTP/1.1", ""), 400, "RFC 9112 3.2: no Host"},
        {head("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n"), 400, "RFC 9112 3.2: two"},
        {head("GET /"), 400, "RFC 9112 3: no version"},
        {head("GET / HTTP/2.0"), 400, "another major version"},
        {head("GET / FTP/1.1"), 400, "another protocol"},
        {head("GET a HTTP/1.1"), 400, "a path without /"},
        {head("GET /%zz HTTP/1.1"), 400, "RFC 3986 2.1"},
        {head("GET /%2 HTTP/1.1"), 400, "cut escape"},
        {head("GET /a%00b HTTP/1.1"), 400, "NUL"},
        {head("GET /x?a=%0 HTTP/1.1"), 400, "cut escape in the query"},
        {head("GET /../etc HTTP/1.1"), 400, "dot segments"},
        {head("GET /a/%2e%2e/b HTTP/1.1"), 400, "dot segments, escaped"},
        {head("GET /. HTTP/1.1"), 400, "dot segments"},
        {head("GET / HTTP/1.1", "Host: h\r\nBad Name: x\r\n"), 400, "RFC 9110 5.1"},
        {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: x\r\n"), 400, "RFC 9112 6.3"},
        {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
         400, "RFC 9112 6.3: smuggling"},
        {head("GET / HTTP/1.1", "Host: h\r\nContent-Length: 1\r\n"), 413, "no bodies"},
        {head("GET / HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked\r\n"), 413, "no bodies"},
        {"", 400, "nothing"},
        {"GET / HTTP/1.1\r\nHost: h\r\n", 400, "no empty line"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.from);
        auto request = parse(row.head);
        ASSERT_FALSE(request);
        EXPECT_EQ(request.error().status, row.status);
        EXPECT_FALSE(request.error().explanation.empty());
    }
}

TEST(HttpRequest, KnowsMethodsKeepAliveAndHeaders) {
    EXPECT_EQ(parse(head("HEAD / HTTP/1.1"))->method, Method::head);
    EXPECT_EQ(parse(head("POST / HTTP/1.1"))->method, Method::post);
    EXPECT_EQ(parse(head("BREW / HTTP/1.1"))->method, Method::other);
    EXPECT_TRUE(parse(head("GET / HTTP/1.1"))->keep_alive);
    EXPECT_FALSE(parse(head("GET / HTTP/1.1", "Host: h\r\nConnection: close\r\n"))->keep_alive);
    EXPECT_FALSE(parse(head("GET / HTTP/1.0", ""))->keep_alive);
    EXPECT_TRUE(parse(head("GET / HTTP/1.0", "Connection: keep-alive\r\n"))->keep_alive);
    auto request =
        parse(head("GET /?a=1&a=2 HTTP/1.1", "Host: h\r\nAccept: x\r\naccept:  y \r\nEmpty:\r\n"));
    EXPECT_EQ(request->header("accept"), "x, y");
    EXPECT_EQ(request->header("empty"), "");
    EXPECT_EQ(request->header("absent"), "");
    EXPECT_EQ(request->parameter("a"), "1");
    EXPECT_FALSE(request->parameter("b"));
    EXPECT_TRUE(request->header_lists("accept", "Y"));
    EXPECT_FALSE(request->header_lists("accept", "z"));
}

TEST(HttpRequest, SeesAWebSocketUpgradeWhateverItsSpelling) {
    EXPECT_TRUE(parse(head("GET / HTTP/1.1",
                           "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"))
                    ->asks_for_websocket);
    EXPECT_FALSE(
        parse(head("GET / HTTP/1.1", "Host: h\r\nUpgrade: websocket\r\n"))->asks_for_websocket);
    EXPECT_FALSE(parse(head("GET / HTTP/1.1", "Host: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"))
                     ->asks_for_websocket);
}

TEST(PercentDecode, TakesBothCasesAndNothingElse) {
    EXPECT_EQ(percent_decode("%c3%A9+"), "\xC3\xA9+");
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("%4"));
    EXPECT_FALSE(percent_decode("%4g"));
    EXPECT_FALSE(percent_decode("%-1"));
    EXPECT_FALSE(percent_decode("%00"));
}

}  // namespace
}  // namespace firehose::http
