// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "http/http_connection.h"
#include "http/http_request.h"

/// Serves files that are part of the program (the web page), with ETag and security headers.
///
/// Lifetime: the table is static data, made by cmake/EmbedFiles.cmake. Threads: any.
/// Source:   RFC 9110 section 13.1.2 (If-None-Match).
namespace firehose::http {

struct EmbeddedFile {
    std::string_view path;  // "/index.html"
    std::string_view content_type;
    std::string_view bytes;
    std::string_view etag;  // With its quotes.
};

class StaticFiles {
public:
    explicit StaticFiles(std::span<const EmbeddedFile> files) noexcept : files_(files) {}

    /// Answers a GET or HEAD of a file ("/" is "/index.html"). False, and nothing sent, if there
    /// is no such file.
    [[nodiscard]] bool serve(HttpConnection& connection, const HttpRequest& request) const;

private:
    std::span<const EmbeddedFile> files_;
};

/// The files of web/dist, as they were when the program was built.
[[nodiscard]] std::span<const EmbeddedFile> web_files() noexcept;

}  // namespace firehose::http
