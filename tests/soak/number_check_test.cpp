// SPDX-License-Identifier: Apache-2.0
// Goal:   the soak's judge can fail: it sees what is missing, repeated, out of order or a DUP.
// Method: a table of number sequences.
#include <gtest/gtest.h>

#include <vector>

#include "traffic.h"

namespace firehose::soak {
namespace {

client::Message numbered(int number, bool dup = false) {
    client::Message message{.topic = "soak/1/event", .dup = dup};
    append(message.payload, std::to_string(number) + " 5 xxx");
    return message;
}

TEST(NumberCheck, SeesWhatIsMissingRepeatedOrOutOfOrder) {
    struct Row {
        std::vector<int> numbers;
        const char* problem;  // Of the last one; none before it.
    };
    const Row rows[] = {
        {{1, 2, 3}, ""},
        {{2}, "missed messages: expected number 1, got 2 on soak/1/event"},
        {{1, 3}, "missed messages: expected number 2, got 3 on soak/1/event"},
        {{1, 2, 2}, "got an old message again: expected number 3, got 2 on soak/1/event"},
        {{1, 2, 1}, "got an old message again: expected number 3, got 1 on soak/1/event"},
    };
    for (const Row& row : rows) {
        NumberCheck check;
        check.expect_from(1);
        for (std::size_t i = 0; i < row.numbers.size(); ++i) {
            const bool is_last = i + 1 == row.numbers.size();
            EXPECT_EQ(check.on_message(numbered(row.numbers[i])), is_last ? row.problem : "");
        }
    }
}

TEST(NumberCheck, BeginsAnywhereUnlessToldAndPassesOverOtherTopics) {
    NumberCheck check;
    EXPECT_EQ(check.on_message(numbered(41)), "");
    EXPECT_EQ(check.on_message({.topic = "gerrit/x"}), "");
    EXPECT_EQ(check.on_message(numbered(42)), "");
    EXPECT_NE(check.on_message(numbered(43, true)), "");
}

}  // namespace
}  // namespace firehose::soak
