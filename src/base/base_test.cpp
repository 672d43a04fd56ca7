// SPDX-License-Identifier: Apache-2.0
// Goal:   the words everything else is written in mean what their headers say.
// Method: plain values; the mailbox with two real threads.
#include <gtest/gtest.h>

#include <thread>

#include "base/ids.h"
#include "base/mailbox.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace firehose {
namespace {

TEST(Result, HoldsAValueOrAnError) {
    const Result<int, std::string> good{3};
    const Result<int, std::string> bad{Failure{std::string{"why"}}};
    EXPECT_EQ(*good, 3);
    EXPECT_EQ(bad.error(), "why");
    EXPECT_TRUE((Result<void, int>{}).has_value());
    EXPECT_EQ((Result<void, int>{Failure{4}}).error(), 4);
}

TEST(Time, PrintsRfc3339WithSixDigits) {
    struct Row {
        std::int64_t microseconds;
        const char* text;
    };
    static constexpr Row kRows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1'767'323'045'000'006, "2026-01-02T03:04:05.000006Z"},
        {951'782'400'000'000, "2000-02-29T00:00:00.000000Z"},
        {-1, "1970-01-01T00:00:00.000000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
    };
    for (const Row& row : kRows) {
        EXPECT_EQ(to_rfc3339(WallTime{Microseconds{row.microseconds}}), row.text);
    }
}

TEST(WallTime, IsReadFromRfc3339InUtc) {
    struct Row {
        const char* text;
        std::int64_t microseconds;  // Less than 0: refused.
    };
    constexpr Row kRows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-02T03:04:05Z", 1'767'323'045'000'000},
        {"2026-01-02T03:04:05.000006Z", 1'767'323'045'000'006},
        {"2026-01-02T03:04:05.5Z", 1'767'323'045'500'000},
        {"2026-01-02T03:04:05.123456789Z", 1'767'323'045'123'456},
        {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999},
        {"2026-01-02T03:04:05", -1},
        {"2026-01-02T03:04:05+00:00", -1},
        {"2026-01-02T03:04:05.Z", -1},
        {"2026-01-02T03:04:05.1234567890Z", -1},
        {"2026-01-02 03:04:05Z", -1},
        {"2026-01-02T24:00:00Z", -1},
        {"2026-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2026-1-02T03:04:05Z", -1},
        {"2026-01-02T03:04:05Zx", -1},
        {"2026-01-02T03:04:0xZ", -1},
        {"", -1},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text);
        const auto time = from_rfc3339(row.text);
        EXPECT_EQ(time ? time->since_epoch.count() : -1, row.microseconds);
    }
}

TEST(Mailbox, KeepsOrderAndRefusesWhenFull) {
    struct CountingWaker final : Waker {
        void wake() noexcept override { ++count; }
        int count = 0;
    } waker;
    Mailbox<int> box{2, &waker};
    EXPECT_TRUE(box.post(1));
    EXPECT_TRUE(box.post(2));
    EXPECT_FALSE(box.post(3));
    EXPECT_EQ(waker.count, 1);
    EXPECT_EQ(box.take_all(), (std::vector<int>{1, 2}));
    EXPECT_TRUE(box.is_empty());
    EXPECT_TRUE(box.post(4));
    EXPECT_EQ(waker.count, 2);
}

TEST(Mailbox, CarriesEverythingBetweenThreads) {
    Mailbox<int> box{1'000'000, nullptr};
    constexpr int kCount = 20'000;
    std::thread poster{[&] {
        for (int i = 0; i < kCount; ++i) ASSERT_TRUE(box.post(int{i}));
    }};
    int expected = 0;
    while (expected < kCount) {
        for (const int value : box.take_all()) ASSERT_EQ(value, expected++);
    }
    poster.join();
}

TEST(Random, RepeatsForASeed) {
    Random a{7};
    Random b{7};
    for (int i = 0; i < 100; ++i) ASSERT_EQ(a.next(), b.next());
    EXPECT_NE(Random{7}.next(), Random{8}.next());
}

}  // namespace
}  // namespace firehose
