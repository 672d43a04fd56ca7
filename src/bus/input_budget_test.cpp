// SPDX-License-Identifier: Apache-2.0
// Goal:   what clients send and do not finish is bounded, whatever their number.
// Method: the budget by itself, then a shard whose strangers begin packets.
#include "bus/input_budget.h"

#include <gtest/gtest.h>

#include "bus/bus_test_support.h"

namespace firehose::bus::testing {
namespace {

using mqtt::Version;

constexpr ConnectionId kFirst{1};
constexpr ConnectionId kSecond{2};

TEST(InputBudget, TheOldestDebtorGoesWhenTheBoundIsPassed) {
    InputBudget budget{100};
    InputBudget::Account first;
    InputBudget::Account second;
    budget.note(first, kFirst, 60, true);
    budget.note(second, kSecond, 40, true);
    EXPECT_EQ(budget.excess(), std::nullopt);
    budget.note(first, kFirst, 61, true);
    EXPECT_EQ(budget.excess(), kFirst);
    budget.note(first, kFirst, 0, true);  // It finished its packet: it is the youngest from now on.
    EXPECT_EQ(budget.excess(), std::nullopt);
    budget.note(first, kFirst, 61, true);
    EXPECT_EQ(budget.excess(), kSecond);
    budget.note(second, kSecond, 0, false);
    EXPECT_EQ(budget.bytes(), 61U);
}

TEST(InputBudget, WhoWaitsForTheBusCountsAndStays) {
    InputBudget budget{100};
    InputBudget::Account first;
    InputBudget::Account second;
    budget.note(first, kFirst, 101, false);
    EXPECT_EQ(budget.excess(), std::nullopt);
    budget.note(second, kSecond, 1, true);
    EXPECT_EQ(budget.excess(), kSecond);
    budget.note(first, kFirst, 101, true);
    EXPECT_EQ(budget.excess(), kSecond);
    budget.note(second, kSecond, 0, true);
    EXPECT_EQ(budget.excess(), kFirst);
    budget.note(first, kFirst, 101, false);
    EXPECT_EQ(budget.excess(), std::nullopt);
}

// tests/hostile, the crowd: 2 MB a connection were kept for a packet whose end never came.
TEST(InputBudget, PacketsThatAreNeverFinishedAreBounded) {
    Bus bus{{.input_bytes_max = 10'000}};
    const std::string half_of_a_packet = "\x30\xa0\x1f" + std::string(2'000, 'x');
    std::vector<Peer> strangers;
    for (int i = 0; i < 8; ++i) {
        strangers.emplace_back(bus, Version::v5).connects("");
        std::ignore = strangers.back().take();
        strangers.back().sends_bytes(half_of_a_packet);
    }
    Peer honest{bus, Version::v5};
    honest.connects("honest").publishes("a", "x", mqtt::Qos::at_least_once, 1);
    EXPECT_EQ(honest.take_reasons(), std::vector{mqtt::ReasonCode::success});
    for (std::size_t i = 0; i < strangers.size(); ++i) {
        SCOPED_TRACE(i);
        const bool has_gone = i < 4;  // Four of 2,003 bytes fit.
        EXPECT_EQ(strangers[i].wire().is_shut_down, has_gone);
        EXPECT_EQ(strangers[i].take().size(), has_gone ? 1U : 0U);  // DISCONNECT.
    }
    strangers.back().vanishes();
    Peer{bus, Version::v5}.connects("").sends_bytes(half_of_a_packet);
    EXPECT_FALSE(strangers[4].wire().is_shut_down);
}

// A reader that asks and does not read what it is answered is a debtor too.
TEST(InputBudget, WhoDoesNotReadItsAnswersIsBounded) {
    Bus bus{{.input_bytes_max = 10'000, .replies_bytes_max = 1'000}};
    Peer deaf{bus, Version::v5};
    deaf.connects("").gives_room(0);
    std::string pings;
    for (int i = 0; i < 600; ++i) pings += std::string_view{"\xc0\0", 2};
    deaf.sends_bytes(pings);
    EXPECT_FALSE(deaf.wire().is_shut_down);
    deaf.sends_bytes(std::string(10'000, '\xc0'));
    EXPECT_TRUE(deaf.wire().is_shut_down);
}

}  // namespace
}  // namespace firehose::bus::testing
