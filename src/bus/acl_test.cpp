// SPDX-License-Identifier: Apache-2.0
// Goal:   an ACL file means what it means to mosquitto, a name can never act as a wildcard, and
//         without a file everybody reads and nobody publishes.
// Method: tables of (file, client, topic, rights), and every bad line with its number.
#include "bus/acl.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace firehose::bus {
namespace {

Acl acl(std::string_view text) {
    auto parsed = Acl::parse(text);
    EXPECT_TRUE(parsed) << parsed.error().front().line << ": " << parsed.error().front().problem;
    return parsed ? *parsed : Acl::none();
}

Identity anonymous(std::string client_id = "c1") {
    return {std::nullopt, std::move(client_id)};
}
Identity user(std::string name, std::string client_id = "c1") {
    return {std::move(name), std::move(client_id)};
}

/// "-", "r", "w" or "rw".
std::string rights(const Acl& rules, const Identity& who, std::string_view topic) {
    std::string text = rules.may_read(who, topic) ? "r" : "";
    if (rules.may_write(who, topic)) text += "w";
    return text.empty() ? "-" : text;
}

// The file that the first firehose ran with: reference/deployment.md 3.1.
constexpr std::string_view kFirstFirehose =
    "topic read #\n"
    "topic read $SYS/#\n"
    "\n"
    "user infra\n"
    " topic readwrite #\n";

TEST(Acl, WithoutAFileEverybodyReadsAndNobodyPublishes) {
    const Acl none = Acl::none();
    EXPECT_EQ(rights(none, anonymous(), "gerrit/x/y"), "r");
    EXPECT_EQ(rights(none, anonymous(), "$SYS/broker/version"), "r");
    EXPECT_EQ(rights(none, user("infra"), "gerrit/x/y"), "r");
}

TEST(Acl, AnEmptyFileGrantsNothing) {
    for (const std::string_view text : {"", "\n", "# only\n  # comments\n\n", " \t \r\n"}) {
        EXPECT_EQ(rights(acl(text), anonymous(), "a"), "-");
        EXPECT_EQ(rights(acl(text), user("u"), "a"), "-");
    }
}

TEST(Acl, GrantsWhatMosquittoGrants) {
    struct Row {
        std::string_view file;
        Identity who;
        std::string_view topic;
        std::string_view rights;
        const char* from;
    };
    const Row rows[] = {
        {kFirstFirehose, anonymous(), "gerrit/a/b", "r", "the first firehose"},
        {kFirstFirehose, anonymous(), "$SYS/broker/uptime", "r", "the first firehose"},
        {kFirstFirehose, user("infra"), "gerrit/a/b", "rw", "the first firehose"},
        {kFirstFirehose, user("infra"), "$SYS/broker/uptime", "-", "# does not cover $SYS"},
        {kFirstFirehose, user("other"), "gerrit/a/b", "-", "lines before user: anonymous only"},
        {"topic a/b", anonymous(), "a/b", "rw", "no access word: both"},
        {"topic a/b", anonymous(), "a/b/c", "-", "whole names"},
        {"topic a/b", anonymous(), "a", "-", "whole names"},
        {"topic read a/#", anonymous(), "a", "r", "# covers its parent"},
        {"topic read a/#", anonymous(), "ab", "-", "# covers levels, not letters"},
        {"topic read +/b", anonymous(), "a/b", "r", "one level"},
        {"topic read +/b", anonymous(), "/b", "r", "an empty level"},
        {"topic read +/b", anonymous(), "a/x/b", "-", "one level"},
        {"topic read +", anonymous(), "$SYS", "-", "+ does not cover $"},
        {"topic read +/x", anonymous(), "$SYS/x", "-", "+ does not cover $"},
        {"topic read a/+", anonymous(), "a/", "r", "an empty last level"},
        {"topic read a", anonymous(), "a/", "-", "an empty last level is a level"},
        {"topic read a//b", anonymous(), "a//b", "r", "empty levels count"},
        {"topic write a", anonymous(), "a", "w", "write only"},
        {"topic readwrite a", anonymous(), "a", "rw", "both"},
        {"topic read a\ntopic write a", anonymous(), "a", "rw", "rules add up"},
        {"topic read #\ntopic deny a/#", anonymous(), "a/b", "-", "deny beats the line above"},
        {"topic deny a/#\ntopic read #", anonymous(), "b", "r", "deny is about its topic only"},
        {"topic read", anonymous(), "read", "rw", "a lone word is a topic"},
        {"topic read a b/c d", anonymous(), "a b/c d", "r", "topics may contain blanks"},
        {"\ttopic\tread\ta", anonymous(), "a", "r", "tabs separate too"},
        {"topic read a\r\n", anonymous(), "a", "r", "lines may end in CRLF"},
        {"user u\ntopic read a\nuser v\ntopic read b\nuser u\ntopic read c", user("u"), "c", "r",
         "a user may come twice"},
        {"user u\ntopic read a\nuser v\ntopic read b\nuser u\ntopic read c", user("u"), "b", "-",
         "a section ends at the next user"},
        {"user a b\ntopic read x", user("a b"), "x", "r", "user names may contain blanks"},
        {"user u\npattern read p/%u", user("v"), "p/v", "r", "patterns are for everybody"},
        {"pattern read p/%u", anonymous(), "p/", "-", "%u needs a user"},
        {"pattern read p/%c", anonymous("x"), "p/x", "r", "%c is the client id"},
        {"pattern read p/%c", anonymous("x"), "p/y", "-", "%c is the client id"},
        {"pattern read p/pre-%u-%c/#", user("u", "c"), "p/pre-u-c/d", "r", "inside a level"},
        {"pattern read p/%u%u", user("ab"), "p/abab", "r", "twice"},
        {"pattern read p/#\npattern deny p/%c", anonymous("x"), "p/x", "-", "deny in patterns"},
        {"pattern read p/#\npattern deny p/%c", anonymous("x"), "p/y", "r", "deny in patterns"},
        {"pattern deny p\ntopic read p", anonymous(), "p", "r", "topic lines are asked first"},
        {"topic deny p\npattern read p", anonymous(), "p", "-", "topic lines are asked first"},
        {"topic read p/%c", anonymous("x"), "p/x", "-", "in topic lines %c is text"},
        {"topic read p/%c", anonymous("x"), "p/%c", "r", "in topic lines %c is text"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(std::string{row.from} + ": " + std::string{row.topic});
        EXPECT_EQ(rights(acl(row.file), row.who, row.topic), row.rights);
    }
}

TEST(Acl, ANameIsNeverAWildcard) {  // CVE-2017-7650.
    const Acl rules =
        acl("pattern readwrite c/%c/#\npattern readwrite u/%u/#\npattern read all/#\n"
            "user +\ntopic read own\n");
    for (const std::string name : {"+", "#", "a/#", "a+b", "/", "a/b", "bob/private"}) {
        SCOPED_TRACE(name);
        for (const std::string_view topic : {"c/bob/x", "c/a/b", "c", "c/a/b/x"}) {
            EXPECT_EQ(rights(rules, anonymous(name), topic), "-") << topic;
        }
        for (const std::string_view topic : {"u/bob/x", "u/a/b", "u", "u/a/b/x"}) {
            EXPECT_EQ(rights(rules, user(name), topic), "-") << topic;
        }
    }
    EXPECT_EQ(rights(rules, anonymous("a+"), "all/x"), "-") << "no pattern holds, as in mosquitto";
    EXPECT_EQ(rights(rules, anonymous("a/b"), "all/x"), "r") << "this one inserts no name";
    EXPECT_EQ(rights(rules, user("+"), "own"), "r") << "topic lines hold for any name";
    EXPECT_EQ(rights(rules, anonymous("bob"), "c/bob/x"), "rw");
}

TEST(Acl, ANameLeadsNotToTheBusItself) {
    const Acl rules = acl("pattern readwrite %c/#\npattern readwrite %u/#");
    EXPECT_EQ(rights(rules, anonymous("$SYS"), "$SYS/broker/x"), "-");
    EXPECT_EQ(rights(rules, user("$SYS"), "$SYS/broker/x"), "-");
    EXPECT_EQ(rights(acl("pattern read $SYS/%c"), anonymous("x"), "$SYS/x"), "r");
}

TEST(Acl, ADenialHoldsForNamesWithASlash) {
    const Acl rules = acl("pattern read p/#\npattern deny p/%c/#");
    EXPECT_EQ(rights(rules, anonymous("a/b"), "p/a/b/x"), "-");
    EXPECT_EQ(rights(rules, anonymous("a/b"), "p/a/c"), "r");
}

TEST(Acl, ReportsEveryBadLineByItsNumber) {
    const auto parsed = Acl::parse(
        "topic read a\n"
        "topic\n"
        "topic red a\n"
        "topics read a\n"
        "user\n"
        "topic read a/#/b\n"
        "pattern read a+\n"
        "pattern read b#\n"
        "user fine\n"
        "pattern\n");
    ASSERT_FALSE(parsed);
    const std::vector<AclError> expected = {
        {2, "there is no topic"},
        {3, "access is one of read, write, readwrite, deny"},
        {4, "a line begins with topic, user or pattern"},
        {5, "there is no user name"},
        {6, "# stands for whole levels and comes last"},
        {7, "+ stands for one whole level"},
        {8, "# stands for whole levels and comes last"},
        {10, "there is no topic"},
    };
    EXPECT_EQ(parsed.error(), expected);
}

TEST(Acl, RefusesFiltersBeyondItsLimits) {
    const auto levels = [](std::size_t count) {
        std::string filter = "topic read a";
        for (std::size_t i = 1; i < count; ++i) filter += "/a";
        return filter;
    };
    EXPECT_TRUE(Acl::parse(levels(Acl::kLevelsMax)));
    EXPECT_FALSE(Acl::parse(levels(Acl::kLevelsMax + 1)));
    EXPECT_TRUE(Acl::parse("topic read " + std::string(Acl::kLineBytesMax - 11, 'a')));
    EXPECT_FALSE(Acl::parse("topic read " + std::string(Acl::kLineBytesMax - 10, 'a')));
}

TEST(Acl, ADeepTopicIsAnsweredInOnePass) {  // CVE-2019-11779: 65,535 levels.
    const std::string deep(65'535, '/');
    EXPECT_EQ(rights(acl("topic read #"), anonymous(), deep), "r");
    EXPECT_EQ(rights(acl("topic read +/+/+/+"), anonymous(), deep), "-");
    EXPECT_EQ(rights(acl("pattern read %c/#"), anonymous(deep), deep), "-");
}

TEST(Acl, ClientsOfOneReadClassMayReadTheSame) {
    struct Row {
        std::string_view file;
        Identity one, other;
        bool same;
        const char* why;
    };
    const Row rows[] = {
        {kFirstFirehose, anonymous("1"), anonymous("2"), true, "anonymous clients are alike"},
        {kFirstFirehose, anonymous("1"), user("infra", "1"), false, "a user is not anonymous"},
        {kFirstFirehose, user("infra", "1"), user("infra", "2"), true, "one user"},
        {kFirstFirehose, user("x"), user("y"), true, "two that the file does not name"},
        {kFirstFirehose, user("x"), user("infra"), false, "one that it names"},
        {"pattern read %u/#", user("x"), user("y"), false, "%u"},
        {"pattern read %u/#", user("x", "1"), user("x", "2"), true, "%u but not %c"},
        {"pattern read %c/#", anonymous("1"), anonymous("2"), false, "%c"},
        {"pattern write %c/#", anonymous("1"), anonymous("2"), true, "%c, but only for writing"},
        {"pattern write %u/#", user("x"), user("y"), true, "%u, but only for writing"},
        {"pattern deny %c/#\ntopic read #", anonymous("1"), anonymous("2"), false, "a denial"},
        {"pattern read a", anonymous("1"), anonymous("+"), false, "a name that patterns refuse"},
        {"pattern read a", anonymous("#"), anonymous("+"), true, "two of them"},
        {"topic read a", anonymous("1"), anonymous("+"), true, "no pattern, no difference"},
        {"pattern read %u/%c", user("a", "bc"), user("ab", "c"), false, "no two readings"},
        {"pattern read %u/%c", user("a", "c1"), user("ac", "1"), false, "no two readings"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.why);
        const Acl rules = acl(row.file);
        EXPECT_EQ(rules.read_class(row.one) == rules.read_class(row.other), row.same);
    }
    EXPECT_EQ(Acl::none().read_class(anonymous("1")), Acl::none().read_class(user("x", "2")));
}

TEST(Acl, AReadClassNeverJoinsClientsWithDifferentRights) {
    const std::string_view files[] = {
        kFirstFirehose, "pattern read p/%u/#\nuser u\ntopic read a", "pattern read p/%c\ntopic a",
        "pattern read p/#\npattern deny p/%c", "pattern read p/#\ntopic deny p/a"};
    const Identity clients[] = {anonymous("a"), anonymous("b"), anonymous("+"), anonymous("a/b"),
                                user("u", "a"), user("u", "b"), user("v", "a"), user("v", "#"),
                                user("a", "u"), user("+", "a"), user("", ""),   anonymous("")};
    const std::string_view topics[] = {"a", "p/a", "p/b", "p/u/x", "p/v/x", "p/a/b", "$SYS/x"};
    for (const std::string_view file : files) {
        const Acl rules = acl(file);
        for (const Identity& one : clients) {
            for (const Identity& other : clients) {
                if (rules.read_class(one) != rules.read_class(other)) continue;
                for (const std::string_view topic : topics) {
                    EXPECT_EQ(rules.may_read(one, topic), rules.may_read(other, topic))
                        << file << "\n"
                        << topic << " " << one.client_id << " " << other.client_id;
                }
            }
        }
    }
}

}  // namespace
}  // namespace firehose::bus
