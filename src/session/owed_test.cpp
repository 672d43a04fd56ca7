// SPDX-License-Identifier: Apache-2.0
// Goal:   what a full window owes is remembered in order, to the bound, and its end is known.
// Method: pushes around the bound, from both sides.
#include "session/owed.h"

#include <gtest/gtest.h>

namespace firehose::session {
namespace {

TEST(Owed, KeepsPositionsInOrderUpToItsBound) {
    Owed owed{2};
    EXPECT_TRUE(owed.push(Seq{3}));
    EXPECT_TRUE(owed.push(Seq{8}));
    EXPECT_FALSE(owed.overflowed_at());
    EXPECT_FALSE(owed.push(Seq{9}));
    EXPECT_EQ(owed.overflowed_at(), Seq{9});
    EXPECT_EQ(owed.front(), Seq{3});
    owed.pop();
    EXPECT_EQ(owed.front(), Seq{8});
}

TEST(Owed, KeepsNothingAfterTheFirstThatDidNotFit) {
    Owed owed{1};
    EXPECT_TRUE(owed.push(Seq{1}));
    EXPECT_FALSE(owed.push(Seq{2}));
    owed.pop();
    EXPECT_FALSE(owed.push(Seq{3}));  // Else 2 would come after 3.
    EXPECT_EQ(owed.overflowed_at(), Seq{2});
    EXPECT_TRUE(owed.is_empty());
    owed.clear();
    EXPECT_TRUE(owed.push(Seq{4}));
    EXPECT_FALSE(owed.overflowed_at());
    EXPECT_EQ(owed.size(), 1u);
}

}  // namespace
}  // namespace firehose::session
