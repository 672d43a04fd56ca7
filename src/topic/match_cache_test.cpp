// SPDX-License-Identifier: Apache-2.0
// Goal:   the cache answers what the index answers, and stays within its bounds.
// Method: changes between look-ups; more names and ids than fit; counts of hits and misses.
#include "topic/match_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firehose::topic {
namespace {

using ::testing::ElementsAre;

TEST(MatchCache, AnswersOnceForEachSubscriberInOrder) {
    SubscriptionIndex index;
    MatchCache cache{index, {}};
    index.add("a/#", 9);
    index.add("a/+", 9);
    index.add("+/b", 2);
    EXPECT_THAT(cache.match("a/b"), ElementsAre(2, 9));
    EXPECT_THAT(cache.match("a/b"), ElementsAre(2, 9));
    EXPECT_EQ(cache.misses(), 1u);
    EXPECT_EQ(cache.hits(), 1u);
}

TEST(MatchCache, ForgetsEverythingWhenASubscriptionChanges) {
    SubscriptionIndex index;
    MatchCache cache{index, {}};
    EXPECT_THAT(cache.match("a"), ElementsAre());
    index.add("a", 1);
    EXPECT_THAT(cache.match("a"), ElementsAre(1));
    index.add("#", 2);
    EXPECT_THAT(cache.match("a"), ElementsAre(1, 2));
    index.remove("a", 1);
    EXPECT_THAT(cache.match("a"), ElementsAre(2));
    EXPECT_EQ(cache.name_count(), 1u);
}

TEST(MatchCache, HoldsAtMostItsNamesAndKeepsThoseThatAreHit) {
    SubscriptionIndex index;
    index.add("#", 1);
    MatchCache cache{index, {.names_max = 3, .ids_max = 100}};
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
    SubscriptionIndex index;
    index.add("#", 1);
    MatchCache cache{index, {.names_max = 2, .ids_max = 100}};
    for (const std::string_view name : {"a", "b", "a", "b", "c", "c", "d", "e"}) {
        EXPECT_THAT(cache.match(name), ElementsAre(1));
        EXPECT_LE(cache.name_count(), 2u);
    }
}

TEST(MatchCache, HoldsAtMostItsIds) {
    SubscriptionIndex index;
    for (SubscriberId id = 0; id < 10; ++id) index.add("#", id);
    MatchCache cache{index, {.names_max = 100, .ids_max = 25}};
    for (const std::string_view name : {"a", "b", "c", "d"}) {
        EXPECT_EQ(cache.match(name).size(), 10u);
        EXPECT_LE(cache.name_count(), 2u);
    }
}

TEST(MatchCache, DoesNotKeepWhatCanNeverFit) {
    SubscriptionIndex index;
    for (SubscriberId id = 0; id < 10; ++id) index.add("#", id);
    MatchCache small{index, {.names_max = 100, .ids_max = 9}};
    EXPECT_EQ(small.match("a").size(), 10u);
    EXPECT_EQ(small.name_count(), 0u);
    MatchCache none{index, {.names_max = 0, .ids_max = 100}};
    EXPECT_EQ(none.match("a").size(), 10u);
    EXPECT_EQ(none.name_count(), 0u);
}

}  // namespace
}  // namespace firehose::topic
