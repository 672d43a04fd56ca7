// SPDX-License-Identifier: Apache-2.0
// **Goal:** the demo replays what the binary carries, at a natural pace, and says that it is one.
// **Method:** the script with a seed; the source is started and stopped without waiting for it.

#include "source/demo_source.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

namespace firehose::source {
namespace {

using namespace std::chrono_literals;

TEST(DemoScript, TheBinaryCarriesTheFileByteForByte) {
    std::ifstream file{FIREHOSE_DEMO_EVENTS, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    ASSERT_FALSE(text.empty());
    EXPECT_TRUE(demo_events() == text);
}

TEST(DemoScript, ReplaysForEverAtAnIrregularPace) {
    DemoScript script{demo_events(), 42};
    ASSERT_GT(script.size(), 50U);
    std::set<Microseconds> waits;
    std::set<std::string> topics;
    std::string first;
    for (std::size_t at = 0; at <= script.size(); ++at) {
        const auto step = script.next();
        ASSERT_TRUE(step);
        EXPECT_GE(step->wait, 300ms);
        EXPECT_LE(step->wait, 3s);
        EXPECT_TRUE(step->event.topic.starts_with("gerrit/"));
        EXPECT_EQ(step->event.topic.find("All-Users"), std::string::npos);
        waits.insert(step->wait);
        topics.insert(step->event.topic);
        if (at == 0) first = step->event.payload;
        EXPECT_EQ(at % script.size() == 0, step->event.payload == first);
    }
    EXPECT_GT(waits.size(), script.size() / 2);
    EXPECT_GT(topics.size(), 20U);
}

TEST(DemoScript, NothingToReplayIsNoEndlessLoop) {
    DemoScript script{"\nnot json\n", 1};
    EXPECT_FALSE(script.next());
}

class StateSink final : public Sink {
public:
    std::string said;
    bool publish(Event&&) override { return true; }
    void on_state(SourceState state, std::string_view reason) override {
        said += std::string{name(state)} + " " + std::string{reason} + "\n";
    }
};

TEST(DemoSource, SaysDemoAndStopsAtOnce) {
    StateSink sink;
    SourceMetrics metrics;
    DemoSource demo{1, sink, metrics};
    demo.start();
    demo.stop();
    EXPECT_EQ(sink.said,
              "online demo: recorded events, not a live Gerrit\noffline demo: stopped\n");
    EXPECT_FALSE(metrics.is_online);
}

}  // namespace
}  // namespace firehose::source
