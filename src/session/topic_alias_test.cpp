// SPDX-License-Identifier: Apache-2.0
// Goal:   aliases resolve to the name last set for them, within the maximum that we announced.
// Method: a script of publishes; every alias at its limits.
#include "session/topic_alias.h"

#include <gtest/gtest.h>

namespace firehose::session {
namespace {

using mqtt::ReasonCode;

TEST(TopicAliases, ResolveToTheNameLastSet) {  // [MQTT-3.3.2-12]
    TopicAliases aliases{2};
    EXPECT_EQ(*aliases.resolve("a", std::nullopt), "a");
    EXPECT_EQ(*aliases.resolve("a", 2), "a");
    EXPECT_EQ(*aliases.resolve("b", 1), "b");
    EXPECT_EQ(*aliases.resolve("", 2), "a");
    EXPECT_EQ(*aliases.resolve("c", 2), "c");
    EXPECT_EQ(*aliases.resolve("", 2), "c");
    EXPECT_EQ(*aliases.resolve("", 1), "b");
}

TEST(OutboundAliases, GiveTheFirstNamesAnAliasForGood) {  // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
    OutboundAliases aliases{2};
    EXPECT_EQ(aliases.of("a").alias, 1);
    EXPECT_FALSE(aliases.of("a").is_known);  // Not set yet: its packet may not have fitted.
    EXPECT_EQ(aliases.of("b").alias, 1);
    aliases.set("a");
    EXPECT_TRUE(aliases.of("a").is_known);
    EXPECT_EQ(aliases.of("b").alias, 2);
    aliases.set("b");
    EXPECT_EQ(aliases.of("c").alias, 0);
    EXPECT_EQ(aliases.of("a").alias, 1);
    EXPECT_EQ(OutboundAliases{0}.of("a").alias, 0);
}

TEST(TopicAliases, OwnTheirNames) {
    TopicAliases aliases{1};
    std::string name = "a/b/c";
    ASSERT_TRUE(aliases.resolve(name, 1));
    name.assign(5, 'x');
    EXPECT_EQ(*aliases.resolve("", 1), "a/b/c");
}

TEST(TopicAliases, FailOutsideTheirRange) {  // Bad input 13.
    struct Row {
        std::uint16_t max;
        std::optional<std::uint16_t> alias;
        std::string_view topic;
        ReasonCode reason;
    };
    static constexpr Row kRows[] = {
        {10, 0, "a", ReasonCode::topic_alias_invalid},
        {10, 11, "a", ReasonCode::topic_alias_invalid},
        {0, 1, "a", ReasonCode::topic_alias_invalid},
        {10, 65'535, "", ReasonCode::topic_alias_invalid},
        {10, 10, "", ReasonCode::protocol_error},
        {10, std::nullopt, "", ReasonCode::protocol_error},
    };
    for (const Row& row : kRows) {
        TopicAliases aliases{row.max};
        const auto name = aliases.resolve(row.topic, row.alias);
        ASSERT_FALSE(name);
        EXPECT_EQ(name.error().reason, row.reason);
    }
    TopicAliases aliases{10};
    EXPECT_TRUE(aliases.resolve("a", 10));
}

}  // namespace
}  // namespace firehose::session
