// SPDX-License-Identifier: Apache-2.0
// Goal:   the page is inside the program, and browsers cache it and contain it as they should.
// Method: requests through a scripted stream; the files are those of this build.
#include "http/static_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/scripted_stream.h"

namespace firehose::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class FileRouter final : public HttpRouter {
public:
    void on_request(HttpConnection& connection, const HttpRequest& request) override {
        found = StaticFiles{web_files()}.serve(connection, request);
        if (!found) connection.refuse(404, "no such file");
    }
    void on_done(HttpConnection&) override {}
    bool found = false;
};

std::string get(std::string_view target, std::string_view extra = "") {
    Wire wire;
    FileRouter router;
    HttpConnection connection{wire.make_stream(), router, {}};
    wire.sends("GET " + std::string{target} + " HTTP/1.1\r\nHost: h\r\n" + std::string{extra} +
               "\r\n");
    return wire.written;
}

TEST(StaticFiles, ServeThePageAtTheRoot) {
    const std::string page = get("/");
    EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
    EXPECT_THAT(page, HasSubstr("Cache-Control: no-cache\r\n"));
    EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'self'; connect-src 'self' "
                                "ws: wss:;"));
    EXPECT_THAT(page, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(page, HasSubstr("<!doctype html>"));
    EXPECT_TRUE(page.ends_with("</html>\n"));
    EXPECT_EQ(get("/index.html"), page);
}

TEST(StaticFiles, EveryFileIsServedAndKnownAgainByItsTag) {
    ASSERT_FALSE(web_files().empty());
    for (const EmbeddedFile& file : web_files()) {
        SCOPED_TRACE(file.path);
        const std::string answer = get(file.path);
        EXPECT_TRUE(answer.ends_with(file.bytes));
        EXPECT_THAT(answer, HasSubstr("ETag: " + std::string{file.etag} + "\r\n"));
        const std::string again =
            get(file.path, "If-None-Match: " + std::string{file.etag} + "\r\n");
        EXPECT_THAT(again, StartsWith("HTTP/1.1 304 Not Modified\r\n"));
        EXPECT_TRUE(again.ends_with("\r\n\r\n"));
        EXPECT_THAT(get(file.path, "If-None-Match: \"other\"\r\n"), StartsWith("HTTP/1.1 200"));
    }
}

TEST(StaticFiles, LeaveOtherPathsToOthers) {
    for (const char* path : {"/nothing", "/index.htm", "/index.html/", "/assets/"}) {
        EXPECT_THAT(get(path), StartsWith("HTTP/1.1 404 ")) << path;
    }
}

}  // namespace
}  // namespace firehose::http
