// SPDX-License-Identifier: Apache-2.0
// **Goal:** a Sink without room costs bounded memory and no order; what is lost is told.
// **Method:** a Sink that takes as many events as the test allows.

#include "source/event_outbox.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::source {
namespace {

class ScriptedSink final : public Sink {
public:
    int room = 0;
    std::vector<std::string> taken;

    bool publish(Event&& event) override {
        if (room == 0) return false;
        --room;
        const Event mine = std::move(event);
        taken.push_back(mine.payload);
        return true;
    }
    void on_state(SourceState, std::string_view) override {}
};

Event event(std::string payload) {
    return {"t", std::move(payload), {}};
}

TEST(EventOutbox, KeepsTheOrderWhateverTheRoom) {
    ScriptedSink sink;
    EventOutbox outbox{sink, 10'000};
    sink.room = 1;
    EXPECT_TRUE(outbox.put(event("1")));
    EXPECT_TRUE(outbox.put(event("2")));
    EXPECT_TRUE(outbox.put(event("3")));
    sink.room = 1;
    EXPECT_TRUE(outbox.put(event("4")));  // 2 goes first.
    sink.room = 9;
    EXPECT_EQ(outbox.flush(), 2U);
    EXPECT_TRUE(outbox.put(event("5")));
    EXPECT_EQ(sink.taken, (std::vector<std::string>{"1", "2", "3", "4", "5"}));
    EXPECT_TRUE(outbox.is_empty());
    EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(EventOutbox, DropsTheNewestWhenItsBytesAreFull) {
    ScriptedSink sink;
    const std::size_t one = sizeof(Event) + 1 + 4;
    EventOutbox outbox{sink, 2 * one};
    EXPECT_TRUE(outbox.put(event("aaaa")));
    EXPECT_TRUE(outbox.put(event("bbbb")));
    EXPECT_EQ(outbox.bytes(), 2 * one);
    EXPECT_FALSE(outbox.put(event("cccc")));
    sink.room = 9;
    EXPECT_TRUE(outbox.put(event("dddd")));
    EXPECT_EQ(sink.taken, (std::vector<std::string>{"aaaa", "bbbb", "dddd"}));
}

}  // namespace
}  // namespace firehose::source
