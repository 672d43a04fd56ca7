// SPDX-License-Identifier: Apache-2.0
// Goal:   a backup is whole or not there, holds what its folder held, and says what is in the way.
// Method: small folders of the test's own; the bus's part of it is tested by tests/cli.
#include "app/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace firehose::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class BackupTest : public ::testing::Test {
protected:
    BackupTest() {
        std::string name = ::testing::TempDir() + "backupXXXXXX";
        folder_ = ::mkdtemp(name.data());
        data_ = folder_ + "/data";
        fs::create_directories(data_ + "/log");
        write(data_ + "/format", "firehose-data 1\n");
        write(data_ + "/lock", "1\n");
        write(data_ + "/log/00000000000000000001.sealed", "sealed");
        write(data_ + "/log/00000000000000000002.open", std::string(100'000, 'o'));
        write(data_ + "/log/00000000000000000003.tmp", "half");
    }
    ~BackupTest() override { fs::remove_all(folder_); }

    static void write(const std::string& path, const std::string& text) {
        std::ofstream{path, std::ios::binary} << text;
    }
    static std::string read(const std::string& path) {
        std::ifstream file{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    [[nodiscard]] BackupPlan plan(const std::string& to) const {
        return {.data = data_,
                .to = to,
                .copy_views = [](const std::string& file) -> Result<void, std::string> {
                    write(file, "views");
                    return {};
                }};
    }

    std::string folder_;
    std::string data_;
};

TEST_F(BackupTest, CopiesViewsSegmentsAndFormatAndNothingElse) {
    const std::string to = folder_ + "/copy";
    std::uint64_t calls = 0;
    const auto made = back_up(plan(to), [&](const BackupFigures&) { ++calls; });
    ASSERT_TRUE(made.has_value()) << made.error();
    EXPECT_EQ(made->files_done, 3U);
    EXPECT_EQ(made->bytes_done, made->bytes);
    EXPECT_GE(calls, 3U);
    EXPECT_EQ(read(to + "/views.db"), "views");
    EXPECT_EQ(read(to + "/format"), "firehose-data 1\n");
    EXPECT_EQ(read(to + "/log/00000000000000000001.sealed"), "sealed");
    EXPECT_EQ(read(to + "/log/00000000000000000002.open").size(), 100'000U);
    EXPECT_FALSE(fs::exists(to + "/lock"));
    EXPECT_FALSE(fs::exists(to + "/log/00000000000000000003.tmp"));
    struct stat status {};
    ASSERT_EQ(::stat(to.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077U, 0U) << "others may look into the backup";
    ASSERT_EQ(::stat((to + "/log/00000000000000000002.open").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077U, 0U);
}

TEST_F(BackupTest, GoesIntoAnEmptyFolderAndIntoNoOther) {
    const std::string empty = folder_ + "/empty";
    fs::create_directory(empty);
    EXPECT_TRUE(back_up(plan(empty), [](const auto&) {}).has_value());
    const auto again = back_up(plan(empty), [](const auto&) {});
    ASSERT_FALSE(again.has_value());
    EXPECT_THAT(again.error(), HasSubstr("not an empty folder"));
    const auto nowhere = back_up(plan(folder_ + "/a/b"), [](const auto&) {});
    ASSERT_FALSE(nowhere.has_value());
    EXPECT_THAT(nowhere.error(), HasSubstr("make it first"));
}

TEST_F(BackupTest, LeavesNothingBehindWhenItFails) {
    const std::string to = folder_ + "/copy";
    BackupPlan failing = plan(to);
    failing.copy_views = [](const std::string&) -> Result<void, std::string> {
        return Failure{std::string{"the views are damaged"}};
    };
    const auto made = back_up(failing, [](const auto&) {});
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error(), "the views are damaged");
    EXPECT_FALSE(fs::exists(to));
    EXPECT_FALSE(fs::exists(to + ".unfinished"));
}

}  // namespace
}  // namespace firehose::app
