// SPDX-License-Identifier: Apache-2.0
// Goal:   the cache answers what the index answers, and stays within its bounds.
// Method: changes between look-ups; more names and ids than fit; counts of hits and misses.
#include "topic/match_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace firehose::topic {
namespace {

using ::testing::ElementsAre;

TEST(MatchCache, AnswersOnceForEachSubscriberInOrder) {
    MatchCache cache;
    cache.add("a/#", 9);
    cache.add("a/+", 9);
    cache.add("+/b", 2);
    EXPECT_THAT(cache.match("a/b"), ElementsAre(2, 9));
    EXPECT_THAT(cache.match("a/b"), ElementsAre(2, 9));
    EXPECT_EQ(cache.misses(), 1u);
    EXPECT_EQ(cache.hits(), 1u);
}

TEST(MatchCache, AChangeForgetsTheNamesThatItsFilterMatches) {
    MatchCache cache;
    const std::vector<std::string_view> names{"a",    "a/b", "a/b/c", "a/bc",
                                              "a-/b", "b",   "/b",    "$a/b"};
    struct Change {
        std::string_view filter;
        std::size_t forgotten;
    };
    for (const Change& change : {Change{"a/b", 1},
                                 {"a/#", 4},
                                 {"a/+", 2},
                                 {"+/b", 3},
                                 {"#", 7},
                                 {"$a/#", 1},
                                 {"nobody", 0}}) {
        SCOPED_TRACE(change.filter);
        for (const std::string_view name : names) std::ignore = cache.match(name);
        ASSERT_EQ(cache.name_count(), names.size());
        cache.add(change.filter, 1);
        EXPECT_EQ(names.size() - cache.name_count(), change.forgotten);
        for (const std::string_view name : names) std::ignore = cache.match(name);
        cache.remove(change.filter, 1);
        EXPECT_EQ(names.size() - cache.name_count(), change.forgotten);
        for (const std::string_view name : names) EXPECT_THAT(cache.match(name), ElementsAre());
    }
}

TEST(MatchCache, AnswersAsSubscriptionsChange) {
    MatchCache cache;
    EXPECT_THAT(cache.match("a"), ElementsAre());
    cache.add("a", 1);
    EXPECT_THAT(cache.match("a"), ElementsAre(1));
    cache.add("#", 2);
    EXPECT_THAT(cache.match("a"), ElementsAre(1, 2));
    cache.remove("a", 1);
    EXPECT_THAT(cache.match("a"), ElementsAre(2));
    EXPECT_EQ(cache.name_count(), 1u);
}

TEST(MatchCache, HoldsAtMostItsNamesAndKeepsThoseThatAreHit) {
    MatchCache cache{{.names_max = 3, .ids_max = 100}};
    cache.add("#", 1);
    for (const std::string_view name : {"a", "b", "c", "a", "d"}) {
        EXPECT_THAT(cache.match(name), ElementsAre(1));
        EXPECT_LE(cache.name_count(), 3u);
    }
    const std::uint64_t misses = cache.misses();
    EXPECT_THAT(cache.match("a"), ElementsAre(1));  // Its second chance.
    EXPECT_EQ(cache.misses(), misses);
    EXPECT_THAT(cache.match("b"), ElementsAre(1));  // This one went.
    EXPECT_EQ(cache.misses(), misses + 1);
}

TEST(MatchCache, MakesRoomWhenEveryNameWasHit) {
    MatchCache cache{{.names_max = 2, .ids_max = 100}};
    cache.add("#", 1);
    for (const std::string_view name : {"a", "b", "a", "b", "c", "c", "d", "e"}) {
        EXPECT_THAT(cache.match(name), ElementsAre(1));
        EXPECT_LE(cache.name_count(), 2u);
    }
}

TEST(MatchCache, HoldsAtMostItsIds) {
    MatchCache cache{{.names_max = 100, .ids_max = 25}};
    for (SubscriberId id = 0; id < 10; ++id) cache.add("#", id);
    for (const std::string_view name : {"a", "b", "c", "d"}) {
        EXPECT_EQ(cache.match(name).size(), 10u);
        EXPECT_LE(cache.name_count(), 2u);
    }
}

TEST(MatchCache, DoesNotKeepWhatCanNeverFit) {
    for (const MatchCache::Limits limits : {MatchCache::Limits{.names_max = 100, .ids_max = 9},
                                            MatchCache::Limits{.names_max = 0, .ids_max = 100}}) {
        MatchCache cache{limits};
        for (SubscriberId id = 0; id < 10; ++id) cache.add("#", id);
        EXPECT_EQ(cache.match("a").size(), 10u);
        EXPECT_EQ(cache.name_count(), 0u);
    }
}

TEST(MatchCache, AsksOnceWhomToKeep) {
    MatchCache cache;
    for (SubscriberId id = 0; id < 4; ++id) cache.add("#", id);
    int asked = 0;
    const auto odd = [&asked](SubscriberId id) {
        ++asked;
        return id % 2 == 1;
    };
    EXPECT_THAT(cache.match("a", odd), ElementsAre(1, 3));
    EXPECT_THAT(cache.match("a", odd), ElementsAre(1, 3));
    EXPECT_EQ(asked, 4);
    cache.clear();
    EXPECT_THAT(cache.match("a"), ElementsAre(0, 1, 2, 3));
}

TEST(MatchCache, FindsNamesThatShareAPlace) {
    MatchCache cache{{.names_max = 1, .ids_max = 100}};  // One place for all.
    MatchCache wide{{.names_max = 64, .ids_max = 1'000}};
    wide.add("+", 7);
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 64; ++i) {
            EXPECT_THAT(wide.match(std::to_string(i)), ElementsAre(7));
            EXPECT_THAT(cache.match(std::to_string(i)), ElementsAre());
        }
    }
    EXPECT_EQ(wide.misses(), 64u);
}

}  // namespace
}  // namespace firehose::topic
