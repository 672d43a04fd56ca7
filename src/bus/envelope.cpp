// SPDX-License-Identifier: Apache-2.0
#include "bus/envelope.h"

#include <string>

#include "bus/encoding.h"

namespace firehose::bus {
namespace {

/// A JSON string literal. `text` is valid UTF-8 (topics are checked on entry, payloads by flag).
void append_json_string(std::string_view text, ByteBuffer& out) {
    constexpr char kHex[] = "0123456789abcdef";
    append(out, "\"");
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        // U+2028 and U+2029 are legal in JSON and line ends in JavaScript; SSE splits at CR and LF
        // alone, which are escaped with the other controls.
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
        append(out, text.substr(begin, i - begin));
        begin = i + 1;
        switch (c) {
            case '"':
                append(out, "\\\"");
                break;
            case '\\':
                append(out, "\\\\");
                break;
            case '\n':
                append(out, "\\n");
                break;
            case '\r':
                append(out, "\\r");
                break;
            case '\t':
                append(out, "\\t");
                break;
            default: {
                const char escaped[] = {'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 0xfU]};
                append(out, std::string_view{escaped, sizeof escaped});
            }
        }
    }
    append(out, text.substr(begin));
    append(out, "\"");
}

void append_base64(ByteSpan bytes, ByteBuffer& out) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        const auto at = [&](std::size_t k) {
            return k < left ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U;
        };
        const std::uint32_t group = at(0) << 16U | at(1) << 8U | at(2);
        const char text[] = {kDigits[group >> 18U], kDigits[group >> 12U & 63U],
                             left > 1 ? kDigits[group >> 6U & 63U] : '=',
                             left > 2 ? kDigits[group & 63U] : '='};
        append(out, std::string_view{text, sizeof text});
    }
}

void append_object(const PlacedRecord& placed, ByteBuffer& out) {
    append(out, "{\"seq\":");
    append(out, std::to_string(number(placed.seq)));
    append(out, ",\"time\":\"");
    append(out, to_rfc3339(placed.time));
    append(out, "\",\"topic\":");
    append_json_string(placed.record.topic, out);
    if (placed.record.payload_is_utf8) {
        append(out, ",\"payload\":");
        append_json_string(as_text(placed.record.payload), out);
    } else {
        append(out, ",\"payload_base64\":\"");
        append_base64(placed.record.payload, out);
        append(out, "\"");
    }
    append(out, "}");
}

}  // namespace

void append_ndjson(const PlacedRecord& placed, ByteBuffer& out) {
    append_object(placed, out);
    append(out, "\n");
}

void append_sse(const PlacedRecord& placed, ByteBuffer& out) {
    append(out, "id: ");
    append(out, std::to_string(number(placed.seq)));
    append(out, "\ndata: ");
    append_object(placed, out);
    append(out, "\n\n");
}

}  // namespace firehose::bus
