// SPDX-License-Identifier: Apache-2.0
// Goal:   what the configuration leaves open is decided by the size of the file system.
// Method: a table of file systems.
#include "app/log_settings.h"

#include <gtest/gtest.h>

namespace firehose::app {
namespace {

constexpr std::uint64_t kGigabyte = 1'000'000'000;

TEST(LogOptions, TakesAtMostTenGigabytesAndThirtyPercent) {
    config::Settings settings;
    settings.log.mode = config::LogMode::disk;
    EXPECT_EQ(log_options(settings, {.total = 1'000 * kGigabyte}).bytes_max, 10 * kGigabyte);
    const auto small = log_options(settings, {.total = kGigabyte / 10});
    EXPECT_EQ(small.bytes_max, kGigabyte / 100 * 3);
    EXPECT_EQ(small.segment_bytes, small.bytes_max / 4);
    EXPECT_EQ(small.hold_bytes, small.bytes_max / 4);
    settings.log.bytes = 5 * kGigabyte;
    settings.session.hold_bytes = 7;
    const auto set = log_options(settings, {.total = kGigabyte});
    EXPECT_EQ(set.bytes_max, 5 * kGigabyte);
    EXPECT_EQ(set.hold_bytes, 7u);
}

TEST(LogOptions, InMemoryOneGigabyteIsEnough) {
    config::Settings settings;
    settings.log.mode = config::LogMode::memory;
    EXPECT_EQ(log_options(settings, {.total = 1'000 * kGigabyte}).bytes_max, kGigabyte);
    EXPECT_EQ(log_options(settings, {.total = kGigabyte}).bytes_max, kGigabyte / 10 * 3);
}

}  // namespace
}  // namespace firehose::app
