// SPDX-License-Identifier: Apache-2.0
// Goal:   a reload takes over what the table calls live, and names what needs a restart.
// Method: two settings that differ in known keys.
#include "config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/options.h"

namespace firehose::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Reload, KeepsWhatNeedsARestartAndSaysSo) {
    const Settings now;
    Settings next;
    EXPECT_THAT(keep_until_restart(next, now), IsEmpty());
    next.data = "/elsewhere";
    next.log.memory_bytes = 2 * now.log.memory_bytes;
    next.logging.level = LogLevel::debug;
    next.limits.packet_bytes_max = 1'000'000;
    next.auth.acl_file = "/acl";
    EXPECT_THAT(keep_until_restart(next, now), ElementsAre("data", "log.memory_bytes"));
    EXPECT_EQ(next.data, now.data);
    EXPECT_EQ(next.log.memory_bytes, now.log.memory_bytes);
    EXPECT_EQ(next.logging.level, LogLevel::debug);
    EXPECT_EQ(next.limits.packet_bytes_max, 1'000'000u);
    EXPECT_EQ(next.auth.acl_file, "/acl");
}

TEST(Reload, SourcesNeedARestart) {
    Settings now;
    now.source.gerrit.emplace_back().host = "a";
    Settings next = now;
    EXPECT_THAT(keep_until_restart(next, now), IsEmpty());
    next.source.gerrit[0].host = "b";
    EXPECT_THAT(keep_until_restart(next, now), ElementsAre("source.gerrit"));
    EXPECT_EQ(next.source.gerrit[0].host, "a");
    next.source.gerrit.emplace_back();
    EXPECT_THAT(keep_until_restart(next, now), ElementsAre("source.gerrit"));
}

TEST(Reload, EveryKeyThatSaysLiveIsLive) {
    // The keys, so that a change of the table is seen here.
    std::vector<std::string_view> live;
    for (const Option& row : options()) {
        if (row.reload == Reload::live) live.push_back(section_of(row.key));
    }
    for (const std::string_view section : {"listen", "auth", "limits", "logging"}) {
        EXPECT_THAT(live, ::testing::Contains(section));
    }
    for (const std::string_view section : {"log", "checkpoint", "process", "feed"}) {
        EXPECT_THAT(live, ::testing::Not(::testing::Contains(section)));
    }
}

}  // namespace
}  // namespace firehose::config
