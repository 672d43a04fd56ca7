// SPDX-License-Identifier: Apache-2.0
// Goal:   exactly the text that MQTT allows passes [MQTT-1.5.4-1, -2].
// Method: a table of boundaries of RFC 3629, each alone and at every place around eight-byte steps.
#include "mqtt/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

using std::string_literals::operator""s;

struct Row {
    std::string text;
    TextFault fault;
    const char* from;
};

const Row kRows[] = {
    {"", TextFault::none, "empty"},
    {"a", TextFault::none, "ASCII"},
    {"\x7f", TextFault::none, "last of one byte; controls are allowed"},
    {"\xc2\x80", TextFault::none, "first of two bytes"},
    {"\xdf\xbf", TextFault::none, "last of two bytes"},
    {"\xe0\xa0\x80", TextFault::none, "first of three bytes"},
    {"\xed\x9f\xbf", TextFault::none, "U+D7FF, before the surrogates"},
    {"\xee\x80\x80", TextFault::none, "U+E000, after the surrogates"},
    {"\xef\xbf\xbf", TextFault::none, "U+FFFF, a noncharacter"},
    {"\xef\xbb\xbf", TextFault::none, "U+FEFF is kept [MQTT-1.5.4-3]"},
    {"\xf0\x90\x80\x80", TextFault::none, "first of four bytes"},
    {"\xf4\x8f\xbf\xbf", TextFault::none, "U+10FFFF, the last"},
    {"\0"s, TextFault::null_character, "MQTT-1.5.4-2"},
    {"\x80", TextFault::ill_formed, "a continuation byte alone"},
    {"\xc0\x80", TextFault::ill_formed, "U+0000 overlong"},
    {"\xc1\xbf", TextFault::ill_formed, "U+007F overlong"},
    {"\xe0\x9f\xbf", TextFault::ill_formed, "U+07FF overlong"},
    {"\xf0\x8f\xbf\xbf", TextFault::ill_formed, "U+FFFF overlong"},
    {"\xed\xa0\x80", TextFault::ill_formed, "U+D800, the first surrogate"},
    {"\xed\xbf\xbf", TextFault::ill_formed, "U+DFFF, the last surrogate"},
    {"\xf4\x90\x80\x80", TextFault::ill_formed, "U+110000"},
    {"\xf5\x80\x80\x80", TextFault::ill_formed, "a lead byte that is never used"},
    {"\xff", TextFault::ill_formed, "a byte that is never used"},
    {"\xc3", TextFault::ill_formed, "cut after one of two"},
    {"\xe4\xb8", TextFault::ill_formed, "cut after two of three"},
    {"\xf0\x9f\x98", TextFault::ill_formed, "cut after three of four"},
    {"\xe4\x41\x80", TextFault::ill_formed, "an ASCII byte inside"},
    {"\xe4\xb8\x41", TextFault::ill_formed, "an ASCII byte at the end"},
};

TEST(Utf8, AllowsWhatTheStandardAllowsAndNothingElse) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        for (std::size_t before = 0; before < 18; ++before) {
            for (const std::size_t after : {0U, 1U, 9U}) {
                const std::string text =
                    std::string(before, 'x') + row.text + std::string(after, 'y');
                const ExactBytes exact{text};
                EXPECT_EQ(text_fault(as_text(exact.span())), row.fault) << before << ' ' << after;
            }
        }
    }
}

TEST(Utf8, SeesWildcardsInTopicNames) {
    EXPECT_FALSE(has_wildcard("a/b$ c"));
    EXPECT_TRUE(has_wildcard("a/+/b"));
    EXPECT_TRUE(has_wildcard("#"));
}

}  // namespace
}  // namespace firehose::mqtt
