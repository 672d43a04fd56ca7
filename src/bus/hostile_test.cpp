// SPDX-License-Identifier: Apache-2.0
// Goal:   what hostile tests and fuzzing once broke stays mended: nothing a client sends ends the
// bus. Method: dialogues through bus_test_support.h; each names what found it.
#include <gtest/gtest.h>

#include "bus/bus_test_support.h"

namespace firehose::bus::testing {
namespace {

using mqtt::PacketType;
using mqtt::ReasonCode;
using mqtt::Version;

/// User properties of so many bytes in all.
std::string user_properties(std::size_t bytes) {
    std::string out;
    const std::string value(bytes > 60'000 ? 60'000 : bytes - 6, 'v');
    while (out.size() + value.size() + 6 <= bytes) {
        const auto size = static_cast<unsigned>(value.size());
        out += {0x26, 0, 1, 'k', static_cast<char>(size >> 8U), static_cast<char>(size & 0xFFU)};
        out += value;
    }
    const std::size_t left = bytes - out.size();
    if (left >= 6) {
        const auto size = static_cast<unsigned>(left - 6);
        out += {0x26, 0, 1, 'k', static_cast<char>(size >> 8U), static_cast<char>(size & 0xFFU)};
        out.append(size, 'v');
    }
    return out;
}

// tests/hostile, row 22: the record's encoder asserted.
TEST(Hostile, PropertiesThatNoRecordHoldsAreRefused) {
    for (const std::size_t bytes :
         {log::kPropertiesBytesMax, log::kPropertiesBytesMax + 1, std::size_t{350'000}}) {
        SCOPED_TRACE(bytes);
        Bus bus;
        Peer reader{bus, Version::v5};
        reader.connects("r").subscribes("#");
        Peer publisher{bus, Version::v5};
        publisher.connects("p");
        const std::string properties = user_properties(bytes);
        ASSERT_EQ(properties.size(), bytes);
        for (const auto qos : {mqtt::Qos::at_most_once, mqtt::Qos::at_least_once}) {
            publisher.sends(mqtt::Publish{
                .qos = qos,
                .topic = "a",
                .packet_id = static_cast<std::uint16_t>(qos == mqtt::Qos::at_most_once ? 0 : 1),
                .properties = as_bytes(properties)});
        }
        const bool fits = bytes <= log::kPropertiesBytesMax;
        EXPECT_EQ(publisher.take_reasons(),
                  std::vector{fits ? ReasonCode::success : ReasonCode::quota_exceeded});
        EXPECT_EQ(reader.take_publishes().size(), fits ? 2U : 0U);
        EXPECT_FALSE(publisher.wire().is_shut_down);
    }
}

// tests/hostile, the crowd: SUBSCRIBE storms made turns of seconds.
TEST(Hostile, ATurnExecutesABoundedNumberOfSubscribes) {
    Bus bus{{.subscribes_per_turn = 2}};
    Peer first{bus, Version::v5};
    first.connects("first");
    Peer second{bus, Version::v5};
    second.connects("second");
    std::ignore = first.take();
    const auto three = [](std::string_view prefix) {
        ByteBuffer out;
        for (std::uint16_t i = 1; i <= 3; ++i) {
            const std::string filter = std::string{prefix} + std::to_string(i);
            mqtt::encode(mqtt::Subscribe{.packet_id = i, .entries = {{filter, {}}}}, Version::v5,
                         out);
        }
        return out;
    };
    const auto begin = [&] { bus.shard.begin_turn(bus.clock.monotonic(), bus.clock.wall()); };
    const auto subscriptions = [&] { return bus.shard.metrics().subscriptions.value(); };
    begin();
    first.wire().handler->on_bytes(three("a/"));
    second.wire().handler->on_bytes(three("b/"));
    EXPECT_EQ(subscriptions(), 2U);
    EXPECT_FALSE(first.wire().is_reading);
    bus.shard.end_turn();
    EXPECT_TRUE(bus.shard.has_work());
    begin();  // The last of the first, the first of the second.
    EXPECT_EQ(subscriptions(), 4U);
    bus.shard.end_turn();
    EXPECT_EQ(first.take().size(), 3U);
    EXPECT_TRUE(first.wire().is_reading);
    begin();
    EXPECT_EQ(subscriptions(), 6U);
    bus.shard.end_turn();
    EXPECT_EQ(second.take().size(), 1U + 3U);
    bus.turn();
    EXPECT_FALSE(bus.shard.has_work());
}

}  // namespace
}  // namespace firehose::bus::testing
