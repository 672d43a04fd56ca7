// SPDX-License-Identifier: Apache-2.0
#include "config/checks.h"

#include <algorithm>
#include <array>

#include "base/ip_network.h"

namespace firehose::config {
namespace {

bool is_word_byte(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.';
}

bool is_word(std::string_view text) {
    return !text.empty() && text.front() != '-' && std::ranges::all_of(text, is_word_byte);
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(
        text, [](char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F; });
}

}  // namespace

bool is_utf8(std::string_view text) {
    constexpr char32_t kSmallest[] = {0, 0x80, 0x800, 0x1'0000};
    while (!text.empty()) {
        const auto lead = static_cast<unsigned char>(text.front());
        const std::size_t more = lead < 0x80   ? 0
                                 : lead < 0xC0 ? 4
                                 : lead < 0xE0 ? 1
                                 : lead < 0xF0 ? 2
                                               : 3;
        if (more > 3 || lead > 0xF4 || text.size() <= more) return false;
        char32_t code = more == 0 ? lead : lead & (0x3FU >> more);
        for (std::size_t i = 1; i <= more; ++i) {
            const auto next = static_cast<unsigned char>(text[i]);
            if ((next & 0xC0U) != 0x80) return false;
            code = code << 6U | (next & 0x3FU);
        }
        const bool is_surrogate = code >= 0xD800 && code < 0xE000;
        if (code < kSmallest[more] || is_surrogate || code > 0x10'FFFF) return false;
        text.remove_prefix(more + 1);
    }
    return true;
}

std::string name_problem(std::string_view text) {
    return is_word(text) ? "" : "may have only letters, digits, - _ . and no dash first";
}

std::string version_problem(std::string_view text) {
    const bool is_one = text == "3.1" || text == "3.1.1" || text == "5.0";
    return is_one ? "" : "is no version of MQTT; there are 3.1, 3.1.1 and 5.0";
}

std::string optional_name_problem(std::string_view text) {
    return text.empty() ? "" : name_problem(text);
}

std::string host_problem(std::string_view text) {
    const bool plain = std::ranges::all_of(
        text, [](char byte) { return is_word_byte(byte) || byte == ':' || byte == '%'; });
    return plain && !text.starts_with('-') ? "" : "is not a host name or an address";
}

std::string mount_point_problem(std::string_view text) {
    if (has_control(text)) return "has a control character";
    if (text.starts_with('$')) return "begins with $";
    return text.find_first_of("+#") != std::string_view::npos ? "has a wildcard" : "";
}

std::string client_id_problem(std::string_view text) {
    return has_control(text) ? "has a control character" : "";
}

std::string network_problem(std::string_view text) {
    return IpNetwork::parse(text) ? "" : "is no address and no network such as 10.0.0.0/8";
}

std::string user_problem(std::string_view text) {
    if (has_control(text)) return "has a control character";
    return text.starts_with('-') ? "begins with a dash" : "";
}

std::string topic_problem(std::string_view text) {
    if (has_control(text)) return "has a control character";
    if (text.starts_with('$')) return "begins with $";
    if (text.find_first_of("+#") != std::string_view::npos) return "has a wildcard";
    const bool has_empty_level =
        text.starts_with('/') || text.ends_with('/') || text.find("//") != std::string_view::npos;
    return has_empty_level ? "has an empty level" : "";
}

std::string event_type_problem(std::string_view text) {
    return is_word(text) ? "" : "may have only letters, digits, - _ . and no dash first";
}

std::string log_type_problem(std::string_view text) {
    constexpr std::array<std::string_view, 10> kTypes{
        "debug",     "information", "notice",     "warning", "error",
        "subscribe", "unsubscribe", "websockets", "none",    "all"};
    if (std::ranges::find(kTypes, text) != kTypes.end()) return "";
    return "is no type of line: there are debug, information, notice, warning, error, subscribe, "
           "unsubscribe, websockets, all, none";
}

std::string log_destination_problem(std::string_view text) {
    constexpr std::array<std::string_view, 6> kWords{"stderr", "stdout", "journal",
                                                     "syslog", "topic",  "none"};
    if (std::ranges::find(kWords, text) != kWords.end()) return "";
    constexpr std::string_view kFile = "file:";
    if (text.starts_with(kFile) && text.size() > kFile.size()) return "";
    return "is no place to log to: there are stderr, stdout, journal, syslog, topic, none, "
           "file:PATH";
}

std::string deny_rule_problem(std::string_view text) {
    if (text == "private" || text == "draft") return "";
    for (const std::string_view kind : {"project:", "type:"}) {
        if (text == kind) return "names nothing";
        if (text.starts_with(kind)) return "";
    }
    return "is no rule: there are project:NAME, type:NAME, private, draft";
}

}  // namespace firehose::config
