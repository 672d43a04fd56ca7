// SPDX-License-Identifier: Apache-2.0
// Goal:   frames and handshake proofs are what the standard prints, at every length form.
// Method: tables with the standard's own examples; both sides of each boundary.
#include "ws/encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "ws/handshake_key.h"
#include "ws/utf8_check.h"

namespace firehose::ws {
namespace {

std::string hex(ByteSpan bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const std::byte b : bytes) {
        out += kDigits[std::to_integer<unsigned>(b) >> 4];
        out += kDigits[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

TEST(FrameHeader, UsesTheShortestLengthForm) {
    struct Row {
        std::uint64_t size;
        const char* header;
    };
    static constexpr Row kRows[] = {
        {0, "8200"},
        {125, "827d"},
        {126, "827e007e"},
        {65'535, "827effff"},
        {65'536, "827f0000000000010000"},
        {0x7FFF'FFFF'FFFF'FFFF, "827f7fffffffffffffff"},
    };
    for (const Row& row : kRows) {
        EXPECT_EQ(hex(FrameHeader(Opcode::binary, row.size).span()), row.header);
    }
}

TEST(Encoder, MasksAsTheStandardPrints) {
    ByteBuffer out;
    append_masked_frame(out, Opcode::text, as_bytes("Hello"), 0x37FA213D);
    EXPECT_EQ(hex(out), "818537fa213d7f9f4d5158");  // RFC 6455 section 5.7.
}

TEST(Encoder, AnswersAPingWithItsPayload) {
    ByteBuffer out;
    append_pong(out, as_bytes("Hello"));
    EXPECT_EQ(hex(out), "8a0548656c6c6f");  // RFC 6455 section 5.7.
}

TEST(Encoder, CutsACloseReasonAtACharacter) {
    ByteBuffer out;
    append_close(out, CloseCode::normal, "bye");
    EXPECT_EQ(hex(out), "880503e8627965");
    out.clear();
    append_close(out, CloseCode::no_status, "");
    EXPECT_EQ(hex(out), "8800");
    out.clear();
    // 122 letters, then a character of two bytes that would end at 124.
    append_close(out, CloseCode::normal, std::string(122, 'x') + "\xC3\xA9");
    EXPECT_EQ(out.size(), 2U + 2U + 122U);
    out.clear();
    append_close(out, CloseCode::normal, std::string(200, 'x'));
    EXPECT_EQ(out.size(), 2U + 125U);
}

TEST(HandshakeKey, ProvesAsTheStandardPrints) {
    EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(HandshakeKey, IsSixteenBytesInBase64) {
    EXPECT_TRUE(is_handshake_key("dGhlIHNhbXBsZSBub25jZQ=="));
    for (const char* bad : {"", "dGhl", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
                            "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBsZSBub25jZQAA"}) {
        EXPECT_FALSE(is_handshake_key(bad)) << bad;
    }
}

TEST(Utf8Check, KnowsTheEdgesOfEachForm) {
    struct Row {
        std::string_view text;
        bool is_utf8;
    };
    static constexpr Row kRows[] = {
        {"", true},
        {"plain", true},
        {"\x7F", true},
        {"\xC2\x80", true},
        {"\xDF\xBF", true},
        {"\xE0\xA0\x80", true},
        {"\xED\x9F\xBF", true},
        {"\xEE\x80\x80", true},
        {"\xEF\xBF\xBF", true},
        {"\xF0\x90\x80\x80", true},
        {"\xF4\x8F\xBF\xBF", true},
        {"\x80", false},
        {"\xC1\xBF", false},          // Overlong.
        {"\xE0\x9F\xBF", false},      // Overlong.
        {"\xF0\x8F\xBF\xBF", false},  // Overlong.
        {"\xED\xA0\x80", false},      // A surrogate.
        {"\xF4\x90\x80\x80", false},  // Above U+10FFFF.
        {"\xF5\x80\x80\x80", false},
        {"\xE2\x82", false},  // Cut.
        {"\xE2\x82x", false},
    };
    for (const Row& row : kRows) {
        for (std::size_t cut = 0; cut <= row.text.size(); ++cut) {
            Utf8Check check;
            const bool first = check.on_bytes(as_bytes(row.text.substr(0, cut)));
            const bool second = check.on_bytes(as_bytes(row.text.substr(cut)));
            EXPECT_EQ(first && second && check.is_complete(), row.is_utf8)
                << hex(as_bytes(row.text));
        }
    }
}

}  // namespace
}  // namespace firehose::ws
