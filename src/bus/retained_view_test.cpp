// SPDX-License-Identifier: Apache-2.0
// Goal:   the view holds the newest retained record of each topic in whatever order shards fold,
//         and pages through it in topic order without a stale or a missing entry.
// Method: records folded in and out of order; every page size against the whole; bytes on the heap
//         without slack.
#include "bus/retained_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "topic/topic_filter.h"

namespace firehose::bus {
namespace {

using ::testing::ElementsAre;

constexpr Seq kEnd{1'000'000};

struct Facts {
    bool retain = true;
    log::RecordKind kind = log::RecordKind::message;
};

void fold(RetainedView& view, std::uint64_t seq, std::string_view topic, std::string_view payload,
          Facts facts = {}) {
    log::Record record;
    record.kind = facts.kind;
    record.topic = topic;
    record.payload = as_bytes(payload);
    record.retain = facts.retain;
    ByteBuffer encoded;
    encode_record(record, encoded);
    const ByteBuffer exact(encoded.begin(), encoded.end());
    std::size_t size = 0;
    const auto decoded = log::decode_record(exact, size);
    ASSERT_TRUE(decoded);
    view.fold(Seq{seq}, WallTime{Microseconds{seq}}, *decoded, exact);
}

/// "topic=payload@seq" of an entry.
std::string text(const RetainedView::Entry& entry) {
    std::size_t size = 0;
    const auto record = log::decode_record(entry.record_bytes, size);
    if (!record) return "damaged";
    EXPECT_EQ(entry.time.since_epoch.count(), static_cast<std::int64_t>(number(entry.seq)));
    return std::string{record->topic} + "=" + std::string{as_text(record->payload)} + "@" +
           std::to_string(number(entry.seq));
}

std::vector<std::string> all(const RetainedView& view, std::string_view filter, Seq max = kEnd,
                             RetainedView::PageLimits limits = {}) {
    std::vector<std::string> out;
    RetainedView::PageQuery query{.filter = filter, .max_seq = max, .limits = limits};
    for (int pages = 0; pages < 10'000; ++pages) {
        RetainedView::Page page = view.page(query);
        for (const auto& entry : page.entries) out.push_back(text(entry));
        if (!page.next) return out;
        query.resume_after = std::move(page.next);
    }
    ADD_FAILURE() << "no end";
    return out;
}

TEST(RetainedView, HoldsTheNewestOfEachTopicInTopicOrder) {
    RetainedView view;
    fold(view, 1, "b", "1");
    fold(view, 2, "a", "2");
    fold(view, 3, "b", "3");  // [MQTT-3.3.1-5]
    EXPECT_THAT(all(view, "#"), ElementsAre("a=2@2", "b=3@3"));
    EXPECT_EQ(view.count(), 2u);
}

TEST(RetainedView, FoldingTwiceOrLateChangesNothing) {
    RetainedView view;
    fold(view, 5, "a", "new");
    const std::size_t bytes = view.bytes();
    fold(view, 5, "a", "new");
    fold(view, 4, "a", "a shard that is behind");
    EXPECT_THAT(all(view, "a"), ElementsAre("a=new@5"));
    EXPECT_EQ(view.bytes(), bytes);
}

TEST(RetainedView, IgnoresWhatIsNotRetained) {
    RetainedView view;
    fold(view, 1, "a", "1", {.retain = false});
    fold(view, 2, "b", "2", {.kind = log::RecordKind::gap});
    EXPECT_THAT(all(view, "#"), ElementsAre());
    fold(view, 3, "a", "3");
    fold(view, 4, "a", "4", {.retain = false});  // [MQTT-3.3.1-8]
    EXPECT_THAT(all(view, "#"), ElementsAre("a=3@3"));
}

TEST(RetainedView, AClearedTopicStaysClearedForAShardThatIsBehind) {  // [MQTT-3.3.1-6]
    RetainedView view;
    fold(view, 1, "a", "1");
    fold(view, 2, "a", "");
    EXPECT_EQ(view.count(), 0u);
    EXPECT_EQ(view.tombstone_count(), 1u);
    fold(view, 1, "a", "1");
    EXPECT_THAT(all(view, "#"), ElementsAre());
    view.forget_tombstones(Seq{2});
    EXPECT_EQ(view.tombstone_count(), 1u);
    view.forget_tombstones(Seq{3});
    EXPECT_EQ(view.tombstone_count(), 0u);
    EXPECT_EQ(view.bytes(), 0u);
}

TEST(RetainedView, ATopicThatCameBackIsNotForgotten) {
    RetainedView view;
    fold(view, 1, "a", "1");
    fold(view, 2, "a", "");
    fold(view, 3, "a", "3");
    EXPECT_EQ(view.tombstone_count(), 0u);
    view.forget_tombstones(Seq{10});
    EXPECT_THAT(all(view, "a"), ElementsAre("a=3@3"));
    fold(view, 11, "a", "");
    fold(view, 12, "a", "");
    EXPECT_EQ(view.tombstone_count(), 1u);
    view.forget_tombstones(Seq{12});
    EXPECT_EQ(view.tombstone_count(), 1u);
    view.forget_tombstones(Seq{13});
    EXPECT_EQ(view.tombstone_count(), 0u);
}

TEST(RetainedView, SkipsWhatIsNewerThanTheReadersPosition) {  // Rule Position of a packet.
    RetainedView view;
    fold(view, 1, "a", "1");
    fold(view, 7, "b", "7");
    EXPECT_THAT(all(view, "#", Seq{6}), ElementsAre("a=1@1"));
    EXPECT_THAT(all(view, "#", Seq{7}), ElementsAre("a=1@1", "b=7@7"));
}

TEST(RetainedView, PagesLoseAndRepeatNothingWhateverTheirSize) {
    RetainedView view;
    std::vector<std::string> topics;
    std::uint64_t seq = 0;
    for (const std::string_view first : {"", "a", "a!", "ab", "b", "$s"}) {
        for (const std::string_view second : {"", "/", "/a", "/b", "/b/c", "/b!", "/b/"}) {
            topics.push_back(std::string{first} + std::string{second});
            if (!topics.back().empty()) fold(view, ++seq, topics.back(), "x");
        }
    }
    std::sort(topics.begin(), topics.end());
    for (const std::string_view filter :
         {"#", "+", "a", "a/b", "a/#", "a/b/#", "a/+", "+/b/#", "/#", "$s/#", "none", "b/+/c"}) {
        SCOPED_TRACE(filter);
        std::vector<std::string> expected;
        for (const std::string& topic : topics) {
            if (!topic.empty() && topic::matches(filter, topic)) expected.push_back(topic);
        }
        for (const RetainedView::PageLimits limits : {RetainedView::PageLimits{},
                                                      {1, 1'000, 1'000'000},
                                                      {2, 3, 1'000'000},
                                                      {1'000, 1, 1'000'000},
                                                      {1'000, 1'000, 1},
                                                      {3, 5, 100}}) {
            std::vector<std::string> found;
            for (const std::string& entry : all(view, filter, kEnd, limits)) {
                found.push_back(entry.substr(0, entry.find('=')));
            }
            EXPECT_EQ(found, expected);
        }
    }
}

TEST(RetainedView, APageIsBoundedInEntriesScansAndBytes) {
    RetainedView view;
    for (std::uint64_t i = 1; i <= 100; ++i) {
        fold(view, i, "t/" + std::to_string(i), std::string(1'000, 'x'));
    }
    const auto page = [&view](RetainedView::PageLimits limits) {
        return view.page({.filter = "#", .max_seq = kEnd, .limits = limits}).entries.size();
    };
    EXPECT_EQ(page({.entries_max = 5, .scanned_max = 1'000, .bytes_max = 1'000'000}), 5u);
    EXPECT_EQ(page({.entries_max = 50, .scanned_max = 7, .bytes_max = 1'000'000}), 7u);
    EXPECT_EQ(page({.entries_max = 50, .scanned_max = 1'000, .bytes_max = 3'500}), 3u);
    EXPECT_EQ(page({.entries_max = 50, .scanned_max = 1'000, .bytes_max = 10}), 1u);
}

TEST(RetainedView, AReaderGoesOnWhereItWasThoughTopicsComeAndGo) {
    RetainedView view;
    for (const std::string_view topic : {"a", "b", "c", "d"}) fold(view, 1, topic, "1");
    RetainedView::PageQuery query{.filter = "#", .max_seq = Seq{1}, .limits = {.entries_max = 2}};
    auto page = view.page(query);
    ASSERT_EQ(page.next, "b");
    fold(view, 2, "b", "");  // The place it stopped at is cleared,
    view.forget_tombstones(Seq{3});
    fold(view, 3, "aa", "3");  // one comes before it,
    fold(view, 4, "c", "4");   // and one is newer: it comes live.
    query.resume_after = page.next;
    page = view.page(query);
    ASSERT_EQ(page.entries.size(), 1u);
    EXPECT_EQ(text(page.entries[0]), "d=1@1");
    EXPECT_FALSE(page.next);
}

TEST(RetainedView, SaysWhetherAnEntryOfAPageIsStillTheValue) {
    RetainedView view;
    fold(view, 1, "a", "old");
    EXPECT_TRUE(view.is_current("a", Seq{1}));
    fold(view, 2, "a", "new");
    EXPECT_FALSE(view.is_current("a", Seq{1}));
    EXPECT_TRUE(view.is_current("a", Seq{2}));
    fold(view, 3, "a", "");
    EXPECT_FALSE(view.is_current("a", Seq{2}));
    EXPECT_FALSE(view.is_current("a", Seq{3}));
    EXPECT_FALSE(view.is_current("b", Seq{1}));
}

}  // namespace
}  // namespace firehose::bus
