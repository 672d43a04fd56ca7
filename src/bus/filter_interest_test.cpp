// SPDX-License-Identifier: Apache-2.0
// Goal:   a reader that is behind gets what it subscribed to, all of it, and reads of a sealed log
//         only where that is (rule **Three ways to read**).
// Method: the interest of a few and of many filters; then a bus whose log keeps nothing in memory,
//         with subscriptions that change while blocks are being read, and a sealed log.
#include "bus/filter_interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "bus/bus_test_support.h"

namespace firehose::bus::testing {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kExpiry = 1'000;

TEST(FilterInterest, WantsWhatAFilterMatches) {
    for (const std::size_t others : {std::size_t{0}, session::Subscriptions::kLinearMax + 1}) {
        SCOPED_TRACE(others);
        session::Subscriptions subscriptions;
        subscriptions.add("a/+/c", {});
        subscriptions.add("b/#", {});
        for (std::size_t i = 0; i < others; ++i) {
            subscriptions.add("other/" + std::to_string(i), {});
        }
        const auto interest = FilterInterest::of(subscriptions);
        ASSERT_NE(interest, nullptr);
        for (const std::string_view wanted : {"a/b/c", "b", "b/c/d"}) {
            EXPECT_TRUE(interest->wants(wanted)) << wanted;
        }
        for (const std::string_view unwanted : {"a/b", "c", "other"}) {
            EXPECT_FALSE(interest->wants(unwanted)) << unwanted;
        }
        EXPECT_EQ(interest->wants("other/1"), others != 0);
    }
}

TEST(FilterInterest, OfEverythingIsNone) {
    session::Subscriptions subscriptions;
    subscriptions.add("a", {});
    subscriptions.add("#", {});
    EXPECT_EQ(FilterInterest::of(subscriptions), nullptr);
}

void publish(Bus& bus, std::string_view topic, std::string_view payload) {
    Peer peer{bus, Version::v5};
    peer.connects("publisher").publishes(topic, payload, Qos::at_least_once, 1);
    EXPECT_THAT(peer.take(), ElementsAre(PacketType::connack, PacketType::puback));
    peer.sends(mqtt::Disconnect{});
}

TEST(FilterInterest, WhatWasReadForOldSubscriptionsIsReadAgain) {
    const Settings settings{.anonymous_sessions = AnonymousSessions::standard};
    Bus bus{settings, Bus::kOpenAcl, {.memory_bytes = 1}};
    {
        Peer away{bus, Version::v5};
        away.connects("r", false, kExpiry).subscribes("a", Qos::at_least_once);
        away.vanishes();
    }
    publish(bus, "a", "1");
    publish(bus, "b", "not subscribed");
    publish(bus, "a", "2");
    bus.is_reading = false;
    Peer reader{bus, Version::v5};
    reader.connects("r", false, kExpiry);
    EXPECT_THAT(reader.take_payloads(), IsEmpty());  // It waits for the disk.
    reader.subscribes("b", Qos::at_least_once);
    publish(bus, "b", "3");
    publish(bus, "a", "4");
    bus.is_reading = true;
    bus.turn();
    EXPECT_THAT(reader.take_payloads(), ElementsAre("1", "2", "3", "4"));
}

TEST(FilterInterest, ARareTopicOfASealedLogIsFoundWithoutReadingTheRest) {
    Settings settings{.anonymous_sessions = AnonymousSessions::standard};
    settings.pull_bytes_per_turn = 1'000;
    const auto premises = std::make_shared<Premises>();
    {
        Bus bus{premises, settings};
        Peer away{bus, Version::v5};
        away.connects("r", false, kExpiry).subscribes("rare", Qos::at_least_once);
        away.vanishes();
        const std::string payload(200, 'x');
        for (int i = 0; i < 200; ++i) publish(bus, i == 100 ? "rare" : "often", payload);
        bus.stop();
    }
    Bus bus{premises, settings};
    while (bus.log.seal_step()) continue;
    const std::uint64_t before = bus.log.metrics().read_answers_total;
    Peer reader{bus, Version::v5};
    reader.connects("r", false, kExpiry);
    EXPECT_EQ(reader.take_payloads().size(), 1u);
    EXPECT_LE(bus.log.metrics().read_answers_total - before, 3u);
}

}  // namespace
}  // namespace firehose::bus::testing
