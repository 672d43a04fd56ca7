// SPDX-License-Identifier: Apache-2.0
// Goal:   what a client was promised holds over every kind of stop: its session with subscriptions,
//         position and exchanges at each step, its will, its expiry; and nothing comes back that
//         had ended.
// Method: a shard on a log in files in memory is stopped, and another goes on with what recovery
//         and the checkpoints give it: after a power cut without and with a checkpoint before it,
//         and after a clean stop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/bus_test_support.h"

namespace firehose::bus::testing {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

enum class Stop : std::uint8_t { crash, crash_after_checkpoint, clean };

constexpr std::uint32_t kExpiry = 1'000;

class Restart : public ::testing::TestWithParam<Stop> {
protected:
    Restart() { start(); }

    void start() { bus = std::make_unique<Bus>(premises, settings); }
    /// Whatever the clients knew is lost, but what they were sent.
    void restart(Microseconds down = {}, Microseconds clock_step = {}) {
        if (GetParam() == Stop::clean) bus->stop();
        if (GetParam() == Stop::crash_after_checkpoint) bus->checkpoint();
        bus.reset();
        premises->files.lose_unsynced();
        premises->clock.advance(down);
        premises->clock.wall_now = premises->clock.wall_now + clock_step;
        start();
    }
    Peer connect(std::string_view id, bool clean = false, std::uint32_t expiry_s = kExpiry) {
        Peer peer{*bus, Version::v5};
        peer.connects(id, clean, expiry_s);
        EXPECT_THAT(peer.take(), ::testing::Contains(PacketType::connack));
        return peer;
    }
    Peer publisher() { return connect("publisher", true, 0); }
    void publish(std::string_view topic, std::string_view payload, Qos qos, bool retain = false) {
        Peer peer = publisher();
        peer.publishes(topic, payload, qos, qos == Qos::at_most_once ? 0 : 1, retain);
        if (qos == Qos::exactly_once) peer.acks(PacketType::pubrel, 1);
        peer.sends(mqtt::Disconnect{});
    }
    bool is_present(std::string_view id) { return connect(id).connack_present; }
    static mqtt::Connect with_will(std::string_view id, std::uint32_t expiry_s,
                                   std::uint32_t delay_s = 0) {
        return {.version = Version::v5,
                .clean_start = false,
                .client_id = id,
                .will = mqtt::Will{.topic = "will",
                                   .payload = as_bytes("gone"),
                                   .qos = Qos::at_least_once,
                                   .delay_s = delay_s},
                .session_expiry_s = expiry_s};
    }
    /// Somebody who hears of wills from now on.
    Peer listener() {
        Peer peer = connect("listener", true, 0);
        peer.subscribes("will");
        std::ignore = peer.take();
        return peer;
    }
    void wait(Microseconds time) {
        for (; time >= 1s; time -= 1s) bus->advance(1s);
    }

    Settings settings{.anonymous_sessions = AnonymousSessions::standard};
    std::shared_ptr<Premises> premises = std::make_shared<Premises>();
    std::unique_ptr<Bus> bus;
};

INSTANTIATE_TEST_SUITE_P(AfterEveryStop, Restart,
                         ::testing::Values(Stop::crash, Stop::crash_after_checkpoint, Stop::clean),
                         [](const auto& tested) {
                             switch (tested.param) {
                                 case Stop::crash:
                                     return "Crash";
                                 case Stop::crash_after_checkpoint:
                                     return "CrashAfterCheckpoint";
                                 case Stop::clean:
                                     return "Clean";
                             }
                             return "";
                         });

TEST_P(Restart, SubscriptionsComeBackWithTheirOptionsAndIdentifiers) {
    Peer before = connect("r");
    before.sends(mqtt::Subscribe{
        .packet_id = 1,
        .entries = {{"a/#",
                     {.qos = Qos::at_least_once, .no_local = true, .retain_as_published = true}},
                    {"b", {.qos = Qos::at_most_once}}},
        .subscription_id = 7});
    before.sends(mqtt::Unsubscribe{.packet_id = 2, .filters = {"b"}});
    EXPECT_THAT(before.take(), ElementsAre(PacketType::suback, PacketType::unsuback));
    restart();
    Peer reader = connect("r");
    EXPECT_TRUE(reader.connack_present);
    publish("a/1", "theirs", Qos::at_least_once, true);
    publish("b", "nobody's", Qos::at_least_once);
    reader.publishes("a/2", "own", Qos::at_least_once, 5);
    const std::vector<Got> got = reader.take_publishes();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].payload, "theirs");
    EXPECT_EQ(got[0].qos, Qos::at_least_once);
    EXPECT_TRUE(got[0].retain);
    EXPECT_THAT(got[0].subscription_ids, ElementsAre(7));
}

TEST_P(Restart, EverythingThatWasNotHandedOverIsFromThePositionOn) {
    Peer before = connect("r");
    before.subscribes("t", Qos::at_least_once);
    publish("t", "1", Qos::at_least_once);
    for (const Got& got : before.take_publishes()) before.acks(PacketType::puback, got.packet_id);
    before.vanishes();
    publish("t", "2", Qos::at_least_once);
    publish("t", "3", Qos::exactly_once);
    publish("t", "at most once", Qos::at_most_once);
    restart();
    publish("t", "4", Qos::at_least_once);
    std::vector<std::string> first;
    for (const Got& got : connect("r").take_publishes()) {
        if (!got.dup) first.push_back(got.payload);
    }
    EXPECT_THAT(first, ElementsAre("2", "3", "4"));
}

TEST_P(Restart, AnUnacknowledgedDeliveryIsRepeatedUnderItsId) {
    for (const Qos qos : {Qos::at_least_once, Qos::exactly_once}) {
        const std::string name = qos == Qos::at_least_once ? "r1" : "r2";
        Peer before = connect(name);
        before.subscribes("t", qos);
        publish("t", "1", qos);
        const std::vector<Got> sent = before.take_publishes();
        ASSERT_EQ(sent.size(), 1u);
        restart();
        Peer reader = connect(name);
        const std::vector<Got> got = reader.take_publishes();
        ASSERT_EQ(got.size(), 1u);
        EXPECT_TRUE(got[0].dup);
        EXPECT_EQ(got[0].packet_id, sent[0].packet_id);
        EXPECT_EQ(got[0].payload, "1");
        reader.sends(mqtt::Disconnect{});
    }
}

TEST_P(Restart, WhatTheClientHasReceivedGoesOnWithPubrel) {
    Peer before = connect("r");
    before.subscribes("t", Qos::exactly_once);
    publish("t", "1", Qos::exactly_once);
    ASSERT_EQ(before.take_publishes().size(), 1u);
    before.acks(PacketType::pubrec, 1);
    EXPECT_THAT(before.take(), ElementsAre(PacketType::pubrel));
    restart();
    Peer reader{*bus, Version::v5};
    reader.connects("r", false, kExpiry);
    EXPECT_THAT(reader.take(), ElementsAre(PacketType::connack, PacketType::pubrel));
    reader.acks(PacketType::pubcomp, 1);
    restart();
    Peer again = connect("r");
    EXPECT_THAT(again.take_publishes(), IsEmpty());
}

TEST_P(Restart, AQos2MessageThatWasTakenIsNotTakenTwice) {
    Peer before = connect("p");
    before.publishes("t", "1", Qos::exactly_once, 9);
    EXPECT_THAT(before.take(), ElementsAre(PacketType::pubrec));
    restart();
    Peer listens = connect("listener", true, 0);
    listens.subscribes("t");
    Peer again = connect("p");
    EXPECT_TRUE(again.connack_present);
    again.sends(mqtt::Publish{
        .dup = true, .qos = Qos::exactly_once, .topic = "t", .packet_id = 9, .payload = {}});
    EXPECT_THAT(again.take(), ElementsAre(PacketType::pubrec));
    EXPECT_THAT(listens.take_publishes(), IsEmpty());
    again.acks(PacketType::pubrel, 9);
    EXPECT_THAT(again.take(), ElementsAre(PacketType::pubcomp));
    restart();
    Peer hears = connect("listener", true, 0);
    hears.subscribes("t");
    Peer last = connect("p");
    last.publishes("t", "2", Qos::exactly_once, 9);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("2"));
}

TEST_P(Restart, RetainedMessagesAreThereAndClearedOnesAreNot) {
    publish("kept", "1", Qos::at_least_once, true);
    publish("cleared", "1", Qos::at_least_once, true);
    bus->checkpoint();
    publish("kept", "2", Qos::at_least_once, true);
    publish("cleared", "", Qos::at_least_once, true);
    restart();
    Peer reader = connect("r");
    reader.subscribes("#");
    EXPECT_THAT(reader.take_payloads(), ElementsAre("2"));
}

TEST_P(Restart, AWillIsPublishedOnceWhenItsClientStaysAway) {
    for (const std::uint32_t expiry_s : {0U, kExpiry}) {
        Peer testator{*bus, Version::v5};
        testator.sends(with_will(expiry_s == 0 ? "short" : "long", expiry_s));
    }
    restart();
    Peer hears = listener();
    wait(29s);
    EXPECT_THAT(hears.take_payloads(), IsEmpty());
    wait(3s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone", "gone"));
    restart();
    Peer still_hears = listener();
    wait(40s);
    EXPECT_THAT(still_hears.take_payloads(), IsEmpty());
}

// Also where a session's key does not say whose it is: judged when it is published, and again when
// it is read (check_retain_source).
TEST_P(Restart, AWillIsJudgedByTheRightsOfItsUser) {
    settings.keys_by_client_id = true;
    bus.reset();
    start();
    bus->acl = *Acl::parse("user infra\ntopic write will\nuser mallory\ntopic write will\n");
    const auto leaves_a_will = [this](std::string_view user) {
        auto peer = std::make_unique<Peer>(*bus, Version::v5);
        const mqtt::Will will{
            .topic = "will", .payload = as_bytes(user), .qos = Qos::at_least_once, .retain = true};
        peer->sends(mqtt::Connect{.version = Version::v5,
                                  .clean_start = false,
                                  .client_id = user,
                                  .will = will,
                                  .user_name = user,
                                  .password = as_bytes("right"),
                                  .session_expiry_s = kExpiry});
        return peer;
    };
    const auto one = leaves_a_will("infra");
    const auto other = leaves_a_will("mallory");
    restart();
    bus->acl = *Acl::parse("topic read #\nuser infra\ntopic readwrite will\n");
    Peer hears = listener();
    wait(settings.will_restart_grace + 2s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("infra"));
    Peer later = connect("later", true, 0);
    later.subscribes("will");
    EXPECT_THAT(later.take_payloads(), ElementsAre("infra")) << "its author may publish there";
}

TEST_P(Restart, AWillIsTakenBackByAClientThatComesBackAndByGoodbye) {
    Peer returns{*bus, Version::v5};
    returns.sends(with_will("returns", kExpiry));
    Peer leaves{*bus, Version::v5};
    leaves.sends(with_will("leaves", kExpiry));
    leaves.sends(mqtt::Disconnect{});
    restart();
    Peer hears = listener();
    wait(20s);
    Peer is_back = connect("returns");
    EXPECT_TRUE(is_back.connack_present);
    wait(20s);
    EXPECT_THAT(hears.take_payloads(), IsEmpty());
}

TEST_P(Restart, AWillOfAConnectionOfItsOwnIsNotTakenForAnotherOne) {
    settings.anonymous_sessions = AnonymousSessions::own;
    restart();
    for (int run = 0; run < 3; ++run) {
        Peer testator{*bus, Version::v5};  // Always the first connection of its run.
        testator.sends(with_will("same", 0));
        EXPECT_THAT(testator.take(), ElementsAre(PacketType::connack));
        restart();
    }
    Peer same{*bus, Version::v5};
    same.sends(with_will("same", 0));
    Peer hears = listener();
    wait(32s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone", "gone", "gone"));
}

TEST_P(Restart, AWillThatWaitsGoesOnWaiting) {
    Peer testator{*bus, Version::v5};
    testator.sends(with_will("w", kExpiry, 100));
    testator.vanishes();
    wait(40s);
    bus->checkpoint();
    restart(10s);
    Peer hears = listener();
    wait(48s);
    EXPECT_THAT(hears.take_payloads(), IsEmpty());
    wait(4s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone"));
}

struct ExpiryCase {
    const char* name;
    Microseconds clock_step;
    Microseconds there_at;
    Microseconds gone_at;
};

TEST_P(Restart, ASessionExpiresByWhatWasLeftWhateverTheClockDoes) {
    // 200 s, of which 40 pass before the stop and 20 while the bus is down. A clock that was put
    // back says that none did.
    for (const ExpiryCase& tested :
         {ExpiryCase{"right", {}, 135s, 145s}, ExpiryCase{"a day back", -24h, 195s, 205s},
          ExpiryCase{"a year ahead", 8'760h, 55s, 65s}}) {
        SCOPED_TRACE(tested.name);
        connect("gone", true, 200).sends(mqtt::Disconnect{});
        connect("there", true, 200).sends(mqtt::Disconnect{});
        wait(40s);
        bus->checkpoint();
        restart(20s, tested.clock_step);
        wait(tested.there_at);
        EXPECT_TRUE(connect("there", false, 200).connack_present);
        wait(tested.gone_at - tested.there_at);
        EXPECT_FALSE(connect("gone", false, 200).connack_present);
    }
}

TEST_P(Restart, WhatEndedStaysEnded) {
    Peer cleaned = connect("cleaned");
    cleaned.subscribes("t", Qos::at_least_once);
    Peer clean = connect("cleaned", true);  // Taken over, and ended.
    Peer gone = connect("gone");
    gone.sends(mqtt::Disconnect{.session_expiry_s = 0});
    Peer brief = connect("brief", true, 0);
    brief.subscribes("t", Qos::at_least_once);
    restart();
    publish("t", "1", Qos::at_least_once);
    Peer is_back = connect("cleaned");
    EXPECT_TRUE(is_back.connack_present);
    EXPECT_THAT(is_back.take_publishes(), IsEmpty());  // Without its old subscription.
    EXPECT_FALSE(is_present("gone"));
    EXPECT_FALSE(is_present("brief"));
}

TEST_P(Restart, ASessionThatWasTakenOverIsOneSession) {
    Peer first = connect("r");
    first.subscribes("t", Qos::at_least_once);
    Peer second = connect("r");
    restart();
    publish("t", "1", Qos::at_least_once);
    Peer third = connect("r");
    EXPECT_TRUE(third.connack_present);
    EXPECT_THAT(third.take_payloads(), ElementsAre("1"));
}

TEST_P(Restart, TopicAliasesEndWithTheConnection) {
    Peer before = connect("p");
    before.sends(mqtt::Publish{.topic = "t", .topic_alias = 1});
    restart();
    Peer after = connect("p");
    after.sends(mqtt::Publish{.topic = "", .topic_alias = 1});
    EXPECT_THAT(after.take(), ElementsAre(PacketType::disconnect));
}

TEST_P(Restart, ASessionWhoseFirstRecordWasRefusedIsKnownAsSoonAsItIsUsed) {
    bus->delayed.refuse(1);
    Peer refused{*bus, Version::v5};
    refused.connects("r", false, kExpiry);
    EXPECT_THAT(refused.take(), ElementsAre(PacketType::connack));
    EXPECT_EQ(refused.connack_reason, mqtt::ReasonCode::server_unavailable);
    Peer reader = connect("r");
    reader.subscribes("t", Qos::at_least_once);
    EXPECT_THAT(reader.take(), ElementsAre(PacketType::suback));
    restart();
    publish("t", "1", Qos::at_least_once);
    Peer again = connect("r");
    EXPECT_TRUE(again.connack_present);
    EXPECT_THAT(again.take_payloads(), ElementsAre("1"));
}

TEST_P(Restart, AnEndThatTheLogRefusedIsRecordedOnceMore) {
    Peer gone = connect("gone");
    bus->delayed.refuse(2);  // Also the second time.
    gone.sends(mqtt::Disconnect{.session_expiry_s = 0});
    wait(1s);
    restart();
    EXPECT_FALSE(is_present("gone"));
}

TEST_P(Restart, AWillWaitsForTheLogAndIsPublishedOnce) {
    Peer hears = listener();
    Peer brief{*bus, Version::v5};
    brief.sends(with_will("brief", 0));
    Peer durable{*bus, Version::v5};
    durable.sends(with_will("durable", kExpiry));
    bus->delayed.set_takes_durable(false);
    brief.vanishes();
    durable.vanishes();
    wait(5s);
    EXPECT_THAT(hears.take_payloads(), IsEmpty());
    bus->delayed.set_takes_durable(true);
    wait(2s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone", "gone"));
    restart();
    Peer still_hears = listener();
    wait(40s);
    EXPECT_THAT(still_hears.take_payloads(), IsEmpty());
}

TEST_P(Restart, AWillThatWaitedForTheLogIsPublishedAfterwards) {
    Peer brief{*bus, Version::v5};
    brief.sends(with_will("brief", 0));
    Peer durable{*bus, Version::v5};
    durable.sends(with_will("durable", kExpiry));
    bus->delayed.set_takes_durable(false);
    brief.vanishes();
    durable.vanishes();
    wait(5s);
    restart();
    Peer hears = listener();
    wait(40s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone", "gone"));
}

TEST(Will, OfASessionThatIsTakenOverWhileTheLogIsFullIsNotTakenBack) {
    Bus bus{{.anonymous_sessions = AnonymousSessions::standard}};
    Peer hears{bus, Version::v5};
    hears.connects("listener").subscribes("will");
    std::ignore = hears.take();
    const mqtt::Connect hello{.version = Version::v5,
                              .clean_start = false,
                              .client_id = "w",
                              .will = mqtt::Will{.topic = "will", .payload = as_bytes("gone")},
                              .session_expiry_s = kExpiry};
    Peer testator{bus, Version::v5};
    testator.sends(hello);
    bus.delayed.set_full(true);
    Peer heir{bus, Version::v5};
    heir.connects("w", false, kExpiry);
    EXPECT_THAT(heir.take(), ElementsAre(PacketType::connack));
    EXPECT_TRUE(heir.connack_present);
    bus.delayed.set_full(false);
    bus.advance(2s);
    EXPECT_THAT(hears.take_payloads(), ElementsAre("gone"));
}

}  // namespace
}  // namespace firehose::bus::testing
