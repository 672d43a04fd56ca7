// SPDX-License-Identifier: Apache-2.0
#include "http/http_request.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace firehose::http {
namespace {

namespace beast = boost::beast;

char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string to_lower(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return to_lower(c); });
    return out;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Failure<RequestError> bad_request(std::string explanation) {
    return Failure{RequestError{400, std::move(explanation)}};
}

Method method_of(beast::http::verb verb) noexcept {
    switch (verb) {
        case beast::http::verb::get:
            return Method::get;
        case beast::http::verb::head:
            return Method::head;
        case beast::http::verb::post:
            return Method::post;
        case beast::http::verb::put:
            return Method::put;
        case beast::http::verb::delete_:
            return Method::del;
        case beast::http::verb::options:
            return Method::options;
        default:
            return Method::other;
    }
}

bool has_dot_segment(std::string_view path) noexcept {
    while (!path.empty()) {
        path.remove_prefix(1);  // The slash.
        const std::string_view segment = path.substr(0, path.find('/'));
        if (segment == "." || segment == "..") return true;
        path.remove_prefix(segment.size());
    }
    return false;
}

/// The origin form of a target: proxies may send the absolute one (RFC 9112 section 3.2.2).
std::string_view origin_form(std::string_view target) noexcept {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (target.substr(0, scheme.size()) != scheme) continue;
        target.remove_prefix(scheme.size());
        const std::size_t path = target.find('/');
        return path == std::string_view::npos ? "/" : target.substr(path);
    }
    return target;
}

/// Fills in path and query. What is wrong with the target, if anything.
std::optional<std::string> read_target(std::string_view target, HttpRequest& request) {
    target = origin_form(target.substr(0, target.find('#')));
    const std::size_t mark = target.find('?');
    auto path = percent_decode(target.substr(0, mark));
    if (!path || path->empty() || path->front() != '/') {
        return "The path must begin with / and escape bytes as %XX.";
    }
    if (has_dot_segment(*path)) return "The path must not contain . or .. segments.";
    request.path = std::move(*path);
    if (mark == std::string_view::npos) return {};
    auto query = parse_query(target.substr(mark + 1));
    if (!query) return "The query must be name=value pairs joined by &, with bytes escaped as %XX.";
    request.query = std::move(*query);
    return {};
}

}  // namespace

std::optional<std::string_view> HttpRequest::parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return {};
}

std::string HttpRequest::header(std::string_view name) const {
    std::string joined;
    bool is_first = true;
    for (const auto& [key, value] : headers) {
        if (key != name) continue;
        if (!std::exchange(is_first, false)) joined += ", ";
        joined += value;
    }
    return joined;
}

bool HttpRequest::header_lists(std::string_view name, std::string_view token) const {
    const std::string list = to_lower(header(name));
    return beast::http::token_list{list}.exists(to_lower(token));
}

Result<HttpRequest, RequestError> parse_request(std::string_view head) {
    beast::http::request_parser<beast::http::empty_body> parser;
    // The caller bounds the head; bodies are judged below, with an answer of our own.
    parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
    parser.body_limit(boost::none);
    beast::error_code error;
    parser.put(boost::asio::buffer(head.data(), head.size()), error);
    if (error || !parser.is_header_done()) {
        return bad_request("This is not an HTTP/1.1 request" +
                           (error ? " (" + error.message() + ")." : std::string{"."}));
    }
    const auto& message = parser.get();
    HttpRequest request;
    request.method = method_of(message.method());
    request.minor_version = message.version() % 10;
    request.keep_alive = message.keep_alive();
    for (const auto& field : message) {
        request.headers.emplace_back(
            to_lower({field.name_string().data(), field.name_string().size()}),
            std::string{field.value()});
    }
    // RFC 9112 section 3.2: exactly one Host.
    const auto hosts = std::count_if(request.headers.begin(), request.headers.end(),
                                     [](const auto& header) { return header.first == "host"; });
    if (hosts > 1 || (hosts == 0 && request.minor_version >= 1)) {
        return bad_request("An HTTP/1.1 request needs one Host header.");
    }
    if (auto problem = read_target({message.target().data(), message.target().size()}, request)) {
        return bad_request(std::move(*problem));
    }
    if (parser.chunked() || parser.content_length().value_or(0) > 0) {
        return Failure{RequestError{413, "Requests here have no body; leave it out."}};
    }
    request.asks_for_websocket = request.method == Method::get &&
                                 request.header_lists("connection", "upgrade") &&
                                 request.header_lists("upgrade", "websocket");
    return request;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return {};
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return {};
        out += c;
    }
    return out;
}

std::optional<HttpRequest::Pairs> parse_query(std::string_view query) {
    HttpRequest::Pairs pairs;
    while (!query.empty()) {
        std::string part{query.substr(0, query.find('&'))};
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.empty()) continue;
        // Before decoding: an escaped plus (%2B) stays one. Topic filters need that.
        std::replace(part.begin(), part.end(), '+', ' ');
        const std::size_t mark = part.find('=');
        auto name = percent_decode(std::string_view{part}.substr(0, mark));
        auto value =
            percent_decode(mark == std::string::npos ? std::string_view{}
                                                     : std::string_view{part}.substr(mark + 1));
        if (!name || !value) return {};
        pairs.emplace_back(std::move(*name), std::move(*value));
    }
    return pairs;
}

}  // namespace firehose::http
