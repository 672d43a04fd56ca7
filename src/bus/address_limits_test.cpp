// SPDX-License-Identifier: Apache-2.0
// Goal:   each limit of an address holds at its number and not before, whoever shares the address.
// Method: leases in a vector, the clock moved by hand; both sides of each boundary.
#include "bus/address_limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace firehose::bus {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

std::vector<IpNetwork> networks(std::initializer_list<std::string_view> texts) {
    std::vector<IpNetwork> parsed;
    for (const std::string_view text : texts) parsed.push_back(*IpNetwork::parse(text));
    return parsed;
}

TEST(RateBucket, GrantsItsBurstThenItsRate) {
    const RateLimit limit{.per_second = 20, .burst = 100};
    RateBucket bucket;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.try_take(limit, kStart), 0us) << i;
    EXPECT_GT(bucket.try_take(limit, kStart), 0us);
    // One in 50 ms is earned, and no sooner.
    EXPECT_GT(bucket.try_take(limit, kStart + 49'999us), 0us);
    EXPECT_EQ(bucket.try_take(limit, kStart + 50ms), 0us);
    EXPECT_GT(bucket.try_take(limit, kStart + 50ms), 0us);
    // A refused one costs nothing: after a minute there is the whole burst again, and no more.
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.try_take(limit, kStart + 1min), 0us) << i;
    EXPECT_GT(bucket.try_take(limit, kStart + 1min), 0us);
}

TEST(RateBucket, SaysHowLongToWaitAndKeepsItsWord) {
    const RateLimit limit{.per_second = 10, .burst = 1};
    RateBucket bucket;
    ASSERT_EQ(bucket.try_take(limit, kStart), 0us);
    const Microseconds wait = bucket.wait(limit, kStart);
    EXPECT_NEAR(static_cast<double>(wait.count()), 100'000, 10);
    EXPECT_GT(bucket.wait(limit, kStart + (wait - 2us)), 0us);
    EXPECT_EQ(bucket.wait(limit, kStart + wait), 0us);
}

TEST(RateBucket, LetsWhatIsLargerThanTheBurstPassOnceAndWaitForItLater) {
    const RateLimit bytes{.per_second = 1'000, .burst = 500};
    RateBucket bucket;
    EXPECT_EQ(bucket.try_take(bytes, kStart, 10'000), 0us);
    EXPECT_GT(bucket.try_take(bytes, kStart + 9'499ms, 1), 0us);
    EXPECT_EQ(bucket.try_take(bytes, kStart + 9'501ms, 1), 0us);
}

TEST(RateBucket, HasNoLimitAtZeroAndSurvivesTheLargest) {
    RateBucket bucket;
    const RateLimit none{.per_second = 0, .burst = 0};
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(bucket.try_take(none, kStart, SIZE_MAX), 0us);
    const RateLimit slow{.per_second = 1, .burst = 1};
    EXPECT_EQ(bucket.try_take(slow, kStart, SIZE_MAX), 0us);
    EXPECT_GT(bucket.wait(slow, kStart + 24h), 0us);
}

TEST(AddressLimits, CountsConnectionsOfAnAddressUpToTheBound) {
    AddressLimits limits{{.connections_max = 3}, 1};
    std::vector<AddressLease> open;
    for (int i = 0; i < 3; ++i) {
        auto lease = limits.admit("192.0.2.1", kStart);
        ASSERT_TRUE(lease.has_value());
        EXPECT_FALSE(lease->is_over());
        open.push_back(std::move(*lease));
    }
    // Beyond it a few are told, then none is let in.
    for (std::size_t i = 0; i < AddressLimits::kToBeTold; ++i) {
        auto lease = limits.admit("192.0.2.1", kStart);
        ASSERT_TRUE(lease.has_value());
        EXPECT_TRUE(lease->is_over());
        open.push_back(std::move(*lease));
    }
    EXPECT_FALSE(limits.admit("192.0.2.1", kStart).has_value());
    EXPECT_TRUE(limits.admit("192.0.2.2", kStart).has_value()) << "somebody else";
    EXPECT_EQ(limits.metrics().connections_refused.value(), 1U);
    EXPECT_EQ(limits.metrics().connections_over.value(), AddressLimits::kToBeTold);
    open.resize(2);
    EXPECT_FALSE(limits.admit("192.0.2.1", kStart)->is_over()) << "one has left";
}

TEST(AddressLimits, TakesAnAddressHoweverItIsWrittenAndAPrefixOf64Bits) {
    struct Row {
        std::string_view first, second;
        bool is_one;
    };
    static constexpr Row kRows[] = {
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        {"2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::", false},
        {"2001:db8::1", "2001:db9::1", false},
        {"0.0.0.1", "0:0:0:1::", false},  // One number, two families.
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(std::string{row.first} + " " + std::string{row.second});
        AddressLimits limits{{.connections_max = 1}, 1};
        const auto first = limits.admit(row.first, kStart);
        const auto second = limits.admit(row.second, kStart);
        ASSERT_TRUE(first && second);
        EXPECT_FALSE(first->is_over());
        EXPECT_EQ(second->is_over(), row.is_one);
    }
}

TEST(AddressLimits, SharesRatesAmongTheConnectionsOfAnAddress) {
    AddressLimits limits{{.connects = {1, 2}, .subscribes = {1, 3}, .requests = {1, 1}}, 1};
    const auto one = limits.admit("192.0.2.1", kStart);
    const auto two = limits.admit("192.0.2.1", kStart);
    const auto other = limits.admit("192.0.2.2", kStart);
    EXPECT_EQ(one->take_connect(kStart), 0us);
    EXPECT_EQ(two->take_connect(kStart), 0us);
    EXPECT_GT(one->take_connect(kStart), 0us);
    EXPECT_EQ(other->take_connect(kStart), 0us);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(one->take_subscribe(kStart), 0us);
    EXPECT_GT(two->take_subscribe(kStart), 0us);
    EXPECT_EQ(one->take_request(kStart), 0us);
    EXPECT_GT(two->take_request(kStart), 0us);
    EXPECT_EQ(two->take_request(kStart + 2s), 0us);
    EXPECT_EQ(limits.metrics().connects_refused.value(), 1U);
    EXPECT_EQ(limits.metrics().subscribes_refused.value(), 1U);
    EXPECT_EQ(limits.metrics().requests_refused.value(), 1U);
}

TEST(AddressLimits, RemembersRatesAfterTheLastConnectionHasGone) {
    AddressLimits limits{{.connects = {1, 1}}, 1};
    EXPECT_EQ(limits.admit("192.0.2.1", kStart)->take_connect(kStart), 0us);
    EXPECT_GT(limits.admit("192.0.2.1", kStart)->take_connect(kStart), 0us);
    EXPECT_EQ(limits.admit("192.0.2.1", kStart + 2s)->take_connect(kStart + 2s), 0us);
}

TEST(AddressLimits, HoldsAPublisherByMessagesOrByBytes) {
    AddressLimits limits{{.publishes = {.messages = {1, 2}, .bytes = {1'000, 1'000}}}, 1};
    const auto chatty = limits.admit("192.0.2.1", kStart);
    EXPECT_EQ(chatty->take_publish(kStart, 1), 0us);
    EXPECT_EQ(chatty->take_publish(kStart, 1), 0us);
    EXPECT_GT(chatty->take_publish(kStart, 1), 0us);
    const auto large = limits.admit("192.0.2.2", kStart);
    EXPECT_EQ(large->take_publish(kStart, 3'000), 0us);
    EXPECT_GT(large->take_publish(kStart + 1'900ms, 1), 0us);
    EXPECT_EQ(large->take_publish(kStart + 2'100ms, 1), 0us);
}

TEST(AddressLimits, LeavesTheExemptAndWhatIsNoAddressAlone) {
    AddressLimits limits{{.connections_max = 1,
                          .connects = {1, 1},
                          .exempt = networks({"127.0.0.0/8", "::1", "198.51.100.0/24"})},
                         1};
    for (const std::string_view address :
         {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "198.51.100.255", "local", ""}) {
        for (int i = 0; i < 20; ++i) {
            const auto lease = limits.admit(address, kStart);
            ASSERT_TRUE(lease.has_value()) << address;
            EXPECT_TRUE(lease->is_exempt()) << address;
            EXPECT_EQ(lease->take_connect(kStart), 0us) << address;
        }
    }
    EXPECT_EQ(limits.metrics().addresses.value(), 0U);
    EXPECT_FALSE(limits.admit("198.51.101.0", kStart)->is_exempt());
}

TEST(AddressLimits, HasNoBoundOfConnectionsAtZero) {
    AddressLimits limits{{.connections_max = 0}, 1};
    std::vector<AddressLease> open;
    for (int i = 0; i < 1'000; ++i) open.push_back(*limits.admit("192.0.2.1", kStart));
    EXPECT_FALSE(open.back().is_over());
}

TEST(AddressLimits, ForgetsTheLongestIdleWhenItIsFullAndNobodyWhoIsConnected) {
    AddressLimits limits{{.connections_max = 1, .connects = {1, 1}}, 1};
    const auto stays = limits.admit("192.0.2.1", kStart);
    EXPECT_EQ(stays->take_connect(kStart), 0us);
    const auto address = [](std::size_t i) {
        return "10." + std::to_string(i >> 16U) + "." + std::to_string(i >> 8U & 255U) + "." +
               std::to_string(i & 255U);
    };
    // Each leaves with an empty bucket, so that nothing of it may be forgotten for nothing.
    for (std::size_t i = 0; i + 1 < AddressLimits::kAddressesMax; ++i) {
        EXPECT_EQ(limits.admit(address(i), kStart)->take_connect(kStart), 0us);
    }
    EXPECT_EQ(limits.metrics().addresses_forgotten.value(), 0U);
    EXPECT_GT(limits.admit(address(0), kStart)->take_connect(kStart), 0us) << "remembered";
    // That made 0 the newest; 1 is the oldest now.
    EXPECT_EQ(limits.admit("203.0.113.1", kStart)->take_connect(kStart), 0us);
    EXPECT_EQ(limits.metrics().addresses_forgotten.value(), 1U);
    EXPECT_EQ(limits.metrics().addresses.value(), AddressLimits::kAddressesMax);
    EXPECT_GT(limits.admit(address(0), kStart)->take_connect(kStart), 0us);
    EXPECT_EQ(limits.admit(address(1), kStart)->take_connect(kStart), 0us) << "forgotten";
    EXPECT_TRUE(limits.admit("192.0.2.1", kStart)->is_over()) << "never forgotten";
}

TEST(AddressLimits, GivesItsMemoryBackAfterAStorm) {
    AddressLimits limits{{.connects = {20, 100}}, 1};
    for (int i = 0; i < 1'000; ++i) {
        std::ignore =
            limits.admit("2001:db8:0:" + std::to_string(i) + "::1", kStart)->take_connect(kStart);
    }
    EXPECT_EQ(limits.metrics().addresses.value(), 1'000U);
    for (int i = 0; i < 600; ++i) std::ignore = limits.admit("192.0.2.1", kStart + 1min);
    EXPECT_LE(limits.metrics().addresses.value(), 2U);
}

TEST(AddressLimits, GoesByNewSettingsAfterAChange) {
    AddressLimits limits{{.connections_max = 1}, 1};
    const auto first = limits.admit("192.0.2.1", kStart);
    limits.change({.connections_max = 2});
    const auto second = limits.admit("192.0.2.1", kStart);
    EXPECT_FALSE(second->is_over());
    EXPECT_TRUE(limits.admit("192.0.2.1", kStart)->is_over());
}

TEST(AddressLease, MovesAndEndsOnce) {
    AddressLimits limits{{.connections_max = 1}, 1};
    {
        AddressLease kept;
        {
            AddressLease first = std::move(*limits.admit("192.0.2.1", kStart));
            kept = std::move(first);
        }
        EXPECT_TRUE(limits.admit("192.0.2.1", kStart)->is_over());
        kept = AddressLease{};
        EXPECT_FALSE(limits.admit("192.0.2.1", kStart)->is_over());
    }
}

}  // namespace
}  // namespace firehose::bus
