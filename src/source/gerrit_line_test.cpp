// SPDX-License-Identifier: Apache-2.0
// **Goal:** hostile lines are counted by kind and skipped, and the next good line still arrives.
// **Method:** one stream with every kind of damage, whole and byte by byte.

#include "source/gerrit_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::source {
namespace {

class Taker final : public Sink {
public:
    std::vector<Event> taken;
    bool publish(Event&& event) override {
        taken.push_back(std::move(event));
        return true;
    }
    void on_state(SourceState, std::string_view) override {}
};

const std::string kGood = R"({"type":"good","project":"p"})";

std::string hostile_stream() {
    return kGood + "\n" + R"({"type":"cu)" + "\n" + kGood + "\r\n" +                 // cut
           "not json\n" + kGood + "\n" + "{\"type\":\"\xff\"}\n" + kGood + "\n" +    // utf-8
           R"({"type":7})" + "\n" + kGood + "\n" +                                   // wrong type
           R"({"type":"t","x":)" + std::string(500, '[') + "\n" + kGood + "\n" +     // too deep
           std::string(3'000'000, 'x') + "\n" + kGood + "\n" +                       // too large
           kGood + kGood + "\n" + kGood + "\n" +                                     // two objects
           R"({"type":"t","project":"All-Users"})" + "\n" + kGood + "\n" + "{\"ty";  // cut by EOF
}

void expect_outcome(const Taker& sink, const SourceMetrics& metrics) {
    const auto bad = [&](BadLine kind) {
        return metrics.bad_lines[static_cast<std::size_t>(kind)].load();
    };
    EXPECT_EQ(sink.taken.size(), 9U);
    for (const Event& event : sink.taken) {
        EXPECT_EQ(event.topic, "gerrit/p/good");
        EXPECT_EQ(event.payload, kGood);
    }
    EXPECT_EQ(metrics.published, 9U);
    EXPECT_EQ(metrics.denied, 1U);
    EXPECT_EQ(bad(BadLine::cut), 2U);
    EXPECT_EQ(bad(BadLine::not_json), 1U);
    EXPECT_EQ(bad(BadLine::invalid_utf8), 1U);
    EXPECT_EQ(bad(BadLine::wrong_type), 1U);
    EXPECT_EQ(bad(BadLine::too_deep), 1U);
    EXPECT_EQ(bad(BadLine::too_large), 1U);
    EXPECT_EQ(bad(BadLine::extra_data), 1U);
    EXPECT_EQ(metrics.bad_lines_total(), 8U);
}

void play(std::size_t piece, std::size_t packet_bytes_max) {
    Taker sink;
    SourceMetrics metrics;
    EventOutbox outbox{sink, 1'000'000};
    auto deny = DenyRules::parse(DenyRules::default_words());
    ASSERT_TRUE(deny);
    GerritLines lines{"test", {.packet_bytes_max = packet_bytes_max}, *deny, outbox, metrics};
    const std::string stream = hostile_stream();
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        lines.on_bytes(std::string_view{stream}.substr(at, piece));
    }
    lines.on_end();
    expect_outcome(sink, metrics);
}

TEST(GerritLines, DamageIsCountedByKindAndTheNextGoodLineArrives) {
    play(65'536, 2'000'000);
}
TEST(GerritLines, PiecesMakeNoDifference) {
    play(4'093, 2'000'000);
    play(3'000'000'000, 2'000'000);
}

}  // namespace
}  // namespace firehose::source
