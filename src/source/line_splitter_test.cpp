// SPDX-License-Identifier: Apache-2.0
// **Goal:** the same lines come out however the bytes were cut; a long line costs no memory.
// **Method:** one text, cut at every pair of places, at limits around its lines' lengths.

#include "source/line_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::source {
namespace {

struct Outcome {
    std::vector<std::string> lines;
    std::uint64_t too_long = 0;
    bool has_rest = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome split(const std::vector<std::string_view>& pieces, std::size_t limit) {
    LineSplitter splitter{limit};
    Outcome outcome;
    for (const std::string_view piece : pieces) {
        // An exact-size copy: a view into `piece` must not be needed after the call.
        const std::string copy{piece};
        splitter.feed(copy, [&](std::string_view line) { outcome.lines.emplace_back(line); });
    }
    outcome.too_long = splitter.too_long();
    outcome.has_rest = splitter.reset();
    return outcome;
}

TEST(LineSplitter, GivesTheSameLinesAtEveryCut) {
    const std::string_view text = "one\r\n\nthree is longer\nfour\nrest";
    const Outcome expected{{"one\r", "", "four"}, 1, true};
    ASSERT_EQ(split({text}, 10), expected);
    for (std::size_t first = 0; first <= text.size(); ++first) {
        for (std::size_t second = first; second <= text.size(); ++second) {
            EXPECT_EQ(split({text.substr(0, first), text.substr(first, second - first),
                             text.substr(second)},
                            10),
                      expected)
                << first << " " << second;
        }
    }
}

TEST(LineSplitter, TheLimitItselfIsNotTooLong) {
    EXPECT_EQ(split({"1234\n"}, 4), (Outcome{{"1234"}, 0, false}));
    EXPECT_EQ(split({"12345\n6\n"}, 4), (Outcome{{"6"}, 1, false}));
    EXPECT_EQ(split({"12", "34", "5", "6\n7\n"}, 4), (Outcome{{"7"}, 1, false}));
}

TEST(LineSplitter, ALongLineIsCountedOnceEvenIfItNeverEnds) {
    LineSplitter splitter{4};
    for (int at = 0; at < 1'000; ++at) {
        splitter.feed("xxxxxxxxxx", [](std::string_view) { FAIL(); });
    }
    EXPECT_EQ(splitter.too_long(), 1U);
    EXPECT_FALSE(splitter.reset());  // It has been counted already.
    splitter.feed("a\n", [](std::string_view line) { EXPECT_EQ(line, "a"); });
}

}  // namespace
}  // namespace firehose::source
