// SPDX-License-Identifier: Apache-2.0
// Goal:   a recovery that is cut off at any file operation costs nothing: the next one finds the
//         same records, gives no seq twice, and keeps damage aside once, whole.
//         Not promised: where the end of a file was hit *and* the power goes while the header of
//         its last block is written again over the border of two sectors, that block is lost.
// Method: folders as a life under a seed leaves them (killed or cut off, while sealing, after
//         failed syncs, with a bit flipped); before each file operation of a recovery and of the
//         first write after it the power goes or the process dies; then a second recovery.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "log/memory_file.h"
#include "log/recovery.h"
#include "log/recovery_test_support.h"

namespace firehose::log {
namespace {

using namespace recovery_test;  // NOLINT: what these tests share.

/// Counts operations that change files, in all folders that share it.
struct CutPoint {
    std::size_t left = SIZE_MAX;
    std::size_t done = 0;

    [[nodiscard]] bool is_cut() {
        if (left == 0) return true;
        --left;
        ++done;
        return false;
    }
};

[[nodiscard]] Failure<std::error_code> gone() {
    return {std::make_error_code(std::errc::io_error)};
}

class CutFile final : public File {
public:
    CutFile(std::unique_ptr<File> file, CutPoint& cut) : file_(std::move(file)), cut_(cut) {}

    Result<std::size_t, std::error_code> write(std::uint64_t offset,
                                               std::span<const ByteSpan> parts) override {
        if (cut_.is_cut()) return gone();
        return file_->write(offset, parts);
    }
    Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                              std::span<std::byte> out) override {
        return file_->read(offset, out);
    }
    Result<std::uint64_t, std::error_code> size() override { return file_->size(); }
    IoResult preallocate(std::uint64_t bytes) override {
        if (cut_.is_cut()) return gone();
        return file_->preallocate(bytes);
    }
    IoResult sync() override {
        if (cut_.is_cut()) return gone();
        return file_->sync();
    }
    IoResult truncate(std::uint64_t bytes) override {
        if (cut_.is_cut()) return gone();
        return file_->truncate(bytes);
    }

private:
    std::unique_ptr<File> file_;
    CutPoint& cut_;
};

/// A folder that nothing changes any more once its cut point is reached.
class CutFolder final : public FileSystem {
public:
    CutFolder(MemoryFileSystem& files, CutPoint& cut) : files_(files), cut_(cut) {}

    using Opened = Result<std::unique_ptr<File>, std::error_code>;
    Opened create_unlinked() override { return files_.create_unlinked(); }
    Opened create(const std::string& name) override {
        if (cut_.is_cut()) return gone();
        return wrapped(files_.create(name));
    }
    Opened open(const std::string& name) override { return wrapped(files_.open(name)); }
    Result<std::vector<std::string>, std::error_code> list() override { return files_.list(); }
    IoResult rename(const std::string& from, const std::string& to) override {
        if (cut_.is_cut()) return gone();
        return files_.rename(from, to);
    }
    IoResult remove(const std::string& name) override {
        if (cut_.is_cut()) return gone();
        return files_.remove(name);
    }
    IoResult sync_folder() override {
        if (cut_.is_cut()) return gone();
        return files_.sync_folder();
    }
    Result<Space, std::error_code> space() override { return files_.space(); }

private:
    Opened wrapped(Opened opened) {
        if (!opened) return opened;
        return std::unique_ptr<File>{std::make_unique<CutFile>(std::move(*opened), cut_)};
    }

    MemoryFileSystem& files_;
    CutPoint& cut_;
};

/// A data folder after a life under a seed.
struct Left {
    explicit Left(std::uint64_t seed) {
        Random random{seed};
        SegmentLogOptions options = on_disk();
        options.segment_bytes = 1'000;
        options.seed = random.next();
        options.makes_room = random.chance(30);
        const bool is_flipped = random.chance(40);
        is_disk_honest = is_flipped || random.chance(50);
        CutPoint cut;
        CutFolder folder{files, cut};
        Life life{folder, clock, options};
        if (random.chance(40)) cut.left = random.below(100);  // It is killed there.
        int count = 0;
        std::map<std::uint64_t, std::vector<std::string>> by_ticket;
        std::map<std::uint64_t, std::uint64_t> placed;
        std::uint64_t ticket = 0;
        for (std::uint64_t step = 5 + random.below(30); step > 0; --step) {
            std::vector<std::string> block(1 + random.below(3));
            for (std::string& payload : block) {
                payload = std::to_string(++count) + std::string(random.below(150), 'x');
            }
            by_ticket[++ticket] = block;
            life.append(block);
            given_end = number(life.log->end());
            if (!is_disk_honest && random.chance(8))
                files.set_faults({.syncs_to_fail = 1 + random.below(2)});
            if (random.chance(70)) static_cast<void>(life.log->write_step());
            if (random.chance(40)) static_cast<void>(life.log->seal_step());
            if (random.chance(30)) static_cast<void>(life.log->room_step());
            clock.monotonic_now.since_start += SegmentLog::kRetryDelay;
            std::vector<Outcome> outcomes;
            life.log->take_outcomes(life.appender, outcomes);
            for (const Outcome& outcome : outcomes) {
                const auto which = static_cast<std::uint64_t>(outcome.ticket);
                if (outcome.kind == Outcome::Kind::placed) {
                    placed[which] = number(outcome.first_seq);
                    for (std::size_t i = 0; i < by_ticket[which].size(); ++i) {
                        given[placed[which] + i] = by_ticket[which][i];
                    }
                }
                if (outcome.kind != Outcome::Kind::durable) continue;
                for (std::size_t i = 0; i < by_ticket[which].size(); ++i) {
                    durable[placed[which] + i] = by_ticket[which][i];
                }
            }
        }
        files.set_faults({});
        if (random.chance(30)) {
            clock.monotonic_now.since_start += SegmentLog::kRetryDelayMax;
            life.stop();
        }
        life.log.reset();
        if (random.chance(30)) files.power_cut(random);
        if (is_flipped) flip_a_bit(random);
    }

    /// Of what is on disk: a power cut does not mend it.
    void flip_a_bit(Random& random) {
        const auto names = *files.list();
        if (names.empty()) return;
        for (const std::string& name : names) ASSERT_TRUE((*files.open(name))->sync().has_value());
        ASSERT_TRUE(files.sync_folder().has_value());
        const std::size_t file = *files.number_of(names[random.below(names.size())]);
        const std::size_t bytes = files.contents(file).size();
        if (bytes != 0) files.flip_bit(file, random.below(bytes * 8));
    }

    MemoryFileSystem files;
    MemoryFileSystem damaged;
    StandingClock clock;
    std::map<std::uint64_t, std::string> given;    // By seq.
    std::map<std::uint64_t, std::string> durable;  // Of these.
    std::uint64_t given_end = 1;                   // Past every seq that was ever given.
    bool is_disk_honest = true;                    // No sync failed.
};

/// Recovery and a first write; stops where the cut point says.
void start(Left& left, CutPoint& cut) {
    CutFolder files{left.files, cut};
    CutFolder damaged{left.damaged, cut};
    auto recovered = recover(files, damaged, kOurs);
    if (!recovered) return;
    CountingWaker waker;
    SegmentLogOptions options = on_disk();
    options.seed = 99;
    SegmentLog log{options, files, left.clock, std::move(recovered->log)};
    // What was found may be shown from now on, so it has to stay.
    for (const auto& [seq, payload] : read_all_of(log, log.add_reader(waker)).records) {
        left.durable[seq] = payload;
    }
    const AppenderId appender = log.add_appender(waker);
    static_cast<void>(log.append(appender, block_of({"first"})));
    static_cast<void>(log.write_step());
    std::vector<Outcome> outcomes;
    log.take_outcomes(appender, outcomes);
    for (const Outcome& outcome : outcomes) {
        // A block that is only placed may have been read live: its seq counts as given.
        if (outcome.kind == Outcome::Kind::placed) {
            ASSERT_GE(number(outcome.first_seq), left.given_end);
            left.given_end = number(outcome.first_seq) + 1;
            left.durable.erase(number(outcome.first_seq));
        }
        if (outcome.kind == Outcome::Kind::durable) left.durable[left.given_end - 1] = "first";
    }
}

/// What a recovery that nobody disturbs keeps.
struct Undisturbed {
    explicit Undisturbed(std::uint64_t seed) {
        Left left{seed};
        Life life{left.files, left.damaged, left.clock, on_disk()};
        if (life.log == nullptr) return;
        records = life.content().records;
        aside = folder_of(left.damaged);
        lost = std::move(life.found.damage);
    }
    std::map<std::uint64_t, std::string> records;
    Folder aside;
    std::vector<Damage> lost;
};

enum class End { kill, power_cut };

void expect_nothing_lost(std::uint64_t seed, std::size_t operations, End end,
                         const Undisturbed& undisturbed, bool& is_cut) {
    Left left{seed};
    CutPoint cut{.left = operations};
    start(left, cut);
    is_cut = cut.left == 0;
    Random random{seed * 1'000 + operations};
    if (end == End::power_cut) {
        left.files.power_cut(random);
        left.damaged.power_cut(random);
    }
    Life life{left.files, left.damaged, left.clock, on_disk()};
    ASSERT_NE(life.log, nullptr);
    ASSERT_GE(number(life.next_seq), left.given_end);
    const Content content = life.content();
    for (const auto& [seq, payload] : content.records) {
        const auto given = left.given.find(seq);
        ASSERT_EQ(payload, given != left.given.end() ? given->second : "first") << seq;
    }
    for (const auto& [seq, payload] : end == End::kill ? undisturbed.records : left.durable) {
        const bool is_damaged =
            payload != "first" && !undisturbed.records.contains(seq);  // By the flipped bit.
        ASSERT_TRUE(is_damaged || content.records.contains(seq)) << seq << " " << payload;
    }
    // Where a sync failed, what is not on the disk after all may look like damage.
    if (!left.is_disk_honest) return;
    for (const auto& [name, bytes] : folder_of(left.damaged)) {
        const auto found = undisturbed.aside.find(name);
        ASSERT_NE(found, undisturbed.aside.end()) << name;
        ASSERT_EQ(bytes, found->second) << name;
    }
    for (const Damage& damage : life.found.damage) {
        if (damage.stretch.bytes != 0) {
            ASSERT_FALSE(damage.kept_as.empty()) << damage.file;
        }
    }
}

class CutRecovery : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CutRecovery, AtEveryOperationLosesNothingAndGivesNoSeqTwice) {
    const std::uint64_t seed = GetParam();
    const Undisturbed undisturbed{seed};
    for (const End end : {End::kill, End::power_cut}) {
        bool is_cut = true;
        for (std::size_t operations = 0; is_cut; ++operations) {
            SCOPED_TRACE((end == End::kill ? "killed" : "power cut") + std::string{" before "} +
                         std::to_string(operations));
            ASSERT_LT(operations, 100U);
            expect_nothing_lost(seed, operations, end, undisturbed, is_cut);
            if (HasFatalFailure()) return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Recovery, CutRecovery, ::testing::Range<std::uint64_t>(1, 41));

/// Some segments of a log that is stopped cleanly.
[[nodiscard]] Folder stopped_log(int blocks) {
    MemoryFileSystem files;
    StandingClock clock;
    SegmentLogOptions options = on_disk();
    options.segment_bytes = 1'000;
    Life life{files, clock, options};
    for (int i = 0; i < blocks; ++i) {
        life.append({std::to_string(i) + " a", std::to_string(i) + " b"});
        life.write();
    }
    life.stop();
    return folder_of(files);
}

TEST(Recovery, APlainFileStaysUntilTheNameOfItsSealedOneIsDurable) {
    const Folder plain = stopped_log(16);
    const std::string sealed_name = segment_name(1, true);
    ByteBuffer sealed;
    {
        MemoryFileSystem files;
        StandingClock clock;
        put(files, plain);
        Life life{files, clock};
        while (life.log->seal_step()) continue;
        sealed = folder_of(files).at(sealed_name);
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        MemoryFileSystem files;
        StandingClock clock;
        put(files, plain);
        put(files, {{sealed_name + ".tmp", sealed}});
        // Killed between the rename and the sync of the folder.
        ASSERT_TRUE(files.rename(sealed_name + ".tmp", sealed_name).has_value());
        CutPoint cut{.left = 1 + seed % 3};  // Before or behind the removal of the plain file.
        CutFolder folder{files, cut};
        MemoryFileSystem damaged;
        std::ignore = recover(folder, damaged, kOurs);
        Random random{seed};
        files.power_cut(random);
        Life life{files, clock};
        ASSERT_EQ(life.content().records.size(), 32U);
    }
}

TEST(Recovery, ATornHeaderAfterACleanStopIsNoCleanStopTheSecondTimeEither) {
    Folder folder = stopped_log(2);
    folder[segment_name(9, false)] = ByteBuffer(kSegmentHeaderBytes, std::byte{0x5A});
    MemoryFileSystem files;
    MemoryFileSystem damaged;
    StandingClock clock;
    put(files, folder);
    for (int start = 0; start < 3; ++start) {
        const auto found = recover(files, damaged, kOurs);
        ASSERT_TRUE(found.has_value());
        EXPECT_FALSE(found->was_clean);
        EXPECT_GE(number(found->log.next_seq), kReservedMin);
    }
    {
        Life life{files, clock};
        life.append({"later"});
        life.stop();
    }
    Life life{files, clock};  // A newer one is there now.
    EXPECT_TRUE(life.found.was_clean);
    EXPECT_FALSE(files.number_of(segment_name(9, false)).has_value());
}

TEST(Recovery, BytesBehindAClosingHeaderAreNoCleanStopTheSecondTimeEither) {
    Folder folder = stopped_log(1);
    folder.begin()->second.push_back(std::byte{1});
    MemoryFileSystem files;
    MemoryFileSystem damaged;
    put(files, folder);
    for (int start = 0; start < 2; ++start) {
        const auto found = recover(files, damaged, kOurs);
        ASSERT_TRUE(found.has_value());
        EXPECT_FALSE(found->was_clean);
        EXPECT_GE(number(found->log.next_seq), kReservedMin);
    }
}

TEST(Recovery, DamageAtTheEndOfAnOlderSegmentCostsItsRecordOnly) {
    Folder folder = stopped_log(1);
    MemoryFileSystem files;
    StandingClock clock;
    put(files, folder);
    { Life{files, clock}.append({"never written"}); }
    {
        Life life{files, clock};  // It makes a segment behind the one that was closed.
        life.append({"next"});
        life.write();
    }
    folder = folder_of(files);
    ASSERT_EQ(folder.size(), 2U);
    ByteBuffer& bytes = folder.begin()->second;
    const std::string_view last = "0 b";
    const auto at =
        std::search(bytes.begin(), bytes.end(), as_bytes(last).begin(), as_bytes(last).end());
    ASSERT_NE(at, bytes.end());
    *at ^= std::byte{1};
    MemoryFileSystem hit;
    put(hit, folder);
    Life life{hit, clock};
    EXPECT_EQ(life.content().payloads(), (std::set<std::string>{"0 a", "next"}));
    ASSERT_EQ(life.found.damage.size(), 1U);
    EXPECT_EQ(life.found.damage[0].stretch.from, Seq{2});
    EXPECT_EQ(life.found.damage[0].stretch.end, Seq{3});
}

TEST(Recovery, WhatAFailedSyncLeftBehindIsOnTheDiskOnceItWasFound) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        MemoryFileSystem files;
        StandingClock clock;
        {
            CutPoint cut;
            CutFolder folder{files, cut};
            Life life{folder, clock};
            life.append({"one"});
            life.write();
            files.set_faults({.syncs_to_fail = 1});
            cut.left = 2;  // Killed behind the write and its failed sync.
            life.append({"two"});
            life.write();
            files.set_faults({});
        }
        std::set<std::string> found;
        {
            Life life{files, clock};
            found = life.content().payloads();
        }
        ASSERT_TRUE(found.contains("two"));
        Random random{seed};
        files.power_cut(random);
        Life life{files, clock};
        ASSERT_EQ(life.content().payloads(), found);
    }
}

TEST(Recovery, TheFolderOfDamageHasABound) {
    Folder folder = stopped_log(30);
    for (auto& [name, bytes] : folder)
        bytes[kSegmentHeaderBytes + kBlockHeaderBytes + 20] ^= std::byte{1};
    MemoryFileSystem files;
    MemoryFileSystem damaged;
    put(files, folder);
    put(damaged, {{"older", ByteBuffer(100)}, {"older.tmp", ByteBuffer(1'000)}});
    RecoveryOptions options = kOurs;
    options.damaged_bytes_max = 150;
    for (int start = 0; start < 3; ++start) {
        const auto found = recover(files, damaged, options);
        ASSERT_TRUE(found.has_value());
        ASSERT_GT(found->damage.size(), 2U);
        std::size_t bytes = 0;
        for (const auto& [name, content] : folder_of(damaged)) bytes += content.size();
        EXPECT_GT(bytes, 100U);
        EXPECT_LE(bytes, 150U);
    }
}

}  // namespace
}  // namespace firehose::log
