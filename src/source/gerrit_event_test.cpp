// SPDX-License-Identifier: Apache-2.0
// **Goal:** a line becomes the topic and payload that the rule says, and a bad line says its kind.
// **Method:** tables; every line of tests/data/gerrit-events.jsonl; lines cut at each byte.

#include "source/gerrit_event.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace firehose::source {
namespace {

/// A line on the heap with no slack after its last byte.
class ExactLine {
public:
    explicit ExactLine(std::string_view text)
        : data_(std::make_unique<char[]>(text.size())), size_(text.size()) {
        if (size_ != 0) std::memcpy(data_.get(), text.data(), size_);
    }
    [[nodiscard]] std::string_view view() const { return {data_.get(), size_}; }

private:
    std::unique_ptr<char[]> data_;
    std::size_t size_;
};

std::string topic(std::string_view line) {
    const ExactLine exact{line};
    const auto event = read_gerrit_event(exact.view(), {});
    return event ? event->topic : "bad line: " + std::string{name(event.error())};
}

std::string bad(std::string_view line) {
    const ExactLine exact{line};
    const auto event = read_gerrit_event(exact.view(), {});
    return event ? "good: " + event->topic : std::string{name(event.error())};
}

std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

const std::string kData = FIREHOSE_TEST_DATA;

TEST(GerritEvent, EveryRecordedLineGoesToItsDefinedTopic) {
    const auto lines = lines_of(read_file(kData + "/gerrit-events.jsonl"));
    const auto topics = lines_of(read_file(kData + "/gerrit-topics.tsv"));
    ASSERT_EQ(lines.size(), 101U);
    ASSERT_EQ(topics.size(), lines.size());
    for (std::size_t at = 0; at < lines.size(); ++at) {
        const auto event = read_gerrit_event(lines[at], {});
        ASSERT_TRUE(event) << "line " << at + 1;
        EXPECT_EQ(std::to_string(at + 1) + "\t" + event->topic, topics[at]);
        EXPECT_EQ(event->payload, lines[at]);
    }
}

TEST(GerritEvent, TheProjectIsTheFirstThatIsNotEmpty) {
    struct Row {
        std::string_view line, topic;
    };
    static constexpr Row kRows[] = {
        {R"({"type":"t","project":"a","change":{"project":"b"}})", "gerrit/a/t"},
        {R"({"type":"t","project":"","change":{"project":"b"}})", "gerrit/b/t"},
        {R"({"type":"t","project":{"name":""},"change":{"project":{"name":"b"}}})", "gerrit/b/t"},
        {R"({"type":"t","change":{},"refUpdate":{"project":"c"}})", "gerrit/c/t"},
        {R"({"type":"t","refUpdate":{},"projectName":"d"})", "gerrit/d/t"},
        {R"({"type":"t","projectName":{"name":"d"}})", "gerrit/d/t"},
        {R"({"type":"t","refUpdates":[{"project":"e"},{"project":"f"}]})", "gerrit/e/t"},
        {R"({"type":"t","refUpdates":[{},{"project":"f"}]})", "gerrit/_/t"},
        {R"({"type":"t","refUpdates":[]})", "gerrit/_/t"},
        {R"({"type":"t"})", "gerrit/_/t"},
    };
    for (const Row& row : kRows) EXPECT_EQ(topic(row.line), row.topic) << row.line;
}

TEST(GerritEvent, WhatATopicNameMayNotHoldBecomesOneUnderscore) {
    struct Row {
        std::string_view line, topic;
    };
    static constexpr Row kRows[] = {
        {R"({"type":"t","project":"lib/c++-tools"})", "gerrit/lib/c__-tools/t"},
        {R"({"type":"t","project":"a#b"})", "gerrit/a_b/t"},
        {R"({"type":"t","project":"/a//b/"})", "gerrit/_/a/_/b/_/t"},
        {R"({"type":"t","project":"/"})", "gerrit/_/_/t"},
        {R"({"type":"a/b","project":"p"})", "gerrit/p/a_b"},
        {R"({"type":"","project":"p"})", "gerrit/p/_"},
        {R"({"type":"t","project":"a\u0000b\u001f\u007f\u0080\u009f\u00a0"})",
         "gerrit/a_b____\u00a0/t"},
        {"{\"type\":\"t\",\"project\":\"d\u00e9j\u00e0 vu\"}", "gerrit/d\u00e9j\u00e0 vu/t"},
        {R"({"type":"t","project":"\ud83d\ude00"})", "gerrit/\U0001F600/t"},
        {R"({"type":"+/#","project":"+"})", "gerrit/_/___"},
    };
    for (const Row& row : kRows) EXPECT_EQ(topic(row.line), row.topic) << row.line;
}

TEST(GerritEvent, ABadLineSaysItsKind) {
    std::string deep = R"({"type":"t","x":)" + std::string(5'000, '[') + std::string(5'000, ']');
    deep += '}';
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"", "cut"},
        {"   ", "cut"},
        {R"({"type":"t")", "cut"},
        {R"({"type":"t"}})", "extra_data"},
        {R"({"type":"t"}{"type":"u"})", "extra_data"},
        {R"({"type":"t"} {"type":"u"})", "extra_data"},
        {"fatal: gerrit is going down", "not_json"},
        {"{type:1}", "not_json"},
        {std::string{"\0{}", 3}, "not_json"},
        {"{\"type\":\"t\nx\"}", "not_json"},
        {"{\"type\":\"\xff\"}", "invalid_utf8"},
        {"{\"type\":\"t\"}\xc3", "invalid_utf8"},
        {"{\"type\":\"\xc0\xaf\"}", "invalid_utf8"},
        {"{\"type\":\"\xed\xa0\x80\"}", "invalid_utf8"},
        {"{\"type\":\"\xf4\x90\x80\x80\"}", "invalid_utf8"},
        {"[]", "wrong_type"},
        {"null", "wrong_type"},
        {"7", "wrong_type"},
        {"{}", "wrong_type"},
        {R"({"type":5})", "wrong_type"},
        {R"({"type":null})", "wrong_type"},
        {R"({"type":"t","project":5})", "wrong_type"},
        {R"({"type":"t","project":null})", "wrong_type"},
        {R"({"type":"t","project":{}})", "wrong_type"},
        {R"({"type":"t","project":{"name":5}})", "wrong_type"},
        {R"({"type":"t","project":"a","change":5})", "wrong_type"},
        {R"({"type":"t","change":{"project":[]}})", "wrong_type"},
        {R"({"type":"t","refUpdate":"x"})", "wrong_type"},
        {R"({"type":"t","projectName":true})", "wrong_type"},
        {R"({"type":"t","refUpdates":{}})", "wrong_type"},
        {R"({"type":"t","refUpdates":[5]})", "wrong_type"},
        {deep, "too_deep"},
        {R"({"type":"t","project":")" + std::string(70'000, 'p') + "\"}", "too_large"},
        {R"({"type":"t","x":")" + std::string(2'000'000, 'x') + "\"}", "too_large"},
    };
    for (const auto& [line, kind] : rows) EXPECT_EQ(bad(line), kind) << line.substr(0, 60);
}

TEST(GerritEvent, ThePayloadIsTheLineWithoutItsEnd) {
    for (const std::string_view end : {"", "\n", "\r\n", "\r"}) {
        const std::string line = "{ \"type\" : \"t\", \"x\": \"\\u003c\" }" + std::string{end};
        const auto event = read_gerrit_event(line, {});
        ASSERT_TRUE(event);
        EXPECT_EQ(event->payload, "{ \"type\" : \"t\", \"x\": \"\\u003c\" }");
        EXPECT_EQ(event->payload.data(), line.data());
    }
}

TEST(GerritEvent, TheLargestPacketIsGoodAndOneByteMoreIsNot) {
    const std::string line = R"({"type":"t","project":"p"})";
    const std::size_t packet = 5 + 2 + std::string_view{"gerrit/p/t"}.size() + 2 + 1 + line.size();
    EXPECT_TRUE(read_gerrit_event(line, {.packet_bytes_max = packet}));
    const auto event = read_gerrit_event(line, {.packet_bytes_max = packet - 1});
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error(), BadLine::too_large);
}

TEST(GerritEvent, TheOriginTimeIsItsSecondsOrNone) {
    const auto time = [](std::string_view value) {
        const std::string line = R"({"type":"t","eventCreatedOn":)" + std::string{value} + "}";
        const auto event = read_gerrit_event(line, {});
        return event && event->origin_time ? to_rfc3339(*event->origin_time) : "none";
    };
    EXPECT_EQ(time("1700000201"), "2023-11-14T22:16:41.000000Z");
    EXPECT_EQ(time("0"), "1970-01-01T00:00:00.000000Z");
    for (const auto* value :
         {"-1", "1e300", "\"1700000201\"", "null", "253402300800", "1.5", "18446744073709551615"}) {
        EXPECT_EQ(time(value), "none") << value;
    }
}

TEST(GerritEvent, ALineCutAnywhereIsBadAndHarmless) {
    const std::string line =
        "{\"type\":\"t\",\"project\":{\"name\":\"\\u00e9\u00e9\"},\"change\":{\"private\":true}}";
    ASSERT_EQ(topic(line), "gerrit/\u00e9\u00e9/t");
    for (std::size_t cut = 0; cut < line.size(); ++cut) {
        const std::string kind = bad(line.substr(0, cut));
        EXPECT_TRUE(kind == "cut" || kind == "invalid_utf8") << cut << ": " << kind;
    }
}

}  // namespace
}  // namespace firehose::source
