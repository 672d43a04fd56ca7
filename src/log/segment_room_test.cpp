// SPDX-License-Identifier: Apache-2.0
// Goal:   room is made only where there is enough, is taken once, and whatever fails leaves the
//         log to grow its files.
// Method: steps called by hand over files in memory with faults.
#include "log/segment_room.h"

#include <gtest/gtest.h>

#include "log/log_test_support.h"
#include "log/memory_file.h"

namespace firehose::log {
namespace {

constexpr std::uint64_t kBytes = 3 * SegmentRoom::kStepBytes / 2;

TEST(SegmentRoom, IsMadeInStepsAndTakenOnce) {
    MemoryFileSystem files;
    CountingWaker maker;
    SegmentRoom room{files, kBytes, 0};
    room.set_maker(&maker);
    EXPECT_EQ(room.take("a"), nullptr);
    EXPECT_TRUE(room.step());
    EXPECT_FALSE(room.is_ready());
    EXPECT_FALSE(room.step());
    ASSERT_TRUE(room.is_ready());
    const auto file = room.take("a");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(*file->size(), kBytes);
    EXPECT_EQ(maker.count, 1);
    EXPECT_EQ(room.take("b"), nullptr);
    EXPECT_EQ(*files.list(), std::vector<std::string>{"a"});
}

TEST(SegmentRoom, IsNotMadeWhereItWouldTakeWhatMustStayFree) {
    MemoryFileSystem files;
    files.set_faults({.bytes_max = 10 * kBytes});
    SegmentRoom greedy{files, kBytes, 9 * kBytes};
    EXPECT_FALSE(greedy.step());
    EXPECT_TRUE(files.list()->empty());
    SegmentRoom modest{files, kBytes, 7 * kBytes};
    EXPECT_TRUE(modest.step());
}

TEST(SegmentRoom, WhatFailsLeavesNoFileAndIsTriedAgain) {
    for (const MemoryFaults& faults :
         {MemoryFaults{.writes_to_fail = 1}, MemoryFaults{.syncs_to_fail = 1},
          MemoryFaults{.creates_to_fail = 1}}) {
        MemoryFileSystem files;
        files.set_faults(faults);
        SegmentRoom room{files, kBytes, 0};
        while (room.step()) continue;
        EXPECT_FALSE(room.is_ready());
        EXPECT_TRUE(files.list()->empty());
        while (room.step()) continue;
        EXPECT_TRUE(room.is_ready());
    }
}

TEST(SegmentRoom, ThatCannotBeRenamedIsGone) {
    MemoryFileSystem files;
    SegmentRoom room{files, kBytes, 0};
    while (room.step()) continue;
    files.set_faults({.renames_to_fail = 1});
    EXPECT_EQ(room.take("a"), nullptr);
    EXPECT_TRUE(files.list()->empty());
    EXPECT_FALSE(room.is_ready());
}

TEST(SegmentRoom, IsGivenBack) {
    MemoryFileSystem files;
    {
        SegmentRoom room{files, kBytes, 0};
        EXPECT_FALSE(room.drop());
        while (room.step()) continue;
        EXPECT_TRUE(room.drop());
        EXPECT_TRUE(files.list()->empty());
        EXPECT_TRUE(room.step());
    }
    EXPECT_TRUE(files.list()->empty());  // Unfinished, and gone with it.
}

}  // namespace
}  // namespace firehose::log
