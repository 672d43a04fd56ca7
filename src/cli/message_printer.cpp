// SPDX-License-Identifier: Apache-2.0
#include "cli/message_printer.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>

#include "mqtt/utf8.h"

namespace firehose::cli {
namespace {

std::string_view property(const client::Message& message, std::string_view name) noexcept {
    for (const auto& [key, value] : message.user_properties) {
        if (key == name) return value;
    }
    return {};
}

bool is_number(std::string_view text) noexcept {
    constexpr std::size_t kDigitsMax = 16;  // Below 2^53.
    return !text.empty() && text.size() <= kDigitsMax && (text == "0" || text[0] != '0') &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void append_string(std::string_view text, std::string& out) {
    out += boost::json::serialize(boost::json::string_view{text.data(), text.size()});
}

std::string base64(ByteSpan bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

void append_json(const client::Message& message, std::string& out) {
    out += '{';
    const std::string_view seq = property(message, "firehose-seq");
    if (is_number(seq)) {
        out += "\"seq\":";
        out += seq;
        out += ",\"time\":";
        append_string(property(message, "firehose-time"), out);
        out += ',';
    }
    out += "\"topic\":";
    append_string(message.topic, out);
    // JSON can hold U+0000, so only ill-formed text needs base64.
    if (mqtt::text_fault(as_text(message.payload)) == mqtt::TextFault::ill_formed) {
        out += ",\"payload_base64\":\"" + base64(message.payload) + '"';
    } else {
        out += ",\"payload\":";
        append_string(as_text(message.payload), out);
    }
    out += ",\"qos\":" + std::to_string(static_cast<unsigned>(message.qos));
    out += message.retain ? ",\"retain\":true}" : ",\"retain\":false}";
}

}  // namespace

void append_message(const client::Message& message, PrintStyle style, std::string& out) {
    switch (style) {
        case PrintStyle::payload:
            out += as_text(message.payload);
            break;
        case PrintStyle::topic_and_payload:
            out += message.topic;
            out += ' ';
            out += as_text(message.payload);
            break;
        case PrintStyle::json:
            append_json(message, out);
            break;
    }
    out += '\n';
}

}  // namespace firehose::cli
