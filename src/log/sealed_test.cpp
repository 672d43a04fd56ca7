// SPDX-License-Identifier: Apache-2.0
// Goal:   a sealed segment gives back what was sealed, byte for byte, and its index tells where;
//         damage costs the frame that it hit, and names its seqs.
// Method: small segments in memory with small frames; every byte flipped, every cut; a round trip
//         against the plain reader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/assert.h"
#include "log/gap.h"
#include "log/log_test_support.h"
#include "log/sealed_test_support.h"

namespace firehose::log {

Content content_of(const std::vector<BlockRef>& blocks) {
    Content content;
    for (const BlockRef& block : blocks) {
        content.times.push_back(block->time().since_epoch.count());
        for (std::size_t i = 0; i < block->count(); ++i) {
            const std::uint64_t seq = number(block->first_seq()) + i;
            if (const auto gap = gap_of(block->record(i))) {
                for (auto s = number(gap->from); s <= number(gap->to); ++s) content.gaps.insert(s);
            } else {
                content.records.emplace_back(seq, as_text(block->record_bytes(i)));
            }
        }
    }
    return content;
}

namespace {

using testing::ElementsAre;

/// Blocks of one to three records; seq 20 to 29 are a hole; a control record among them.
[[nodiscard]] std::vector<BlockRef> some_blocks(std::uint64_t count) {
    std::vector<BlockRef> blocks;
    std::uint64_t seq = 5;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i == 3) seq = 30;
        std::vector<TestRecord> records;
        for (std::uint64_t k = 0; k <= i % 3; ++k) {
            records.push_back({"t/" + std::to_string(i), "payload " + std::to_string(seq + k)});
        }
        if (i == 1) records.back() = {"", "state", RecordKind::subscribed};
        blocks.push_back(placed_block(
            Seq{seq}, {Microseconds{static_cast<std::int64_t>(1'000 + 10 * i)}}, records));
        seq += records.size();
    }
    return blocks;
}

struct Rig {
    explicit Rig(std::uint64_t count = 12) : blocks(some_blocks(count)) {}

    MemoryFileSystem files;
    std::vector<BlockRef> blocks;
    PlainSegment plain = plain_segment(files, blocks);
    std::unique_ptr<File> sealed = sealed_of(files, plain, 200);
    Content content = content_of(blocks);
};
constexpr std::size_t kSealed = 1;  // Its number among the rig's files.

[[nodiscard]] SealedFile opened(File& file) {
    auto segment = SealedFile::open(file);
    FH_ASSERT(segment.has_value());
    return *segment;
}

[[nodiscard]] Content all_of(File& file) {
    return content_of(read_sealed(file, opened(file), Seq{0}, SIZE_MAX).blocks);
}

TEST(SealedSegment, GivesBackTheSameBytesSeqsAndTimes) {
    Rig rig;
    const SealedFile segment = opened(*rig.sealed);
    EXPECT_TRUE(segment.is_whole());
    EXPECT_EQ(segment.header().first_seq, Seq{5});
    EXPECT_EQ(segment.header().end_seq, rig.blocks.back()->end_seq());
    EXPECT_EQ(segment.header().number, 7u);
    EXPECT_EQ(segment.header().log_id, 99u);
    EXPECT_EQ(segment.header().salt, rig.plain.header.salt);
    EXPECT_EQ(segment.header().seq_limit, rig.plain.header.seq_limit);
    EXPECT_EQ(segment.header().first_time, WallTime{Microseconds{1'000}});
    EXPECT_EQ(segment.header().last_time, WallTime{Microseconds{1'110}});
    EXPECT_EQ(segment.header().records, rig.content.records.size());
    EXPECT_GT(segment.index()->frames, 3u);

    const SegmentRead read = read_sealed(*rig.sealed, segment, Seq{0}, SIZE_MAX);
    EXPECT_EQ(read.read_errors + read.records_damaged, 0u);
    const Content content = content_of(read.blocks);
    EXPECT_EQ(content.records, rig.content.records);
    EXPECT_EQ(content.times, rig.content.times);
    EXPECT_TRUE(content.gaps.empty());
}

TEST(SealedSegment, ReadsFromAnySeqAsThePlainOneDoes) {
    Rig rig;
    const SealedFile segment = opened(*rig.sealed);
    for (std::uint64_t from = 0; from < 50; ++from) {
        for (const std::size_t bytes_max : {std::size_t{1}, std::size_t{100}, SIZE_MAX}) {
            const auto plain =
                read_segment(*rig.plain.file, rig.plain.stretch, Seq{from}, bytes_max);
            const auto sealed = read_sealed(*rig.sealed, segment, Seq{from}, bytes_max);
            EXPECT_EQ(content_of(sealed.blocks).records, content_of(plain.blocks).records) << from;
        }
    }
}

TEST(SealedSegment, FindsTheFrameOfASeqAndOfATime) {
    Rig rig;
    const SealedFrames table = read_frames(*rig.sealed, opened(*rig.sealed));
    ASSERT_GT(table.frames.size(), 3u);
    EXPECT_FALSE(table.is_rebuilt);
    EXPECT_EQ(table.frame_of(Seq{0}), 0u);
    EXPECT_EQ(table.frame_at(WallTime{Microseconds{0}}), 0u);
    for (std::size_t i = 0; i < table.frames.size(); ++i) {
        const Frame& frame = table.frames[i];
        EXPECT_EQ(table.frame_of(frame.first_seq), i);
        EXPECT_EQ(table.frame_of(Seq{number(frame.end_seq) - 1}), i);
        EXPECT_EQ(table.frame_at(frame.first_time), i);
        EXPECT_EQ(table.frame_at(frame.last_time), i);
    }
    EXPECT_EQ(table.frame_of(rig.blocks.back()->end_seq()), table.frames.size());
    EXPECT_EQ(table.frame_at(WallTime{Microseconds{1'111}}), table.frames.size());
}

TEST(SealedSegment, KnowsWhichFramesHoldATopic) {
    Rig rig;
    const SealedFile segment = opened(*rig.sealed);
    const SealedFrames table = read_frames(*rig.sealed, segment);
    for (const BlockRef& block : rig.blocks) {
        const std::string topic{block->record(0).topic};
        const auto wanted =
            frames_wanted(read_topics(*rig.sealed, segment), segment, table, PrefixInterest{topic});
        for (std::size_t i = 0; i < table.frames.size(); ++i) {
            bool holds = false;
            for (const BlockRef& other : read_frame(*rig.sealed, table.frames[i]).blocks) {
                for (std::size_t r = 0; r < other->count(); ++r) {
                    const std::string_view other_topic = other->record(r).topic;
                    holds = holds || other_topic.substr(0, topic.size()) == topic;
                }
            }
            EXPECT_EQ(wanted[i], holds) << topic << " frame " << i;
        }
    }
    const auto nothing =
        frames_wanted(read_topics(*rig.sealed, segment), segment, table, PrefixInterest{"other"});
    EXPECT_EQ(std::count(nothing.begin(), nothing.end(), true), 0);
}

TEST(SealedSegment, AFrameWithAGapRecordIsForEverybody) {
    MemoryFileSystem files;
    const GapPayload gap = encode(Gap{.from = Seq{2}, .to = Seq{9}, .reason = GapReason::crash});
    const std::vector<BlockRef> blocks{
        placed_block(Seq{1}, {Microseconds{1}}, {{"a", "1"}}),
        placed_block(Seq{9}, {Microseconds{2}}, {{"", std::string{as_text(gap)}, RecordKind::gap}}),
        placed_block(Seq{10}, {Microseconds{3}}, {{"a", "2"}})};
    PlainSegment plain = plain_segment(files, blocks);
    const auto sealed = sealed_of(files, plain, 1);  // A frame a block.
    const SealedFile segment = opened(*sealed);
    const SealedFrames table = read_frames(*sealed, segment);
    EXPECT_THAT(frames_wanted(read_topics(*sealed, segment), segment, table, PrefixInterest{"b"}),
                ElementsAre(false, true, false));
    EXPECT_EQ(all_of(*sealed).gaps.size(), 8u);
}

TEST(SealedSegment, AFlippedByteCostsItsFrameAtMostAndNamesIt) {
    Rig rig{5};
    const SealedFrames table = read_frames(*rig.sealed, opened(*rig.sealed));
    const std::uint64_t size = *rig.sealed->size();
    const std::uint64_t data_end = opened(*rig.sealed).index()->table_offset;
    for (std::uint64_t at = 0; at < size; ++at) {
        SCOPED_TRACE(at);
        rig.files.flip_byte(kSealed, at);
        std::set<std::uint64_t> may_lack;
        for (const Frame& frame : table.frames) {
            const std::uint64_t begin = frame.offset + kFrameHeaderBytes;
            if (at < begin || at >= begin + frame.stored_bytes) continue;
            for (auto s = number(frame.first_seq); s < number(frame.end_seq); ++s)
                may_lack.insert(s);
        }
        const Content content = all_of(*rig.sealed);
        EXPECT_EQ(content.gaps, may_lack);
        Content expected = rig.content;
        std::erase_if(expected.records, [&](const auto& r) { return may_lack.contains(r.first); });
        EXPECT_EQ(content.records, expected.records);
        const bool is_in_headers = at < kSegmentHeaderBytes || at >= size - kFooterBytes;
        EXPECT_EQ(opened(*rig.sealed).is_whole(), !is_in_headers);
        // The dictionary may only say too much.
        if (at >= data_end) {
            const SealedFile segment = opened(*rig.sealed);
            const SealedFrames frames = read_frames(*rig.sealed, segment);
            const auto wanted = frames_wanted(read_topics(*rig.sealed, segment), segment, frames,
                                              PrefixInterest{"t/4"});
            EXPECT_TRUE(wanted.back());
        }
        rig.files.flip_byte(kSealed, at);
    }
}

TEST(SealedSegment, CutAnywhereKeepsTheFramesBeforeAndNamesTheRest) {
    Rig rig{5};
    const SealedFrames table = read_frames(*rig.sealed, opened(*rig.sealed));
    const std::uint64_t size = *rig.sealed->size();
    for (std::uint64_t cut = size; cut-- > kSegmentHeaderBytes;) {
        SCOPED_TRACE(cut);
        rig.files.cut_at(kSealed, cut);
        EXPECT_FALSE(opened(*rig.sealed).is_whole());
        std::uint64_t end = 0;
        for (const Frame& frame : table.frames) {
            const bool is_in = frame.offset + kFrameHeaderBytes + frame.stored_bytes <= cut;
            if (is_in) end = number(frame.end_seq);
        }
        const Content content = all_of(*rig.sealed);
        Content expected = rig.content;
        std::erase_if(expected.records, [&](const auto& r) { return r.first >= end; });
        EXPECT_EQ(content.records, expected.records);
        for (const auto& [seq, bytes] : rig.content.records) {
            EXPECT_EQ(content.gaps.contains(seq), seq >= end) << seq;
        }
    }
    for (std::uint64_t cut = kSegmentHeaderBytes; cut-- > 0;) {
        rig.files.cut_at(kSealed, cut);
        EXPECT_EQ(SealedFile::open(*rig.sealed).error(), SealedProblem::no_header);
    }
}

TEST(SealedSegment, WithoutATableItIsFoundAgainUpToADamagedFrameHeader) {
    Rig rig;
    const SealedFrames table = read_frames(*rig.sealed, opened(*rig.sealed));
    rig.files.cut_at(kSealed, opened(*rig.sealed).index()->table_offset);
    for (std::size_t i = 0; i < table.frames.size(); ++i) {
        const Frame& hit = table.frames[i];
        rig.files.flip_byte(kSealed, hit.offset + 20);
        const SealedFrames found = read_frames(*rig.sealed, opened(*rig.sealed));
        EXPECT_TRUE(found.is_rebuilt);
        ASSERT_EQ(found.frames.size(), table.frames.size());
        for (std::size_t k = 0; k < table.frames.size(); ++k) {
            if (k == i) continue;
            EXPECT_EQ(found.frames[k], table.frames[k]);
        }
        EXPECT_TRUE(found.frames[i].is_lost());
        EXPECT_LE(found.frames[i].first_seq, hit.first_seq);
        EXPECT_GE(found.frames[i].end_seq, hit.end_seq);
        rig.files.flip_byte(kSealed, hit.offset + 20);
    }
}

TEST(SealedSegment, HoldsBlocksLargerThanAFrame) {
    MemoryFileSystem files;
    const std::vector<BlockRef> blocks{
        placed_block(Seq{1}, {Microseconds{1}}, {{"a", "small"}}),
        placed_block(Seq{2}, {Microseconds{2}}, {{"a", std::string(std::size_t{1} << 20, 'x')}}),
        placed_block(Seq{3}, {Microseconds{3}}, {{"a", "small"}})};
    PlainSegment plain = plain_segment(files, blocks);
    const auto sealed = sealed_of(files, plain);
    EXPECT_EQ(opened(*sealed).index()->frames, 3u);
    EXPECT_LT(opened(*sealed).file_bytes(), 4'096u);
    EXPECT_EQ(all_of(*sealed).records, content_of(blocks).records);
}

TEST(SealedSegment, AKeptHeaderOfAPlainOneIsNotTakenForIt) {
    Rig rig;
    EXPECT_EQ(SealedFile::open(*rig.plain.file).error(), SealedProblem::not_sealed);
}

TEST(Sealer, LeavesADamagedSegmentAlone) {
    Rig rig;
    for (std::uint64_t at = kSegmentHeaderBytes; at < *rig.plain.file->size(); at += 7) {
        rig.files.flip_byte(0, at);
        auto out = *rig.files.create_unlinked();
        Sealer sealer{*rig.plain.file, rig.plain.header, rig.plain.stretch, *out, 200};
        auto step = sealer.step();
        while (step && *step) step = sealer.step();
        ASSERT_FALSE(step) << at;
        EXPECT_EQ(step.error(), std::make_error_code(std::errc::bad_message));
        rig.files.flip_byte(0, at);
    }
}

TEST(Sealer, PassesOnWhatTheFilesSay) {
    Rig rig;
    const auto with = [&](const MemoryFaults& faults) {
        auto out = *rig.files.create_unlinked();
        rig.files.set_faults(faults);
        Sealer sealer{*rig.plain.file, rig.plain.header, rig.plain.stretch, *out, 200};
        auto step = sealer.step();
        while (step && *step) step = sealer.step();
        rig.files.set_faults({});
        return step ? std::error_code{} : step.error();
    };
    const auto io_error = std::make_error_code(std::errc::io_error);
    EXPECT_EQ(with({.writes_to_fail = 1}), io_error);
    EXPECT_EQ(with({.reads_to_fail = 1}), io_error);
    EXPECT_EQ(with({.syncs_to_fail = 1}), io_error);
    EXPECT_EQ(with({.write_bytes_max = 7, .read_bytes_max = 5}), std::error_code{});
}

}  // namespace
}  // namespace firehose::log
