// SPDX-License-Identifier: Apache-2.0
// Target: LineSplitter and read_gerrit_event, as a Gerrit stream drives them.
// Property: cutting a stream makes no difference to its lines; a line is an event or a bad line,
// and an event has a valid topic name, a payload that is its line, and a size within the limit.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "source/deny_rules.h"
#include "source/gerrit_event.h"
#include "source/line_splitter.h"

namespace {

using namespace firehose::source;

constexpr std::size_t kLineMax = 4'096;

std::vector<std::string> split(std::string_view stream, std::size_t piece) {
    LineSplitter splitter{kLineMax};
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        splitter.feed(stream.substr(at, piece),
                      [&](std::string_view line) { lines.emplace_back(line); });
    }
    return lines;
}

void check_topic(std::string_view topic) {
    FH_ASSERT(topic.starts_with("gerrit/") && topic.size() <= 65'535);
    FH_ASSERT(topic.find_first_of("+#") == std::string_view::npos);
    FH_ASSERT(topic.find("//") == std::string_view::npos && !topic.ends_with('/'));
    for (const char c : topic) FH_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view stream{reinterpret_cast<const char*>(data), size};
    const std::vector<std::string> lines = split(stream, stream.size() + 1);
    const std::size_t piece = size == 0 ? 1 : 1 + data[0] % 16U;
    FH_ASSERT(lines == split(stream, piece));
    const auto deny = DenyRules::parse(DenyRules::default_words());
    for (const std::string& line : lines) {
        const auto event = read_gerrit_event(line, {.packet_bytes_max = kLineMax});
        if (!event) continue;
        check_topic(event->topic);
        FH_ASSERT(event->payload.size() + event->topic.size() < kLineMax);
        FH_ASSERT(std::string_view{line}.starts_with(event->payload));
        static_cast<void>((*deny).denies(event->facts));
    }
    return 0;
}
