// SPDX-License-Identifier: Apache-2.0
#include "cli/message_printer.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <utility>

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

/// What its publisher said of it, under mosquitto_sub's names; our own `firehose-` stands above.
void append_properties(const client::Message& message, std::string& out) {
    std::string text;
    const auto key = [&](std::string_view name) {
        text += text.empty() ? "\"" : ",\"";
        text += name;
        text += "\":";
    };
    if (message.message_expiry_s) {
        key("message-expiry-interval");
        text += std::to_string(*message.message_expiry_s);
    }
    if (message.content_type) {
        key("content-type");
        append_string(*message.content_type, text);
    }
    if (message.response_topic) {
        key("response-topic");
        append_string(*message.response_topic, text);
    }
    if (message.correlation_data) {
        const std::string_view data = as_text(*message.correlation_data);
        const bool is_text = mqtt::text_fault(data) != mqtt::TextFault::ill_formed;
        key(is_text ? "correlation-data" : "correlation-data-base64");
        append_string(is_text ? data : std::string_view{base64(*message.correlation_data)}, text);
    }
    if (!message.subscription_ids.empty()) {
        key("subscription-identifiers");
        for (char before = '['; const std::uint32_t id : message.subscription_ids) {
            text += std::exchange(before, ',') + std::to_string(id);
        }
        text += ']';
    }
    std::string pairs;
    for (const auto& [name, value] : message.user_properties) {
        if (name.starts_with("firehose-")) continue;
        pairs += pairs.empty() ? "[{\"name\":" : ",{\"name\":";
        append_string(name, pairs);
        pairs += ",\"value\":";
        append_string(value, pairs);
        pairs += '}';
    }
    if (!pairs.empty()) {
        key("user-properties");
        text += pairs + ']';
    }
    if (!text.empty()) out += ",\"properties\":{" + text + '}';
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
    out += message.retain ? ",\"retain\":true" : ",\"retain\":false";
    append_properties(message, out);
    out += '}';
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
