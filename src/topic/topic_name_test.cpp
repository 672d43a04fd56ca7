// SPDX-License-Identifier: Apache-2.0
// Goal:   a name is told from what is none, at each limit from both sides.
// Method: tables, and names on the heap without slack.
#include "topic/topic_name.h"

#include <gtest/gtest.h>

#include <string>

namespace firehose::topic {
namespace {

using namespace std::string_view_literals;

TEST(TopicName, IsOneWithoutWildcardsAndNul) {
    struct Row {
        std::string_view name;
        bool is_valid;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {"a", true, "4.7.3"},
        {"/", true, "4.7.3: '/' alone is valid"},
        {"a b/\xC3\xA4", true, "4.7.3: spaces and any UTF-8"},
        {"a//b", true, "4.7.1.1: empty levels"},
        {"$SYS/x", true, "4.7.2"},
        {"", false, "MQTT-4.7.3-1"},
        {"a\0b"sv, false, "MQTT-4.7.3-2"},
        {"\0"sv, false, "MQTT-4.7.3-2"},
        {"a/+", false, "MQTT-3.3.2-2"},
        {"a#", false, "MQTT-3.3.2-2"},
        {"sport+", false, "MQTT-4.7.0-1"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(std::string{row.from} + ": " + std::string{row.name});
        EXPECT_EQ(is_valid_name(row.name), row.is_valid);
    }
}

TEST(TopicName, HasAtMost65535Bytes) {  // [MQTT-4.7.3-3]
    EXPECT_TRUE(is_valid_name(std::string(65'535, 'x')));
    EXPECT_FALSE(is_valid_name(std::string(65'536, 'x')));
}

TEST(TopicName, CountsEmptyLevels) {
    EXPECT_EQ(level_count("a"), 1u);
    EXPECT_EQ(level_count("/"), 2u);
    EXPECT_EQ(level_count("a//b/"), 4u);
    EXPECT_EQ(level_count(std::string(65'535, '/')), 65'536u);
}

TEST(TopicName, IsDollarByItsFirstCharacterOnly) {
    EXPECT_TRUE(is_dollar("$SYS/a"));
    EXPECT_FALSE(is_dollar("a/$SYS"));
    EXPECT_FALSE(is_dollar(""));
}

}  // namespace
}  // namespace firehose::topic
