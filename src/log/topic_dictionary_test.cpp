// SPDX-License-Identifier: Apache-2.0
// Goal:   the dictionary says which frames hold a topic, stays small, and is never believed too
// far. Method: tables of topics there and back; every cut; limits so small that they are met.
#include "log/topic_dictionary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "log/log_test_support.h"

namespace firehose::log {
namespace {

using Postings = std::map<std::string, std::vector<std::uint32_t>>;

[[nodiscard]] Postings read(ByteSpan bytes, std::uint32_t frames, bool& is_broken) {
    Postings found;
    TopicDictionaryReader reader{bytes, frames};
    while (reader.next()) {
        found[std::string{reader.topic()}] = {reader.frames().begin(), reader.frames().end()};
    }
    is_broken = reader.is_broken();
    return found;
}

TEST(TopicDictionary, GivesBackEachTopicsFramesOnce) {
    const Postings expected{{"", {3}},
                            {"gerrit/a", {0, 1, 500}},
                            {"gerrit/ab", {499}},
                            {std::string(65'535, 'x'), {0}},
                            {"h\xC3\xA9", {1, 2}}};
    TopicDictionaryBuilder builder;
    for (std::uint32_t frame = 0; frame <= 500; ++frame) {
        for (const auto& [topic, frames] : expected) {
            if (std::count(frames.begin(), frames.end(), frame) == 0) continue;
            builder.add(topic, frame);
            builder.add(topic, frame);
        }
    }
    EXPECT_EQ(builder.covered(501), 501u);
    EXPECT_EQ(builder.topics(), expected.size());
    bool is_broken = true;
    EXPECT_EQ(read(builder.encode(), 501, is_broken), expected);
    EXPECT_FALSE(is_broken);
}

TEST(TopicDictionary, CutOrForTooFewFramesIsBroken) {
    TopicDictionaryBuilder builder;
    for (std::uint32_t frame = 0; frame < 40; ++frame) {
        builder.add("topic/" + std::to_string(frame % 7), frame);
    }
    const ByteBuffer bytes = builder.encode();
    bool is_broken = false;
    std::size_t unbroken = 0;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const ExactBytes input{ByteSpan{bytes}.first(cut)};
        static_cast<void>(read(input.span(), 40, is_broken));
        if (!is_broken) ++unbroken;
    }
    EXPECT_EQ(unbroken, 7u);  // Nothing, and after each topic but the last.
    static_cast<void>(read(bytes, 39, is_broken));
    EXPECT_TRUE(is_broken);
}

TEST(TopicDictionary, PastItsLimitsCoversTheFramesBeforeOnly) {
    struct Row {
        TopicDictionaryBuilder::Limits limits;
        std::uint32_t covered;
    };
    // A new topic of 4 bytes and one that is known in each frame.
    const Row rows[] = {{{.name_bytes_max = 19, .postings_max = 1'000}, 3},
                        {{.name_bytes_max = 20, .postings_max = 1'000}, 4},
                        {{.name_bytes_max = 1'000, .postings_max = 7}, 3},
                        {{.name_bytes_max = 1'000, .postings_max = 8}, 4}};
    for (const Row& row : rows) {
        TopicDictionaryBuilder builder{row.limits};
        for (std::uint32_t frame = 0; frame < 10; ++frame) {
            builder.add("base", frame);
            builder.add("new" + std::to_string(frame), frame);
        }
        EXPECT_EQ(builder.covered(10), row.covered);
        bool is_broken = true;
        const Postings found = read(builder.encode(), 10, is_broken);
        EXPECT_FALSE(is_broken);
        for (std::uint32_t frame = 0; frame < row.covered; ++frame) {
            EXPECT_TRUE(found.contains("new" + std::to_string(frame)));
        }
    }
}

}  // namespace
}  // namespace firehose::log
