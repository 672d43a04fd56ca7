// SPDX-License-Identifier: Apache-2.0
// Goal:   a line reaches every destination, of the chosen types only, and no destination holds up
//         whoever logs.
// Method: destinations that remember, or that wait until the test lets them go.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/locked.h"

namespace firehose {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;
using Lines = Locked<std::vector<std::string>>;

struct Remembers final : LogDestination {
    explicit Remembers(Lines& into) : lines(into) {}
    void write(const LogLine& line) override {
        lines.with(
            [&](auto& all) { all.push_back(std::string{line.stamp} + std::string{line.text}); });
    }
    Lines& lines;
};

LogSetup to(Lines& lines, LogTypes types) {
    LogSetup setup{.types = types, .has_stamps = false};
    setup.destinations.push_back(std::make_unique<Remembers>(lines));
    return setup;
}

std::vector<std::string> taken(Lines& lines) {
    return lines.with([](auto& all) { return std::exchange(all, {}); });
}

TEST(Log, WritesWhatIsChosenToEveryDestination) {
    Lines a;
    Lines b;
    LogTypes types = LogTypes::at(LogLevel::warn);
    types.add(LogType::connection);
    LogSetup setup = to(a, types);
    setup.destinations.push_back(std::make_unique<Remembers>(b));
    start_log(std::move(setup));
    FH_LOG(debug, "one");
    FH_LOG(info, "two");
    FH_LOG(warn, "three", {"n", 3});
    FH_LOG(connection, "four", {"client", "x\ny"});
    FH_LOG(subscribe, "five");
    stop_log();
    for (Lines* lines : {&a, &b}) {
        EXPECT_THAT(taken(*lines), ElementsAre("warn three n=3", "info four client=x\\x0ay"));
    }
    FH_LOG(error, "after the end");
    EXPECT_TRUE(taken(a).empty());
}

TEST(Log, AChangeHoldsForTheLinesAfterIt) {
    Lines before;
    Lines after;
    start_log(to(before, LogTypes::at(LogLevel::info)));
    FH_LOG(info, "one");
    FH_LOG(debug, "not yet");
    change_log(to(after, LogTypes::at(LogLevel::debug)));
    FH_LOG(debug, "two");
    FH_LOG(unsubscribe, "three");
    stop_log();
    EXPECT_THAT(taken(before), ElementsAre("info one"));
    EXPECT_THAT(taken(after), ElementsAre("debug two", "info three"));
}

TEST(Log, StampsAsAsked) {
    for (const auto& [format, expected] :
         {std::pair{"", "....-..-..T..:..:..\\.......Z info e"}, std::pair{"%Y", "20..: info e"}}) {
        Lines lines;
        LogSetup setup = to(lines, LogTypes::at(LogLevel::info));
        setup.has_stamps = true;
        setup.stamp_format = format;
        start_log(std::move(setup));
        FH_LOG(info, "e");
        stop_log();
        EXPECT_THAT(taken(lines), ElementsAre(MatchesRegex(expected)));
    }
}

TEST(Log, ADestinationThatHangsCostsOldLinesAndNobodysTime) {
    struct Hangs final : LogDestination {
        explicit Hangs(std::shared_future<void> gate) : let_go(std::move(gate)) {}
        void write(const LogLine&) override { let_go.wait(); }
        std::shared_future<void> let_go;
    };
    std::promise<void> gate;
    Lines lines;
    LogSetup setup = to(lines, LogTypes::at(LogLevel::info));
    setup.destinations.insert(setup.destinations.begin(),
                              std::make_unique<Hangs>(gate.get_future().share()));
    start_log(std::move(setup));
    constexpr std::size_t kLines = 20'000;
    for (std::size_t i = 0; i < kLines; ++i) FH_LOG(info, "line", {"n", i});
    gate.set_value();
    stop_log();
    const auto all = taken(lines);
    EXPECT_LE(all.size(), kLines);
    EXPECT_EQ(all.back(), "info line n=19999");
    EXPECT_TRUE(std::ranges::any_of(
        all, [](const std::string& line) { return line.starts_with("warn log_lines_lost "); }));
}

}  // namespace
}  // namespace firehose
