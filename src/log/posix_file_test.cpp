// SPDX-License-Identifier: Apache-2.0
// Goal:   PosixFileSystem's files keep File's contract and leave nothing in their folder.
// Method: one folder of the test's own; real calls, a few bytes.
#include "log/posix_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "log/log_test_support.h"

namespace firehose::log {
namespace {

TEST(PosixFile, WritesReadsAndHasNoName) {
    std::string folder = testing::TempDir() + "firehose-posix-file-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    {
        PosixFileSystem files{folder};
        auto created = files.create_unlinked();
        ASSERT_TRUE(created.has_value());
        File& file = **created;
        EXPECT_TRUE(std::filesystem::is_empty(folder));

        const ByteSpan parts[] = {as_bytes("hello "), {}, as_bytes("world")};
        const auto written = file.write(3, parts);
        ASSERT_TRUE(written.has_value());
        EXPECT_EQ(*written, 11u);
        EXPECT_EQ(*file.size(), 14u);
        ASSERT_TRUE(file.preallocate(100).has_value());
        EXPECT_EQ(*file.size(), 100u);
        EXPECT_TRUE(file.sync().has_value());

        std::vector<std::byte> out(11);
        ASSERT_EQ(*file.read(3, out), 11u);
        EXPECT_EQ(as_text(out), "hello world");
        EXPECT_EQ(*file.read(95, out), 5u);
        EXPECT_EQ(*file.read(100, out), 0u);
    }
    EXPECT_TRUE(std::filesystem::remove(folder));  // Only an empty one goes.
}

TEST(PosixFile, ManyPartsAreWrittenInSeveralCalls) {
    PosixFileSystem files{testing::TempDir()};
    auto file = files.create_unlinked();
    ASSERT_TRUE(file.has_value());
    std::vector<ByteSpan> parts(5'000, as_bytes("x"));
    const auto written = (*file)->write(0, parts);
    ASSERT_TRUE(written.has_value());
    EXPECT_GE(*written, 1u);
    EXPECT_LT(*written, 5'000u);
}

TEST(PosixFile, AMissingFolderIsAnError) {
    PosixFileSystem files{testing::TempDir() + "firehose-is-not-here"};
    const auto file = files.create_unlinked();
    ASSERT_FALSE(file.has_value());
    EXPECT_EQ(file.error(), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace firehose::log
