// SPDX-License-Identifier: Apache-2.0
// Goal:   after any stop the log has what was durable, names what is damaged, and never gives a
//         seq twice; damage costs no more than its record, its block's records or its frame.
// Method: logs written by SegmentLog to files in memory, then: cut at every byte, every bit of
//         them flipped in turn, files removed; hundreds of power cuts under a seed, some of them
//         during a recovery; what was found is read back through a SegmentLog.
#include "log/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "log/file_io.h"
#include "log/gap.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/recovery_test_support.h"
#include "log/segment_log.h"

namespace firehose::log {
namespace {

using namespace recovery_test;  // NOLINT: what these tests share.

/// What is found in the folder, read back.
[[nodiscard]] Content content_of(const Folder& folder, Recovered* what = nullptr) {
    MemoryFileSystem files;
    StandingClock clock;
    put(files, folder);
    Life life{files, clock};
    if (life.log == nullptr) return {};
    Content content = life.content();
    if (what != nullptr) {
        *what = std::move(life.found);
        what->log.next_seq = life.next_seq;
        what->log.end_seq = life.end_seq;
    }
    return content;
}

[[nodiscard]] bool covers(const std::vector<Damage>& damage, std::uint64_t seq) {
    return std::any_of(damage.begin(), damage.end(), [&](const Damage& d) {
        return number(d.stretch.from) <= seq && seq < number(d.stretch.end);
    });
}
[[nodiscard]] bool covers(const std::vector<Gap>& gaps, std::uint64_t seq) {
    return std::any_of(gaps.begin(), gaps.end(),
                       [&](const Gap& g) { return number(g.from) <= seq && seq <= number(g.to); });
}

/// Blocks of two, one and three records, in one segment.
[[nodiscard]] Folder small_log(bool is_stopped) {
    MemoryFileSystem files;
    StandingClock clock;
    Life life{files, clock};
    for (const auto& payloads : std::vector<std::vector<std::string>>{
             {"one", "two"}, {"three"}, {"four", "five", "six"}}) {
        life.append(payloads);
        life.write();
    }
    if (is_stopped) life.stop();
    return folder_of(files);
}

TEST(Recovery, ANewFolderBeginsAtOne) {
    Recovered what;
    EXPECT_TRUE(content_of({}, &what).records.empty());
    EXPECT_TRUE(what.was_clean);
    EXPECT_EQ(what.log.next_seq, Seq{1});
}

TEST(Recovery, ACleanStopGoesOnWithTheNextSeq) {
    Recovered what;
    const Content content = content_of(small_log(true), &what);
    EXPECT_TRUE(what.was_clean);
    EXPECT_EQ(what.log.next_seq, Seq{7});
    EXPECT_EQ(content.records.size(), 6u);
    EXPECT_TRUE(content.gaps.empty());
    EXPECT_TRUE(what.damage.empty());
}

TEST(Recovery, AKillGoesOnAtTheReservationAfterAGap) {
    Recovered what;
    const Content content = content_of(small_log(false), &what);
    EXPECT_FALSE(what.was_clean);
    EXPECT_GE(number(what.log.next_seq), kReservedMin);
    EXPECT_EQ(content.records.size(), 6u);
    ASSERT_EQ(content.gaps.size(), 1u);
    EXPECT_EQ(content.gaps[0].from, Seq{7});
    EXPECT_EQ(content.gaps[0].to, Seq{number(what.log.next_seq) - 1});
    EXPECT_EQ(content.gaps[0].reason, GapReason::crash);
    EXPECT_TRUE(what.damage.empty());
}

TEST(Recovery, AKillBeforeTheFirstRecordLosesNoReservation) {
    MemoryFileSystem files;
    StandingClock clock;
    Seq first{};
    { first = Life{files, clock}.next_seq; }
    Life second{files, clock};
    EXPECT_EQ(first, Seq{1});
    EXPECT_GT(second.next_seq, first);
    second.append({"a"});
    second.write();
    EXPECT_EQ(second.content().payloads(), std::set<std::string>{"a"});
}

TEST(Recovery, ALogCutAtEveryByteKeepsEveryWholeRecord) {
    const Folder whole = small_log(false);
    const auto& [name, bytes] = *whole.begin();
    // Where records end in the file, in order.
    std::vector<std::size_t> ends;
    for (const char* payload : {"one", "two", "three", "four", "five", "six"}) {
        const std::string_view text = payload;
        const auto at = std::search(
            bytes.begin() + (ends.empty() ? 0 : static_cast<std::ptrdiff_t>(ends.back())),
            bytes.end(), as_bytes(text).begin(), as_bytes(text).end());
        ASSERT_NE(at, bytes.end());
        ends.push_back(static_cast<std::size_t>(at - bytes.begin()) + text.size());
    }
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        SCOPED_TRACE("cut at " + std::to_string(cut));
        Recovered what;
        const Content content = content_of(
            {{name, ByteBuffer{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut)}}},
            &what);
        const auto whole_records =
            std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= cut; });
        // Some bytes of a record may follow its payload.
        ASSERT_GE(static_cast<std::ptrdiff_t>(content.records.size()) + 1, whole_records);
        ASSERT_LE(static_cast<std::ptrdiff_t>(content.records.size()), whole_records);
        std::uint64_t seq = 0;
        for (const auto& [at, payload] : content.records) ASSERT_EQ(at, ++seq);
        ASSERT_TRUE(what.damage.empty());
        if (cut >= kSegmentHeaderBytes) {
            ASSERT_GE(number(what.log.next_seq), kReservedMin);
        }
    }
}

/// What of a plain segment may be lost when the byte at `offset` is hit: seqs from, to.
struct Reach {
    std::uint64_t from = 1;
    std::uint64_t to = 0;
};

/// By walking over the intact file: headers and records.
class Layout {
public:
    explicit Layout(const ByteBuffer& bytes) : header_(*decode_segment_header(bytes)) {
        std::uint64_t at = kSegmentHeaderBytes;
        while (at + kBlockHeaderBytes <= bytes.size()) {
            const auto header = decode_block_header(ByteSpan{bytes}.subspan(at), header_.salt, at);
            if (!header) break;
            const std::uint64_t first = number(header->first_seq);
            reach_.push_back(
                {at + kBlockHeaderBytes, {.from = first, .to = first + header->count - 1}});
            at += kBlockHeaderBytes;
            for (std::uint64_t i = 0; i < header->count; ++i) {
                std::size_t size = 0;
                if (!decode_record(ByteSpan{bytes}.subspan(at), size)) size = 0;
                at += size;
                reach_.push_back({at, {.from = first + i, .to = first + i}});
            }
        }
        end_ = at;
    }
    [[nodiscard]] Reach of(std::uint64_t offset) const {
        if (offset < kSegmentHeaderBytes) return {};
        for (const auto& [end, reach] : reach_) {
            if (offset < end) return reach;
        }
        return {};
    }
    [[nodiscard]] std::uint64_t end() const { return end_; }

private:
    SegmentHeader header_;
    std::vector<std::pair<std::uint64_t, Reach>> reach_;
    std::uint64_t end_ = 0;
};

constexpr int kParts = 32;  // Each under 50 ms.

class EveryBit : public ::testing::TestWithParam<int> {};

TEST_P(EveryBit, FlippedCostsItsRecordOrItsBlockAndIsNamed) {
    const Folder whole = small_log(true);
    ASSERT_EQ(whole.size(), 1u);
    const auto& [name, bytes] = *whole.begin();
    const Layout layout{bytes};
    const Content all = content_of(whole);
    ASSERT_EQ(all.records.size(), 6u);
    const auto step = static_cast<std::size_t>(kParts);
    for (std::size_t bit = static_cast<std::size_t>(GetParam()); bit < layout.end() * 8;
         bit += step) {
        SCOPED_TRACE("bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8));
        Folder damaged = whole;
        damaged[name][bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        Recovered what;
        const Content content = content_of(damaged, &what);
        const Reach reach = layout.of(bit / 8);
        for (const auto& [seq, payload] : all.records) {
            const auto found = content.records.find(seq);
            if (found != content.records.end()) {
                ASSERT_EQ(found->second, payload);
                continue;
            }
            ASSERT_TRUE(reach.from <= seq && seq <= reach.to) << "lost " << seq;
            ASSERT_TRUE(covers(what.damage, seq)) << "not named " << seq;
            ASSERT_TRUE(covers(content.gaps, seq)) << "no gap for " << seq;
        }
        ASSERT_GE(number(what.log.next_seq), 7u);
    }
}

INSTANTIATE_TEST_SUITE_P(Recovery, EveryBit, ::testing::Range(0, kParts));

/// A sealed segment and a plain one after it.
[[nodiscard]] Folder sealed_and_plain() {
    MemoryFileSystem files;
    StandingClock clock;
    SegmentLogOptions options = on_disk();
    options.segment_bytes = 1'000;
    Life life{files, clock, options};
    for (int i = 0; i < 16; ++i) {
        life.append({"payload " + std::to_string(i)});
        life.write();
    }
    while (life.log->seal_step()) continue;
    life.stop();
    return folder_of(files);
}

class SealedDamage : public ::testing::TestWithParam<int> {};

TEST_P(SealedDamage, CostsAFrameAtMostAndNoOtherSegment) {
    const Folder whole = sealed_and_plain();
    const auto sealed = std::find_if(whole.begin(), whole.end(), [](const auto& file) {
        return file.first.ends_with(".sealed");
    });
    ASSERT_NE(sealed, whole.end());
    const Content all = content_of(whole);
    ASSERT_EQ(all.records.size(), 16u);
    const Content in_sealed = content_of({*sealed});
    const auto step = static_cast<std::size_t>(kParts);
    for (std::size_t bit = static_cast<std::size_t>(GetParam()); bit < sealed->second.size() * 8;
         bit += step) {
        SCOPED_TRACE("bit " + std::to_string(bit));
        Folder damaged = whole;
        damaged[sealed->first][bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        Recovered what;
        const Content content = content_of(damaged, &what);
        for (const auto& [seq, payload] : all.records) {
            const auto found = content.records.find(seq);
            if (found != content.records.end()) {
                ASSERT_EQ(found->second, payload);
                continue;
            }
            ASSERT_TRUE(in_sealed.records.contains(seq)) << "lost " << seq;
            ASSERT_TRUE(covers(content.gaps, seq)) << "no gap for " << seq;
        }
        ASSERT_TRUE(what.was_clean);
    }
}

INSTANTIATE_TEST_SUITE_P(Recovery, SealedDamage, ::testing::Range(0, kParts));

TEST(Recovery, ASealedFileThatIsNotWholeLeavesThePlainOne) {
    Folder plain;
    {
        MemoryFileSystem files;
        StandingClock clock;
        SegmentLogOptions options = on_disk();
        options.segment_bytes = 1'000;
        Life life{files, clock, options};
        for (int i = 0; i < 16; ++i) {
            life.append({"payload " + std::to_string(i)});
            life.write();
        }
        life.stop();
        plain = folder_of(files);
    }
    const Folder sealed = sealed_and_plain();
    const auto& [name, bytes] = *std::find_if(sealed.begin(), sealed.end(), [](const auto& file) {
        return file.first.ends_with(".sealed");
    });
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 7) {
        SCOPED_TRACE("cut at " + std::to_string(cut));
        Folder both = plain;
        both[name] = ByteBuffer{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut)};
        both[name + ".tmp"] = ByteBuffer(10);
        MemoryFileSystem files;
        put(files, both);
        StandingClock clock;
        Life life{files, clock};
        ASSERT_EQ(life.content().records.size(), 16u);
        ASSERT_TRUE(life.found.damage.empty());
        ASSERT_FALSE(files.number_of(name + ".tmp").has_value());
        // One of the two stays.
        const std::string plain_name = segment_name(1, false);
        ASSERT_NE(files.number_of(name).has_value(), files.number_of(plain_name).has_value());
    }
}

TEST(Recovery, AMissingSegmentIsNamed) {
    MemoryFileSystem files;
    StandingClock clock;
    SegmentLogOptions options = on_disk();
    options.segment_bytes = 1'000;
    {
        Life life{files, clock, options};
        for (int i = 0; i < 30; ++i) {
            life.append({"payload " + std::to_string(i)});
            life.write();
        }
        life.stop();
    }
    Folder folder = folder_of(files);
    ASSERT_GE(folder.size(), 3u);
    folder.erase(segment_name(2, false));
    Recovered what;
    const Content content = content_of(folder, &what);
    ASSERT_EQ(what.damage.size(), 1u);
    EXPECT_EQ(what.damage[0].file, segment_name(2, false));
    for (std::uint64_t seq = 1; seq <= 30; ++seq) {
        if (content.records.contains(seq)) continue;
        EXPECT_TRUE(covers(what.damage, seq));
        EXPECT_TRUE(covers(content.gaps, seq)) << seq;
    }
    EXPECT_TRUE(what.was_clean);
}

TEST(Recovery, ASegmentWithoutAnythingToFindIsNamedAndItsSeqsAreNotGivenAgain) {
    Folder folder = small_log(false);
    auto& [name, bytes] = *folder.begin();
    std::fill(bytes.begin(), bytes.begin() + 400, std::byte{0x5A});
    Recovered what;
    const Content content = content_of(folder, &what);
    EXPECT_TRUE(content.records.empty());
    ASSERT_EQ(what.damage.size(), 1u);
    EXPECT_EQ(what.damage[0].file, name);
    EXPECT_FALSE(what.damage[0].kept_as.empty());
    EXPECT_GE(number(what.log.next_seq), kReservedMin);
}

TEST(Recovery, SegmentsOfAnotherLogAndOfANewerFormatAreRefused) {
    Folder folder = small_log(true);
    auto& [name, bytes] = *folder.begin();
    {
        MemoryFileSystem files;
        MemoryFileSystem damaged;
        put(files, folder);
        const auto found = recover(files, damaged, {.log_id = 10});
        ASSERT_FALSE(found.has_value());
        EXPECT_EQ(found.error().file, name);
        EXPECT_THAT(found.error().problem, ::testing::HasSubstr("another log"));
    }
}

TEST(Recovery, DamageIsKeptAsideOnce) {
    Folder folder = small_log(true);
    auto& [name, bytes] = *folder.begin();
    bytes[kSegmentHeaderBytes + kBlockHeaderBytes + 20] ^= std::byte{1};
    MemoryFileSystem files;
    MemoryFileSystem damaged;
    put(files, folder);
    for (const bool is_first : {true, false}) {
        const auto found = recover(files, damaged, kOurs);
        ASSERT_TRUE(found.has_value());
        ASSERT_EQ(found->damage.size(), 1u);
        EXPECT_EQ(found->damage[0].is_new, is_first);
        EXPECT_EQ(found->damage[0].stretch.from, Seq{1});
        EXPECT_EQ(found->damage[0].stretch.end, Seq{2});
        const auto copy = damaged.number_of(found->damage[0].kept_as);
        ASSERT_TRUE(copy.has_value());
        EXPECT_EQ(damaged.contents(*copy).size(), found->damage[0].stretch.bytes);
    }
}

TEST(Recovery, RoomOfASegmentIsNoDamageAndNoUnfinishedRoomStays) {
    for (const bool is_clean : {false, true}) {
        MemoryFileSystem files;
        StandingClock clock;
        SegmentLogOptions options = on_disk();
        options.makes_room = true;
        options.segment_bytes = 4'000;
        {
            Life life{files, clock, options};
            while (life.log->room_step()) continue;
            for (int i = 0; i < 5; ++i) {
                life.append({"payload " + std::to_string(i)});
                life.write();
            }
            // The first segment had no room; the second has.
            EXPECT_EQ(files.contents(*files.number_of(segment_name(2, false))).size(), 4'000u);
            while (life.log->room_step()) continue;
            if (is_clean) life.stop();
        }
        Life life{files, clock, options};
        EXPECT_EQ(life.found.was_clean, is_clean);
        EXPECT_TRUE(life.found.damage.empty());
        EXPECT_EQ(life.content().records.size(), 5u);
        EXPECT_LT(files.contents(*files.number_of(segment_name(2, false))).size(), 1'000u);
    }
}

TEST(Recovery, BlocksThatWereWrittenAgainAfterAFailedSyncAreReadOnce) {
    MemoryFileSystem files;
    StandingClock clock;
    {
        Life life{files, clock};
        life.append({"one"});
        life.write();
        files.set_faults({.syncs_to_fail = 1});
        life.append({"two"});
        life.write();
        files.set_faults({});
        clock.monotonic_now.since_start += SegmentLog::kRetryDelayMax;
        life.write();
        life.append({"three"});
        life.write();
    }
    Recovered what;
    const Content content = content_of(folder_of(files), &what);
    EXPECT_EQ(content.payloads(), (std::set<std::string>{"one", "two", "three"}));
    EXPECT_EQ(content.records.size(), 3u);
    EXPECT_TRUE(what.damage.empty());
}

TEST(Recovery, ABlockThatWasGivenUpDoesNotComeBackWhenTheNextSegmentIsGone) {
    MemoryFileSystem files;
    StandingClock clock;
    {
        Life life{files, clock};
        for (const char* payload : {"one", "two"}) {
            life.append({payload});
            life.write();
        }
    }
    // "two" was to be written into a second segment, which got no further than its header.
    const SegmentHeader next{.salt = 5,
                             .first_seq = Seq{2},
                             .seq_limit = Seq{1} + 2 * kReserved,
                             .number = 2,
                             .log_id = kOurs.log_id};
    const auto header = encode(next);
    put(files, {{segment_name(2, false), ByteBuffer{header.begin(), header.end()}}});
    for (int start = 0; start < 3; ++start) {
        SCOPED_TRACE(start);
        Life life{files, clock};
        life.append({"start " + std::to_string(start)});
        life.write();
        const Content content = life.content();
        EXPECT_EQ(content.records.count(1), 1u);
        EXPECT_EQ(content.records.count(2), 0u);
        EXPECT_EQ(content.records.size(), 2u + static_cast<std::size_t>(start));
    }
}

TEST(Recovery, AnEndThatAPowerCutBringsBackDoesNotCount) {
    MemoryFileSystem files;
    StandingClock clock;
    {
        Life life{files, clock};
        for (const char* payload : {"one", "two"}) {
            life.append({payload});
            life.write();
        }
    }
    const Folder whole = folder_of(files);
    // As if "two" had never become durable: its file was cut, and the log went on after a crash.
    const std::string first = segment_name(1, false);
    const std::size_t one =
        kSegmentHeaderBytes + (whole.at(first).size() - kSegmentHeaderBytes) / 2;
    files.cut_at(*files.number_of(first), one);
    {
        Life life{files, clock};
        life.append({"three"});
        life.write();
    }
    // The cut itself was not durable.
    const auto file = files.open(first);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE(write_all(**file, 0, ByteSpan{whole.at(first)}).has_value());
    const Content content = content_of(folder_of(files));
    EXPECT_EQ(content.payloads(), (std::set<std::string>{"one", "three"}));
    EXPECT_EQ(content.records.count(2), 0u);
}

/// Lives under a seed, with power cuts and kills at any moment, recoveries cut off, failing disks.
class ManyLives : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ManyLives, LoseNothingDurableAndGiveNoSeqTwice) {
    Random random{GetParam()};
    MemoryFileSystem files;
    StandingClock clock;
    SegmentLogOptions options = on_disk();
    options.segment_bytes = 2'000;
    std::map<std::string, std::uint64_t> durable;  // Payload to seq.
    std::uint64_t given_end = 1;                   // Past every seq that was ever given.
    int count = 0;
    for (int life_number = 0; life_number < 8; ++life_number) {
        SCOPED_TRACE("life " + std::to_string(life_number));
        options.seed = random.next();
        options.makes_room = random.chance(50);
        Life life{files, clock, options};
        ASSERT_NE(life.log, nullptr);
        ASSERT_TRUE(life.found.damage.empty())
            << life.found.damage[0].file << " " << life.found.damage[0].stretch.offset << " "
            << life.found.damage[0].stretch.bytes << " "
            << number(life.found.damage[0].stretch.from) << " "
            << number(life.found.damage[0].stretch.end);
        ASSERT_GE(number(life.next_seq), given_end);
        const Content content = life.content();
        const std::set<std::string> payloads = content.payloads();
        for (const auto& [payload, seq] : durable) {
            ASSERT_TRUE(payloads.contains(payload)) << payload;
            ASSERT_EQ(content.records.at(seq), payload);
        }
        // What was found is durable from now on.
        for (const auto& [seq, payload] : content.records) durable[payload] = seq;
        if (random.chance(20)) {  // The power goes again before anything was done.
            life.log.reset();
            files.power_cut(random);
            continue;
        }
        std::map<std::uint64_t, std::vector<std::string>> by_ticket;
        std::map<std::uint64_t, std::uint64_t> placed;
        std::uint64_t ticket = 0;
        for (std::uint64_t step = random.below(60); step > 0; --step) {
            if (random.chance(60)) {
                std::vector<std::string> block(1 + random.below(3));
                for (std::string& payload : block) {
                    payload = std::to_string(++count) + std::string(random.below(200), 'x');
                }
                by_ticket[++ticket] = block;
                life.append(block);
                given_end = number(life.log->end());
            }
            if (random.chance(5)) files.set_faults({.syncs_to_fail = 1 + random.below(3)});
            if (random.chance(50)) static_cast<void>(life.log->write_step());
            if (random.chance(20)) static_cast<void>(life.log->seal_step());
            if (random.chance(30)) static_cast<void>(life.log->room_step());
            clock.monotonic_now.since_start += SegmentLog::kRetryDelay;
            std::vector<Outcome> outcomes;
            life.log->take_outcomes(life.appender, outcomes);
            for (const Outcome& outcome : outcomes) {
                const auto which = static_cast<std::uint64_t>(outcome.ticket);
                if (outcome.kind == Outcome::Kind::placed) {
                    placed[which] = number(outcome.first_seq);
                }
                if (outcome.kind != Outcome::Kind::durable) continue;
                for (std::size_t i = 0; i < by_ticket[which].size(); ++i) {
                    durable[by_ticket[which][i]] = placed[which] + i;
                }
            }
        }
        files.set_faults({});
        const bool is_clean = random.chance(30);
        if (is_clean) {
            clock.monotonic_now.since_start += SegmentLog::kRetryDelayMax;
            life.stop();
        }
        life.log.reset();
        if (random.chance(60)) files.power_cut(random);
    }
}

INSTANTIATE_TEST_SUITE_P(Recovery, ManyLives, ::testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace firehose::log
