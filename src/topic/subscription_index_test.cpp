// SPDX-License-Identifier: Apache-2.0
// Goal:   the index answers what `matches` answers, gives back what is removed, and never recurses.
// Method: all filters over a small alphabet against all names; giants; counts after removal.
#include "topic/subscription_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "topic/topic_filter.h"
#include "topic/topic_name.h"

namespace firehose::topic {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Ids = std::vector<SubscriberId>;

Ids match(const SubscriptionIndex& index, std::string_view name) {
    Ids ids;
    index.match(name, ids);
    return ids;
}

/// Every topic of one to `levels` levels over the given words.
std::vector<std::string> topics(const std::vector<std::string>& words, int levels) {
    std::vector<std::string> all = words;
    std::size_t begin = 0;
    for (int level = 1; level < levels; ++level) {
        const std::size_t end = all.size();
        for (std::size_t i = begin; i < end; ++i) {
            for (const std::string& word : words) all.push_back(all[i] + "/" + word);
        }
        begin = end;
    }
    return all;
}

TEST(SubscriptionIndex, AgreesWithTheReferenceOnEverySmallTopic) {
    SubscriptionIndex index;
    std::vector<std::string> filters;
    for (const std::string& filter : topics({"", "a", "$b", "+", "#"}, 3)) {
        if (!is_valid_filter(filter)) continue;
        ASSERT_TRUE(index.add(filter, static_cast<SubscriberId>(filters.size())));
        filters.push_back(filter);
    }
    for (const std::string& name : topics({"", "a", "$b"}, 4)) {
        if (!is_valid_name(name)) continue;
        Ids expected;
        for (SubscriberId id = 0; id < filters.size(); ++id) {
            if (matches(filters[id], name)) expected.push_back(id);
        }
        EXPECT_THAT(match(index, name), ::testing::UnorderedElementsAreArray(expected)) << name;
    }
}

TEST(SubscriptionIndex, SaysAnIdOnceForEachOfItsFilters) {
    SubscriptionIndex index;
    EXPECT_TRUE(index.add("a/#", 7));
    EXPECT_TRUE(index.add("a/+", 7));
    EXPECT_TRUE(index.add("a/b", 8));
    EXPECT_FALSE(index.add("a/b", 8));
    EXPECT_THAT(match(index, "a/b"), UnorderedElementsAre(7, 7, 8));
    EXPECT_EQ(index.filter_count(), 3u);
}

TEST(SubscriptionIndex, GivesBackWhatIsRemovedInAnyOrder) {
    std::vector<std::string> filters;
    for (const std::string& filter : topics({"", "a", "+", "#"}, 3)) {
        if (is_valid_filter(filter)) filters.push_back(filter);
    }
    for (std::size_t step : {1u, 3u, 5u, 11u}) {  // Odd walks over the list.
        SubscriptionIndex index;
        for (const std::string& filter : filters) ASSERT_TRUE(index.add(filter, 1));
        for (std::size_t i = 0; i < filters.size(); ++i) {
            const std::string& filter = filters[(i * step) % filters.size()];
            static_cast<void>(index.remove(filter, 1));
        }
        for (const std::string& filter : filters) static_cast<void>(index.remove(filter, 1));
        EXPECT_TRUE(index.is_empty());
        EXPECT_EQ(index.node_count(), 1u);
        EXPECT_THAT(match(index, "a/a"), ElementsAre());
    }
}

TEST(SubscriptionIndex, RemovesNothingThatIsNotThere) {
    SubscriptionIndex index;
    ASSERT_TRUE(index.add("a/b", 1));
    for (const std::string_view filter : {"a", "a/b/c", "a/#", "a/+", "#", "+", "b"}) {
        EXPECT_FALSE(index.remove(filter, 1)) << filter;
    }
    EXPECT_FALSE(index.remove("a/b", 2));
    EXPECT_TRUE(index.remove("a/b", 1));
}

TEST(SubscriptionIndex, ReusesTheNodesOfRemovedFilters) {
    SubscriptionIndex index;
    ASSERT_TRUE(index.add("keep", 1));
    for (SubscriberId id = 0; id < 100; ++id) {
        const std::string filter = "x/" + std::to_string(id) + "/+/#";
        ASSERT_TRUE(index.add(filter, id));
        ASSERT_THAT(match(index, "x/" + std::to_string(id) + "/y"), ElementsAre(id));
        ASSERT_TRUE(index.remove(filter, id));
        ASSERT_EQ(index.node_count(), 2u);
    }
}

TEST(SubscriptionIndex, HoldsAFilterOf65535Separators) {  // Bad input 14.
    SubscriptionIndex index;
    const std::string slashes(65'535, '/');
    ASSERT_TRUE(index.add(slashes, 1));
    EXPECT_THAT(match(index, slashes), ElementsAre(1));
    EXPECT_THAT(match(index, slashes.substr(1)), ElementsAre());
    ASSERT_TRUE(index.remove(slashes, 1));
    EXPECT_EQ(index.node_count(), 1u);
}

TEST(SubscriptionIndex, VisitsNoNodeTwiceWhateverTheFilters) {  // Bad input 41.
    SubscriptionIndex index;
    // Every mix of `a` and `+` on ten levels matches: 1,024 filters, so 2,046 nodes below the root.
    for (std::uint32_t mix = 0; mix < 1'024; ++mix) {
        std::string filter;
        for (int level = 0; level < 10; ++level) filter += (mix >> level & 1) != 0 ? "a/" : "+/";
        filter.pop_back();
        ASSERT_TRUE(index.add(filter, mix));
    }
    EXPECT_EQ(match(index, "a/a/a/a/a/a/a/a/a/a").size(), 1'024u);
}

}  // namespace
}  // namespace firehose::topic
