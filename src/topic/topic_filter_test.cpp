// SPDX-License-Identifier: Apache-2.0
// Goal:   filters are valid and match exactly as sections 4.7 and 4.8.2 say, at any length.
// Method: tables of the standard's examples and of bug reports of the field; giants on the heap.
#include "topic/topic_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace firehose::topic {
namespace {

using namespace std::string_view_literals;

TEST(TopicFilter, IsValidAsTheSpecificationPrints) {
    struct Row {
        std::string_view filter;
        bool is_valid;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {"#", true, "4.7.1.2 example"},
        {"sport/tennis/#", true, "4.7.1.2 example"},
        {"sport/tennis#", false, "MQTT-4.7.1-1, example"},
        {"sport/tennis/#/ranking", false, "MQTT-4.7.1-1, example"},
        {"#/#", false, "MQTT-4.7.1-1"},
        {"a/#b", false, "MQTT-4.7.1-1"},
        {"##", false, "MQTT-4.7.1-1"},
        {"+", true, "4.7.1.3 example"},
        {"+/tennis/#", true, "4.7.1.3 example"},
        {"sport/+/player1", true, "4.7.1.3 example"},
        {"sport+", false, "MQTT-4.7.1-2, example"},
        {"+a/b", false, "MQTT-4.7.1-2"},
        {"++", false, "MQTT-4.7.1-2"},
        {"+#", false, "MQTT-4.7.1-2"},
        {"/", true, "4.7.3"},
        {"", false, "MQTT-4.7.3-1"},
        {"a\0"sv, false, "MQTT-4.7.3-2"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(std::string{row.from} + ": " + std::string{row.filter});
        EXPECT_EQ(is_valid_filter(row.filter), row.is_valid);
    }
    EXPECT_TRUE(is_valid_filter(std::string(65'535, '/')));  // [MQTT-4.7.3-3]
    EXPECT_FALSE(is_valid_filter(std::string(65'536, '/')));
}

TEST(TopicFilter, MatchesAsTheSpecificationPrints) {
    struct Row {
        std::string_view filter, name;
        bool match;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true, "4.7.1.2 example"},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true, "4.7.1.2 example"},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true, "4.7.1.2 example"},
        {"sport/#", "sport", true, "4.7.1.2 example"},
        {"sport/#", "sports", false, "4.7.1.2: whole levels"},
        {"sport/tennis/+", "sport/tennis/player1", true, "4.7.1.3 example"},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false, "4.7.1.3 example"},
        {"sport/+", "sport", false, "4.7.1.3 example"},
        {"sport/+", "sport/", true, "4.7.1.3 example"},
        {"+/+", "/finance", true, "4.7.1.3 example"},
        {"/+", "/finance", true, "4.7.1.3 example"},
        {"+", "/finance", false, "4.7.1.3 example"},
        {"#", "$SYS/monitor/Clients", false, "MQTT-4.7.2-1"},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false, "MQTT-4.7.2-1"},
        {"$SYS/#", "$SYS/monitor/Clients", true, "4.7.2 example"},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true, "4.7.2 example"},
        {"a/+", "a/$b", true, "4.7.2: the first character only"},
        {"a/b", "a/b/c", false, "4.7: whole name"},
        {"a/b/c", "a/b", false, "4.7: whole filter"},
        {"A", "a", false, "4.7.3: case sensitive"},
        {"/a", "a", false, "4.7.3: a leading separator is a level"},
        {"a/", "a", false, "4.7.3: a trailing separator is a level"},
        {"#", "/", true, "empty levels"},
        {"+/+/+", "//", true, "empty levels"},
        {"+/#", "a", true, "# stands for its parent, after + too"},
        {"a//#", "a", false, "# stands for its parent only"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(std::string{row.from} + ": " + std::string{row.filter} + " | " +
                     std::string{row.name});
        EXPECT_EQ(matches(row.filter, row.name), row.match);
    }
}

TEST(TopicFilter, IsLinearInAnyNumberOfLevels) {  // Bad inputs 14 and 41.
    const std::string slashes(65'535, '/');
    std::string pluses = "+";
    while (pluses.size() + 2 <= 65'535) pluses += "/+";
    EXPECT_TRUE(matches(slashes, slashes));
    EXPECT_FALSE(matches(pluses, slashes));
    EXPECT_TRUE(matches(pluses, std::string(pluses.size() / 2, '/')));
    EXPECT_TRUE(matches("#", slashes));
}

TEST(TopicFilter, AgreesWithItsLiteralPrefix) {
    EXPECT_EQ(literal_prefix("a/b"), "a/b");
    EXPECT_EQ(literal_prefix("a/b/#"), "a/b");
    EXPECT_EQ(literal_prefix("a/b/+"), "a/b/");
    EXPECT_EQ(literal_prefix("a/+/#"), "a/");
    EXPECT_EQ(literal_prefix("/#"), "");
    EXPECT_EQ(literal_prefix("#"), "");
    EXPECT_EQ(literal_prefix("+/a"), "");
}

TEST(TopicFilter, ReadsSharedSubscriptions) {
    EXPECT_EQ(parse_shared("$share/g/a/+"), (SharedFilter{"g", "a/+"}));
    EXPECT_EQ(parse_shared("$share/g//"), (SharedFilter{"g", "/"}));
    EXPECT_EQ(parse_shared("$share/g/$SYS/#"), (SharedFilter{"g", "$SYS/#"}));
}

TEST(TopicFilter, RefusesSharedSubscriptionsThatLackAPart) {  // Bad input 15.
    for (const std::string_view filter :
         {"$share", "$share/", "$share/ab", "$share/ab/", "$share//x", "$share//", "$share/a+/x",
          "$share/#/x", "$share/+/x", "$share/g/a#", "$share/g/#/a"}) {
        SCOPED_TRACE(filter);
        EXPECT_TRUE(is_shared(filter));
        EXPECT_FALSE(parse_shared(filter));  // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    }
    EXPECT_FALSE(parse_shared("$share/g\0/x"sv));
    for (const std::string_view filter :
         {"$shared/g/x", "share/g/x", "$Share/g/x", "a/$share/g/x"}) {
        SCOPED_TRACE(filter);
        EXPECT_FALSE(is_shared(filter));
        EXPECT_FALSE(parse_shared(filter));
    }
}

}  // namespace
}  // namespace firehose::topic
