// SPDX-License-Identifier: Apache-2.0
// Goal:   a session's filters make one delivery of a record, as their options say, few or many.
// Method: each claim with a handful of filters and again behind the index.
#include "session/subscriptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firehose::session {
namespace {

using mqtt::Qos;
using ::testing::ElementsAre;

/// Without and with so many other filters that the index is used.
class SubscriptionsBoth : public ::testing::TestWithParam<bool> {
protected:
    SubscriptionsBoth() {
        for (std::size_t i = 0; GetParam() && i <= Subscriptions::kLinearMax; ++i) {
            mine_.add("other/" + std::to_string(i), {});
        }
    }
    Match match(const MatchQuery& query) const {
        Match out{.qos = Qos::exactly_once, .retain_as_published = true, .ids = {99}};
        is_match_ = mine_.match(query, out);
        return out;
    }

    Subscriptions mine_;
    mutable bool is_match_ = false;
};

Subscription with(Qos qos, std::uint32_t id = 0, Seq from = Seq{}) {
    Subscription subscription;
    subscription.options.qos = qos;
    subscription.id = id;
    subscription.from_seq = from;
    return subscription;
}

TEST_P(SubscriptionsBoth, OverlapsMakeOneDeliveryAtTheHighestQos) {  // [MQTT-3.3.4-2]
    mine_.add("a/#", with(Qos::at_most_once, 5));
    mine_.add("a/+", with(Qos::exactly_once, 3));
    mine_.add("a/b", with(Qos::at_least_once, 5));
    mine_.add("c", with(Qos::exactly_once, 4));
    const Match found = match({.name = "a/b"});
    EXPECT_TRUE(is_match_);
    EXPECT_EQ(found.qos, Qos::exactly_once);
    EXPECT_FALSE(found.retain_as_published);
    EXPECT_THAT(found.ids, ElementsAre(3, 5, 5));  // [MQTT-3.3.4-4]
}

TEST_P(SubscriptionsBoth, WhatMatchesNothingLeavesNothing) {
    mine_.add("a", with(Qos::exactly_once, 5));
    EXPECT_EQ(match({.name = "b"}), Match{});
    EXPECT_FALSE(is_match_);
}

TEST_P(SubscriptionsBoth, ARecordBeforeFromSeqDoesNotMatch) {
    mine_.add("a", with(Qos::at_least_once, 0, Seq{10}));
    static_cast<void>(match({.name = "a", .seq = Seq{9}}));
    EXPECT_FALSE(is_match_);
    static_cast<void>(match({.name = "a", .seq = Seq{10}}));
    EXPECT_TRUE(is_match_);
}

TEST_P(SubscriptionsBoth, ReplacingKeepsFromSeqAndTakesTheRest) {  // [MQTT-3.8.4-3]
    EXPECT_TRUE(mine_.add("a", with(Qos::at_least_once, 1, Seq{10})));
    EXPECT_FALSE(mine_.add("a", with(Qos::exactly_once, 2, Seq{50})));
    const Match found = match({.name = "a", .seq = Seq{10}});
    EXPECT_TRUE(is_match_);
    EXPECT_EQ(found.qos, Qos::exactly_once);
    EXPECT_THAT(found.ids, ElementsAre(2));
    EXPECT_EQ(mine_.find("a")->from_seq, Seq{10});
}

TEST_P(SubscriptionsBoth, NoLocalHidesOwnPublishesFromThatFilterOnly) {  // [MQTT-3.8.3-3]
    Subscription no_local = with(Qos::exactly_once);
    no_local.options.no_local = true;
    mine_.add("a", no_local);
    static_cast<void>(match({.name = "a", .is_own = true}));
    EXPECT_FALSE(is_match_);
    static_cast<void>(match({.name = "a", .is_own = false}));
    EXPECT_TRUE(is_match_);
    mine_.add("+", with(Qos::at_most_once));
    EXPECT_EQ(match({.name = "a", .is_own = true}).qos, Qos::at_most_once);
    EXPECT_TRUE(is_match_);
}

TEST_P(SubscriptionsBoth, ARemovedFilterMatchesNoMore) {  // [MQTT-3.10.4-1]
    mine_.add("a/#", with(Qos::at_least_once));
    EXPECT_FALSE(mine_.remove("a/+"));
    EXPECT_TRUE(mine_.remove("a/#"));
    EXPECT_FALSE(mine_.remove("a/#"));
    static_cast<void>(match({.name = "a/b"}));
    EXPECT_FALSE(is_match_);
    mine_.add("a/+", with(Qos::at_least_once));  // Takes the free place.
    static_cast<void>(match({.name = "a/b"}));
    EXPECT_TRUE(is_match_);
    mine_.clear();
    EXPECT_TRUE(mine_.is_empty());
    static_cast<void>(match({.name = "a/b"}));
    EXPECT_FALSE(is_match_);
}

INSTANTIATE_TEST_SUITE_P(FewAndMany, SubscriptionsBoth, ::testing::Bool());

TEST(Subscriptions, RemainRightWhenTheyGrowPastTheIndexAndShrinkAgain) {
    Subscriptions mine;
    Match out;
    const auto filter = [](std::size_t i) { return "x/" + std::to_string(i) + "/#"; };
    for (std::size_t i = 0; i < 100; ++i) ASSERT_TRUE(mine.add(filter(i), {}));
    EXPECT_EQ(mine.size(), 100u);
    for (std::size_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(mine.match({.name = filter(i).substr(0, filter(i).size() - 2)}, out)) << i;
        ASSERT_TRUE(mine.remove(filter(i)));
        ASSERT_FALSE(mine.match({.name = filter(i).substr(0, filter(i).size() - 2)}, out)) << i;
    }
    EXPECT_TRUE(mine.is_empty());
}

TEST(Subscriptions, AreFeedableAtQos0WithoutNoLocalAndIdentifiers) {
    Subscriptions mine;
    EXPECT_FALSE(mine.is_feedable());
    mine.add("a", with(Qos::at_most_once));
    EXPECT_TRUE(mine.is_feedable());
    mine.add("b", with(Qos::at_least_once));
    EXPECT_FALSE(mine.is_feedable());
    mine.add("b", with(Qos::at_most_once, 1));
    EXPECT_FALSE(mine.is_feedable());
    Subscription no_local;
    no_local.options.no_local = true;
    mine.add("b", no_local);
    EXPECT_FALSE(mine.is_feedable());
    mine.remove("b");
    EXPECT_TRUE(mine.is_feedable());
}

TEST(Subscriptions, HaveOneFeedKeyForOneSet) {
    Subscriptions one;
    Subscriptions two;
    one.add("a", {});
    one.add("b/#", {});
    two.add("b/#", with(Qos::at_most_once, 0, Seq{7}));
    two.add("a", {});
    EXPECT_EQ(one.feed_key(), two.feed_key());
    Subscription as_published;
    as_published.options.retain_as_published = true;
    two.add("a", as_published);
    EXPECT_NE(one.feed_key(), two.feed_key());
    Subscriptions three;
    three.add("ab/#", {});
    EXPECT_NE(one.feed_key(), three.feed_key());
}

}  // namespace
}  // namespace firehose::session
