// SPDX-License-Identifier: Apache-2.0
// **Goal:** by default exactly the events about All-Users, private changes and drafts are withheld.
// **Method:** every line of tests/data/gerrit-events.jsonl, and a table of facts.

#include "source/deny_rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace firehose::source {
namespace {

std::vector<int> denied_lines(const std::vector<std::string>& words) {
    auto rules = DenyRules::parse(words);
    EXPECT_TRUE(rules);
    std::ifstream file{std::string{FIREHOSE_TEST_DATA} + "/gerrit-events.jsonl"};
    std::vector<int> denied;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        const auto event = read_gerrit_event(line, {});
        EXPECT_TRUE(event);
        if ((*rules).denies(event->facts)) denied.push_back(number);
    }
    EXPECT_EQ(number, 101);
    return denied;
}

bool denied_by_default(std::string_view line) {
    auto rules = DenyRules::parse(DenyRules::default_words());
    const auto event = read_gerrit_event(line, {});
    EXPECT_TRUE(rules && event) << line;
    return (*rules).denies(event->facts);
}

TEST(DenyRules, TheDefaultWithholdsExactlyLines15And58And80) {
    EXPECT_EQ(denied_lines(DenyRules::default_words()), (std::vector<int>{15, 58, 80}));
}

TEST(DenyRules, NoWordPassesEverything) {
    EXPECT_EQ(denied_lines({}), std::vector<int>{});
}

TEST(DenyRules, EachWordWithholdsItsOwn) {
    EXPECT_EQ(denied_lines({"project:All-Users"}), std::vector<int>{15});
    EXPECT_EQ(denied_lines({"draft"}), std::vector<int>{58});
    EXPECT_EQ(denied_lines({"private"}), std::vector<int>{80});
    EXPECT_EQ(denied_lines({"project:All"}), std::vector<int>{});
}

TEST(DenyRules, ADeniedProjectCannotHideBehindAnother) {
    EXPECT_TRUE(
        denied_by_default(R"({"type":"t","project":"x","refUpdate":{"project":"All-Users"}})"));
    EXPECT_TRUE(denied_by_default(
        R"({"type":"t","refUpdates":[{"project":"x"},{"project":"All-Users"}]})"));
    EXPECT_TRUE(denied_by_default(R"({"type":"t","projectName":{"name":"All-Users"}})"));
    EXPECT_FALSE(denied_by_default(R"({"type":"t","project":"All-Users-2"})"));
}

TEST(DenyRules, DraftsShowInTypeStatusAndPatchSet) {
    EXPECT_TRUE(denied_by_default(R"({"type":"t","change":{"status":"DRAFT"}})"));
    EXPECT_TRUE(denied_by_default(R"({"type":"t","patchSet":{"isDraft":true}})"));
    EXPECT_TRUE(denied_by_default(R"({"type":"t","patchset":{"isDraft":true}})"));
    EXPECT_FALSE(denied_by_default(R"({"type":"t","patchSet":{"isDraft":false}})"));
    EXPECT_FALSE(denied_by_default(R"({"type":"t","change":{"private":false}})"));
}

TEST(DenyRules, AWordThatIsNoneIsNamed) {
    for (const std::string word : {"project:", "type:x", "secret", "", "PRIVATE"}) {
        const auto rules = DenyRules::parse({"draft", word});
        ASSERT_FALSE(rules) << word;
        EXPECT_NE(rules.error().find("\"" + word + "\""), std::string::npos);
    }
}

}  // namespace
}  // namespace firehose::source
