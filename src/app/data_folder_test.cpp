// SPDX-License-Identifier: Apache-2.0
// Goal:   one bus a data folder, whoever died in it; it has an id for ever, and a format that is
// not
//         ours is refused with a sentence and left alone.
// Method: folders of the test's own; the second bus is a second descriptor, and once a process.
#include "app/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace firehose::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class DataFolderTest : public ::testing::Test {
protected:
    DataFolderTest() {
        std::string name = ::testing::TempDir() + "dataXXXXXX";
        above_ = ::mkdtemp(name.data());
        path_ = above_ + "/a/data";
    }
    ~DataFolderTest() override { fs::remove_all(above_); }

    [[nodiscard]] Result<DataFolder, std::string> open() const {
        return DataFolder::open(path_, milliseconds{0});
    }
    [[nodiscard]] std::string refusal() const {
        const auto folder = open();
        return folder ? "(opened)" : folder.error();
    }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path{path_ + '/' + name}.parent_path());
        fs::permissions(path_, fs::perms::owner_all);
        std::ofstream{path_ + '/' + name, std::ios::binary} << text;
        fs::permissions(path_ + '/' + name, fs::perms::owner_read | fs::perms::owner_write);
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file{path_ + '/' + name, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    [[nodiscard]] mode_t mode(const std::string& name) const {
        struct stat status {};
        EXPECT_EQ(::stat((path_ + name).c_str(), &status), 0) << name;
        return status.st_mode & 07777U;
    }

    std::string above_;
    std::string path_;
};

TEST_F(DataFolderTest, IsMadeWithItsPartsForItsOwnerOnly) {
    const auto folder = open();
    ASSERT_TRUE(folder.has_value()) << folder.error();
    EXPECT_TRUE(folder->is_new());
    EXPECT_NE(folder->log_id(), 0U);
    for (const char* name : {"", "/log", "/damaged"}) EXPECT_EQ(mode(name), 0700U) << name;
    for (const char* name : {"/lock", "/format"}) EXPECT_EQ(mode(name), 0600U) << name;
    EXPECT_EQ(folder->log_path(), path_ + "/log");
    EXPECT_EQ(folder->damaged_path(), path_ + "/damaged");
    EXPECT_EQ(folder->views_path(), path_ + "/views.db");
    EXPECT_EQ(folder->admin_socket_path(), path_ + "/admin.sock");
    EXPECT_EQ(read("lock"), std::to_string(::getpid()) + "\n");
}

TEST_F(DataFolderTest, KeepsItsIdAndAnotherFolderHasAnother) {
    const std::uint64_t id = open()->log_id();
    const auto again = open();
    ASSERT_TRUE(again.has_value()) << again.error();
    EXPECT_FALSE(again->is_new());
    EXPECT_EQ(again->log_id(), id);
    EXPECT_EQ((*read_format(path_))->log_id, id);
    EXPECT_NE(DataFolder::open(above_ + "/other", milliseconds{0})->log_id(), id);
}

TEST_F(DataFolderTest, WhatAnEarlierBusThatKeptNothingLeftIsNoObstacle) {
    write("admin.sock", "");
    write("lock", "4194999\n");  // Of a process that is gone.
    const auto folder = open();
    ASSERT_TRUE(folder.has_value()) << folder.error();
    EXPECT_TRUE(folder->is_new());
}

TEST_F(DataFolderTest, TheSecondIsToldWhoHoldsIt) {
    auto first = open();
    ASSERT_TRUE(first.has_value());
    const std::string who = "process " + std::to_string(::getpid()) + " has this data folder";
    EXPECT_THAT(refusal(), HasSubstr(who));
    EXPECT_EQ(data_folder_user(path_), ::getpid());
    {
        const DataFolder moved = *std::move(first);
        EXPECT_THAT(refusal(), HasSubstr(who));
    }
    EXPECT_EQ(data_folder_user(path_), std::nullopt);
    EXPECT_TRUE(open().has_value());
}

TEST_F(DataFolderTest, AnotherProcessIsRefusedUntilItsHolderDied) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
        const auto folder = open();
        const char byte = folder ? 'y' : 'n';
        if (::write(ready[1], &byte, 1) == 1) ::pause();
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    EXPECT_THAT(refusal(), HasSubstr("process " + std::to_string(holder)));
    EXPECT_EQ(data_folder_user(path_), holder);
    ASSERT_EQ(::kill(holder, SIGKILL), 0);
    ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
    EXPECT_TRUE(open().has_value());
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(DataFolderTest, ALaterFormatIsRefusedAndLeftAsItIs) {
    const std::string later = "firehose-data 2\nsomething else\n";
    write("format", later);
    const std::string why = refusal();
    EXPECT_THAT(why, HasSubstr("format 2"));
    EXPECT_THAT(why, HasSubstr("up to 1"));
    EXPECT_THAT(why, HasSubstr("use the version of firehose that wrote it"));
    EXPECT_EQ(read("format"), later);
    EXPECT_FALSE(fs::exists(path_ + "/log"));
    EXPECT_FALSE(read_format(path_).has_value());
}

TEST_F(DataFolderTest, SaysInWhichLineAFormatIsDamaged) {
    struct Row {
        const char* text;
        const char* where;
    };
    static constexpr Row kRows[] = {
        {"", "/format:1:"},
        {"firehose-data 1", "/format:1:"},
        {"firehose-data 0\nlog 0123456789abcdef\n", "/format:1:"},
        {"firehose-data one\n", "/format:1:"},
        {"firehose-data 1\n", "/format:2:"},
        {"firehose-data 1\nlog 0123456789abcde\n", "/format:2:"},
        {"firehose-data 1\nlog 0000000000000000\n", "/format:2:"},
        {"firehose-data 1\nlog 0123456789abcdeg\n", "/format:2:"},
        {"firehose-data 1\nlog 0123456789abcdef", "/format:2:"},
        {"firehose-data 1\nlog 0123456789abcdef\nmore\n", "/format:3:"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text);
        write("format", row.text);
        EXPECT_THAT(refusal(), HasSubstr(row.where));
    }
    write("format", "firehose-data 1\nlog 0123456789abcdef\n");
    EXPECT_EQ(open()->log_id(), 0x0123'4567'89ab'cdefU);
}

TEST_F(DataFolderTest, SegmentsWithoutAFormatAreNotTakenForANewFolder) {
    write("log/00000000000000000001.open", "something");
    EXPECT_THAT(refusal(), HasSubstr("firehose inspect"));
    EXPECT_FALSE(fs::exists(path_ + "/format"));
}

TEST_F(DataFolderTest, OthersMustNotWriteThere) {
    ASSERT_TRUE(open().has_value());
    for (const char* part : {"", "/log", "/damaged", "/format"}) {
        SCOPED_TRACE(part);
        const mode_t before = mode(part);
        ASSERT_EQ(::chmod((path_ + part).c_str(), before | S_IWGRP), 0);
        EXPECT_THAT(refusal(), HasSubstr("chmod go-w " + path_ + part));
        ASSERT_EQ(::chmod((path_ + part).c_str(), before), 0);
    }
    EXPECT_TRUE(open().has_value());
}

TEST_F(DataFolderTest, AFileInItsPlaceIsNamed) {
    fs::create_directories(above_ + "/a");
    std::ofstream{path_} << "a file";
    EXPECT_THAT(refusal(), HasSubstr(path_ + ": the folder cannot be made"));
    EXPECT_EQ(data_folder_user(above_ + "/nowhere"), std::nullopt);
    EXPECT_EQ(*read_format(above_ + "/nowhere"), std::nullopt);
}

}  // namespace
}  // namespace firehose::app
