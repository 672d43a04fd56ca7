// SPDX-License-Identifier: Apache-2.0
// Goal:   each message that matches is owed to one member of a group, in order, and what a member
//         leaves goes to the rest; a table that was packed goes on as if it had not been.
// Method: records folded by hand; the log's fold compared with itself over every cut.
#include "bus/share_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::bus {
namespace {

using mqtt::Qos;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PublisherId kA{1};
constexpr PublisherId kB{2};
constexpr PublisherId kC{3};

/// A log of its own, folded into one table or several.
class Story {
public:
    struct Line {
        PublisherId who{};
        std::optional<session::Control> control;
        std::string topic;
        Qos qos = Qos::at_least_once;
    };
    Story& joins(PublisherId who, std::string filter, bool is_durable = true,
                 Qos qos = Qos::exactly_once) {
        return adds(
            {.who = who, .control = session::GroupJoined{std::move(filter), qos, is_durable}});
    }
    Story& leaves(PublisherId who, std::string filter, Seq cursor, std::vector<Seq> owed = {}) {
        return adds({.who = who,
                     .control = session::GroupLeft{std::move(filter), cursor, std::move(owed)}});
    }
    Story& begins(PublisherId who, std::string filter, Seq seq) {
        return adds(
            {.who = who,
             .control = session::IdsAssigned{
                 .entries = {{.packet_id = 1, .seq = seq, .shared_filter = std::move(filter)}}}});
    }
    Story& starts() { return adds({.control = session::Epoch{}}); }
    Story& says(std::string topic, Qos qos = Qos::at_least_once) {
        return adds({.topic = std::move(topic), .qos = qos});
    }
    Story& adds(Line line) {
        lines_.push_back(std::move(line));
        return *this;
    }
    void tell(ShareTable& table, std::size_t from = 0, std::size_t to = SIZE_MAX) const {
        for (std::size_t i = from; i < std::min(to, lines_.size()); ++i) {
            const Line& line = lines_[i];
            ByteBuffer payload;
            log::Record record{.qos = static_cast<std::uint8_t>(line.qos), .topic = line.topic};
            if (line.control) {
                session::encode_control(*line.control, payload);
                record = {.kind = session::kind_of(*line.control),
                          .payload = payload,
                          .publisher = line.who};
            }
            std::vector<PublisherId> given;
            table.fold(seq(i), record, false, given);
        }
    }
    [[nodiscard]] static Seq seq(std::size_t line) { return Seq{100 + line}; }
    [[nodiscard]] std::size_t size() const { return lines_.size(); }

private:
    std::vector<Line> lines_;
};

/// What a member is given, as line numbers; taken off the table.
std::vector<std::uint64_t> drain(ShareTable& table, PublisherId member) {
    std::vector<std::uint64_t> lines;
    while (const ShareTable::Share* share = table.next_of(member)) {
        lines.push_back(number(share->seq) - 100);
        table.take_next(member, false);
    }
    return lines;
}

TEST(ShareTable, GoesRoundTheMembersInTheOrderInWhichTheyJoined) {
    ShareTable table{10};
    Story story;
    story.says("t").joins(kB, "$share/g/t").says("t").joins(kA, "$share/g/#");
    story.joins(kA, "$share/g/t").says("t").says("t").says("other").says("$t").tell(table);
    EXPECT_THAT(drain(table, kB), ElementsAre(2U, 5U));
    EXPECT_THAT(drain(table, kA), ElementsAre(5U, 6U, 6U, 7U));  // Two groups: `#` and `t`.
}

TEST(ShareTable, GroupsWithTheSameNameAndAnotherFilterAreApart) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/h/t").joins(kC, "$share/g/+").says("t");
    story.tell(table);
    EXPECT_THAT(drain(table, kA), ElementsAre(3U));
    EXPECT_THAT(drain(table, kB), ElementsAre(3U));
    EXPECT_THAT(drain(table, kC), ElementsAre(3U));
}

TEST(ShareTable, WhatALeaverHadGoesToTheRest) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/g/t").joins(kC, "$share/g/t");
    for (int i = 0; i < 6; ++i) story.says("t");  // 3 to 8: A B C A B C.
    // A acknowledged nothing but had begun with 3; it did not know of 6 yet.
    story.leaves(kA, "$share/g/t", Story::seq(6), {Story::seq(3)}).says("t").tell(table);
    EXPECT_THAT(drain(table, kA), IsEmpty());
    EXPECT_THAT(drain(table, kB), ElementsAre(4U, 7U, 3U, 10U));
    EXPECT_THAT(drain(table, kC), ElementsAre(5U, 8U, 6U));
    EXPECT_EQ(table.lost(), 0U);
}

TEST(ShareTable, TheLastLeaverTakesItsDueWithIt) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").says("t").leaves(kA, "$share/g/t", Seq{}).says("t").tell(table);
    EXPECT_TRUE(table.is_idle(Story::seq(9)));
    EXPECT_EQ(table.lost(), 1U);
}

TEST(ShareTable, OneThatIsFullIsPassedOver) {
    ShareTable table{2};
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/g/t");
    for (int i = 0; i < 5; ++i) story.says("t");  // 2 to 6.
    story.tell(table, 0, 4);
    EXPECT_THAT(drain(table, kB), ElementsAre(3U));
    story.tell(table, 4);
    EXPECT_THAT(drain(table, kA), ElementsAre(2U, 4U));
    EXPECT_THAT(drain(table, kB), ElementsAre(5U, 6U));
    EXPECT_EQ(table.lost(), 0U);
}

TEST(ShareTable, WhatIsUnderWayIsRememberedUntilItsRecord) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").says("t").says("t").tell(table);
    table.take_next(kA, true);
    EXPECT_EQ(table.needed_from(), Story::seq(1));
    EXPECT_EQ(table.next_of(kA)->seq, Story::seq(2));
    story.begins(kA, "$share/g/t", Story::seq(1)).tell(table, 3);
    EXPECT_EQ(table.needed_from(), Story::seq(2));
    table.take_next(kA, true);
    table.forget(kA, Story::seq(2));
    EXPECT_EQ(table.needed_from(), std::nullopt);
}

TEST(ShareTable, AStartDropsMembersWithoutADurableSession) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/g/t", false).joins(kC, "$share/h/t", false);
    story.says("t").says("t").says("t", Qos::at_most_once).starts().says("t").tell(table);
    table.forget_qos_0();
    EXPECT_FALSE(table.is_member(kB, "$share/g/t"));
    EXPECT_THAT(drain(table, kB), IsEmpty());
    EXPECT_THAT(drain(table, kA), ElementsAre(3U, 7U));
}

TEST(ShareTable, QosOneOfAVolatileMemberIsGivenAgainAtAStart) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/g/t", false, Qos::at_least_once);
    story.says("t").says("t").starts().tell(table);
    EXPECT_THAT(drain(table, kA), ElementsAre(2U, 3U));
}

TEST(ShareTable, GoesOnFromWhereverItWasPacked) {
    Story story;
    story.joins(kA, "$share/g/t").joins(kB, "$share/g/#", false).joins(kC, "$share/g/t");
    for (int i = 0; i < 4; ++i) story.says("t").says("u");
    story.begins(kA, "$share/g/t", Story::seq(3)).says("t");
    story.leaves(kC, "$share/g/t", Story::seq(8), {Story::seq(5)}).says("t").says("t");
    ShareTable whole{10};
    story.tell(whole);
    const ByteBuffer expected = whole.pack(Story::seq(story.size()));
    for (std::size_t cut = 0; cut <= story.size(); ++cut) {
        ShareTable before{10};
        story.tell(before, 0, cut);
        const ByteBuffer packed = before.pack(Story::seq(cut));
        ShareTable after{10};
        if (!packed.empty()) {
            ASSERT_TRUE(after.unpack(packed));
        }
        story.tell(after);  // What is below true_for is ignored; before the first joins, nothing.
        for (const PublisherId member : {kA, kB, kC}) {
            ShareTable again{10};
            ASSERT_TRUE(again.unpack(after.pack(Story::seq(story.size()))));
            ShareTable wanted{10};
            ASSERT_TRUE(wanted.unpack(expected));
            EXPECT_EQ(drain(again, member), drain(wanted, member)) << "cut at " << cut;
        }
    }
}

TEST(ShareTable, UnpacksNothingThatIsDamaged) {
    ShareTable table{10};
    Story story;
    story.joins(kA, "$share/g/t").says("t").tell(table);
    const ByteBuffer packed = table.pack(Story::seq(2));
    for (std::size_t i = 0; i < packed.size(); ++i) {
        ByteBuffer damaged = packed;
        damaged[i] ^= std::byte{1};
        ShareTable empty{10};
        EXPECT_FALSE(empty.unpack(damaged));
        EXPECT_TRUE(empty.memberships().empty());
        EXPECT_FALSE(empty.unpack(ByteSpan{packed}.first(i)));
    }
}

}  // namespace
}  // namespace firehose::bus
