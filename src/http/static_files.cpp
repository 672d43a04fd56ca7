// SPDX-License-Identifier: Apache-2.0
#include "http/static_files.h"

#include <string>

namespace firehose::http {
namespace {

// The page's own scripts and styles only; its data comes over WebSocket, also from another port.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

/// Names under /assets carry a hash of their content, so they never change.
std::string_view cache_control(std::string_view path) noexcept {
    return path.substr(0, 8) == "/assets/" ? "public, max-age=31536000, immutable" : "no-cache";
}

/// Whether If-None-Match lists `etag`; weak and strong compare the same here.
bool is_known(std::string_view if_none_match, std::string_view etag) noexcept {
    return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

}  // namespace

bool StaticFiles::serve(HttpConnection& connection, const HttpRequest& request) const {
    const std::string_view path =
        request.path == "/" ? std::string_view{"/index.html"} : std::string_view{request.path};
    for (const EmbeddedFile& file : files_) {
        if (file.path != path) continue;
        const Headers headers{{"ETag", std::string{file.etag}},
                              {"Cache-Control", std::string{cache_control(path)}},
                              {"Content-Security-Policy", std::string{kContentSecurityPolicy}},
                              {"Referrer-Policy", "no-referrer"}};
        if (is_known(request.header("if-none-match"), file.etag)) {
            connection.respond(304, file.content_type, {}, headers);
        } else {
            connection.respond(200, file.content_type, file.bytes, headers);
        }
        return true;
    }
    return false;
}

}  // namespace firehose::http
