// SPDX-License-Identifier: Apache-2.0
// Goal:   files in memory lose at a power cut what a disk may lose, never more, and never less
//         often than always: any sector and any name that was not synced, nothing that was.
// Method: small files, many seeds; what was ever seen after a cut is collected and looked at.
#include "log/memory_file.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/random.h"

namespace firehose::log {
namespace {

constexpr std::size_t kSector = MemoryContents::kSectorBytes;
constexpr std::uint64_t kSeeds = 300;

void put(File& file, std::uint64_t offset, const std::string& text) {
    const ByteSpan parts[] = {as_bytes(text)};
    ASSERT_EQ(*file.write(offset, parts), text.size());
}

[[nodiscard]] std::string text_of(MemoryFileSystem& files, const std::string& name) {
    const auto number = files.number_of(name);
    return number ? std::string{as_text(files.contents(*number))} : "(none)";
}

[[nodiscard]] std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) all += name + ' ';
    return all;
}

TEST(MemoryFileSystem, APowerCutKeepsWhatWasSynced) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        const auto file = *files.create("a");
        put(*file, 0, "synced");
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files.sync_folder());
        put(*file, 2 * kSector, "not synced");
        files.power_cut(random);
        ASSERT_EQ(text_of(files, "a").substr(0, 6), "synced");
    }
}

TEST(MemoryFileSystem, APowerCutLeavesAnySetOfUnsyncedSectors) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        const auto file = *files.create("a");
        put(*file, 0, std::string(3 * kSector, '-'));
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files.sync_folder());
        put(*file, 0, std::string(2 * kSector, 'x'));
        put(*file, 2 * kSector, std::string(kSector, 'x'));
        files.power_cut(random);
        const std::string text = text_of(files, "a");
        ASSERT_EQ(text.size(), 3 * kSector);
        std::string sectors;
        for (std::size_t i = 0; i < 3; ++i) {
            const std::string sector = text.substr(i * kSector, kSector);
            ASSERT_EQ(sector, std::string(kSector, sector[0]));  // Never torn inside.
            sectors += sector[0];
        }
        seen.insert(sectors);
    }
    EXPECT_EQ(seen.size(), 8u);
}

TEST(MemoryFileSystem, ASectorMayKeepAnyOfItsUnsyncedVersions) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        const auto file = *files.create("a");
        put(*file, 0, "0");
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files.sync_folder());
        put(*file, 0, "1");
        put(*file, 0, "2");
        files.power_cut(random);
        seen.insert(text_of(files, "a"));
    }
    EXPECT_EQ(seen, (std::set<std::string>{"0", "1", "2"}));
}

TEST(MemoryFileSystem, WhatAFailedSyncLostALaterSyncDoesNotBringBack) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        const auto file = *files.create("a");
        put(*file, 0, std::string(2 * kSector, '-'));
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files.sync_folder());
        put(*file, 0, "lost");
        files.set_faults({.syncs_to_fail = 1});
        ASSERT_FALSE(file->sync());
        put(*file, kSector, "kept");
        ASSERT_TRUE(file->sync());
        std::byte back[4];
        ASSERT_EQ(*file->read(0, back), 4u);
        ASSERT_EQ(as_text(back), "lost");  // Reading still shows it.
        files.power_cut(random);
        const std::string text = text_of(files, "a");
        ASSERT_EQ(text.substr(kSector, 4), "kept");
        seen.insert(text.substr(0, 4));
    }
    EXPECT_EQ(seen, (std::set<std::string>{"----", "lost"}));
}

TEST(MemoryFileSystem, APowerCutLeavesAnySetOfUnsyncedNames) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        static_cast<void>(files.create("old"));
        static_cast<void>(files.create("gone"));
        ASSERT_TRUE(files.sync_folder());
        static_cast<void>(files.create("new"));
        ASSERT_TRUE(files.rename("old", "renamed"));
        ASSERT_TRUE(files.remove("gone"));
        files.power_cut(random);
        seen.insert(joined(*files.list()));
    }
    EXPECT_EQ(seen.size(), 8u);
    EXPECT_TRUE(seen.contains("gone old "));
    EXPECT_TRUE(seen.contains("new renamed "));
}

TEST(MemoryFileSystem, AFileThatWasOpenAtThePowerCutIsOfNoUse) {
    MemoryFileSystem files;
    Random random{1};
    auto file = *files.create("a");
    ASSERT_TRUE(files.sync_folder());
    files.power_cut(random);
    EXPECT_FALSE(file->size());
    EXPECT_FALSE(file->sync());
    const auto again = *files.open("a");
    file.reset();
    EXPECT_EQ(files.files_open(), 1u);
    EXPECT_TRUE(again->size());
}

TEST(MemoryFileSystem, LosingAllThatIsUnsyncedIsTheWorstPowerCut) {
    MemoryFileSystem files;
    const auto file = *files.create("a");
    put(*file, 0, "synced");
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_folder());
    put(*file, 3, "XXXXXXX");
    ASSERT_TRUE(file->truncate(9));
    static_cast<void>(files.create("b"));
    files.lose_unsynced();
    EXPECT_EQ(text_of(files, "a"), "synced");
    EXPECT_EQ(joined(*files.list()), "a ");
    EXPECT_TRUE(file->size());
}

TEST(MemoryFileSystem, TruncationIsDurableWithTheNextSyncOnly) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        MemoryFileSystem files;
        Random random{seed};
        const auto file = *files.create("a");
        put(*file, 0, "abcdef");
        ASSERT_TRUE(file->sync());
        ASSERT_TRUE(files.sync_folder());
        ASSERT_TRUE(file->truncate(3));
        if (seed % 2 == 0) {
            ASSERT_TRUE(file->sync());
        }
        files.power_cut(random);
        const std::string text = text_of(files, "a");
        if (seed % 2 == 0) {
            ASSERT_EQ(text, "abc");
        }
        seen.insert(text);
    }
    EXPECT_TRUE(seen.contains("abc"));
    EXPECT_TRUE(seen.contains("abcdef"));
}

}  // namespace
}  // namespace firehose::log
