// SPDX-License-Identifier: Apache-2.0
// Goal:   shared subscriptions from SUBSCRIBE to delivery, over disconnects, stops and crashes.
// Method: dialogues with clients made of bytes; runs on the same premises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;
using testing::Bus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Peer;
using testing::Premises;
using ::testing::UnorderedElementsAre;

Settings open_settings() {
    Settings settings;
    settings.anonymous_sessions = AnonymousSessions::standard;
    settings.share_anonymous = true;
    return settings;
}

/// A session that is kept.
Peer& returns(Peer& peer, std::string_view id) {
    return peer.connects(id, false, 1'000);
}

void publish(Bus& bus, int from, int to, Qos qos = Qos::at_least_once) {
    Peer publisher{bus, Version::v311};
    publisher.connects("publisher");
    for (int i = from; i <= to; ++i) {
        const auto id = static_cast<std::uint16_t>(qos == Qos::at_most_once ? 0 : i);
        publisher.publishes("t", std::to_string(i), qos, id);
        if (qos == Qos::exactly_once) publisher.acks(PacketType::pubrel, id);
    }
    publisher.sends(mqtt::Disconnect{});
}

TEST(Shared, EachMessageGoesToOneMemberAndOrdinarySubscribersGetAll) {
    for (const Version version : {Version::v311, Version::v5}) {
        for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
            Bus bus{open_settings()};
            Peer a{bus, version};
            Peer b{bus, version};
            Peer all{bus, version};
            a.connects("a").subscribes("$share/g/t", qos);
            b.connects("b").subscribes("$share/g/t", qos);
            all.connects("all").subscribes("t");
            publish(bus, 1, 4, qos);
            EXPECT_THAT(a.take_payloads(), ElementsAre("1", "3"));
            EXPECT_THAT(b.take_payloads(), ElementsAre("2", "4"));
            EXPECT_THAT(all.take_payloads(), ElementsAre("1", "2", "3", "4"));
        }
    }
}

TEST(Shared, WithAnOrdinarySubscriptionBesideItACopyComesForEach) {  // 4.8.2
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a");
    a.sends(mqtt::Subscribe{
        .packet_id = 1, .entries = {{"$share/g/t", {}}, {"t", {}}}, .subscription_id = 7});
    a.take();
    EXPECT_THAT(a.suback_reasons, ElementsAre(ReasonCode::success, ReasonCode::success));
    publish(bus, 1, 1);
    const auto got = a.take_publishes();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_THAT(got[0].subscription_ids, ElementsAre(7U));
    EXPECT_THAT(got[1].subscription_ids, ElementsAre(7U));
    a.sends(mqtt::Unsubscribe{.packet_id = 2, .filters = {"t"}});  // Bad input 16.
    publish(bus, 2, 2);
    EXPECT_THAT(a.take_payloads(), ElementsAre("2"));
    a.sends(mqtt::Unsubscribe{.packet_id = 3, .filters = {"$share/g/t"}});
    publish(bus, 3, 3);
    EXPECT_THAT(a.take_payloads(), IsEmpty());
}

TEST(Shared, RetainedMessagesAreNotSent) {  // 3.8.4, 4.8.2
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a").publishes("t", "kept", Qos::at_most_once, 0, true);
    a.subscribes("$share/g/t");
    EXPECT_THAT(a.take_payloads(), IsEmpty());
}

TEST(Shared, NoLocalIsAProtocolError) {  // [MQTT-3.8.3-4]
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a").sends(
        mqtt::Subscribe{.packet_id = 1, .entries = {{"$share/g/t", {.no_local = true}}}});
    a.take();
    EXPECT_EQ(a.disconnect_reason, ReasonCode::protocol_error);
}

TEST(Shared, BadNamesAreRefusedAndNeverStored) {  // Bad input 15. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    for (const std::string_view filter :
         {"$share", "$share/", "$share/ab", "$share//x", "$share/a+/x", "$share/#/x", "$share/a/",
          "$share/a/b#", "$share/a/$SYS/#"}) {
        Bus bus{open_settings()};
        Peer a{bus, Version::v5};
        a.connects("a", false, 100).subscribes(filter).take();
        EXPECT_THAT(a.suback_reasons, ElementsAre(ReasonCode::topic_filter_invalid)) << filter;
        EXPECT_EQ(bus.shard.metrics().subscriptions.value(), 0U);
        publish(bus, 1, 1);
        EXPECT_THAT(a.take_payloads(), IsEmpty());
    }
}

TEST(Shared, WhoHasNoIdentityJoinsOnlyWhereItMay) {
    Bus bus;
    Peer a{bus, Version::v5};
    a.connects("a").subscribes("$share/g/t").take();
    EXPECT_EQ(a.connack_shared, false);
    EXPECT_THAT(a.suback_reasons, ElementsAre(ReasonCode::shared_subscriptions_not_supported));
    Peer b{bus, Version::v5};
    b.sends(mqtt::Connect{
        .version = Version::v5, .client_id = "b", .user_name = "u", .password = as_bytes("right")});
    b.subscribes("$share/g/t").take();
    EXPECT_EQ(b.connack_shared, std::nullopt);
    EXPECT_THAT(b.suback_reasons, ElementsAre(ReasonCode::success));
}

TEST(Shared, SubackWaitsForTheRecordToBeReadBack) {
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a").take();
    bus.delayed.hold();
    a.subscribes("$share/g/t", Qos::at_least_once);
    EXPECT_THAT(a.take(), IsEmpty());
    bus.delayed.let_go();
    bus.turn();
    EXPECT_THAT(a.take(), ElementsAre(PacketType::suback));
}

TEST(Shared, WhatALeaverDidNotAcknowledgeGoesToTheRestButQosTwo) {  // [MQTT-4.8.2-5]
    for (const Qos qos : {Qos::at_least_once, Qos::exactly_once}) {
        for (const bool unsubscribes : {false, true}) {
            Settings settings = open_settings();
            settings.session_inflight_max = 2;
            Bus bus{settings};
            Peer a{bus, Version::v5};
            Peer b{bus, Version::v5};
            a.connects("a").subscribes("$share/g/t", qos);
            b.connects("b").subscribes("$share/g/t", qos).take();
            publish(bus, 1, 8, qos);
            EXPECT_THAT(a.take_payloads(), ElementsAre("1", "3"));  // 5 and 7 wait for it.
            std::vector<std::string> got = b.take_payloads();
            if (unsubscribes) {
                a.sends(mqtt::Unsubscribe{.packet_id = 9, .filters = {"$share/g/t"}});
            } else {
                a.vanishes();
            }
            // B acknowledges whatever it gets, and gets the rest.
            for (std::uint16_t round = 0; round < 8; ++round) {
                for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}}) {
                    if (qos == Qos::at_least_once) {
                        b.acks(PacketType::puback, id);
                    } else {
                        b.acks(PacketType::pubrec, id).acks(PacketType::pubcomp, id);
                    }
                }
                for (const std::string& payload : b.take_payloads()) got.push_back(payload);
            }
            const bool moves_in_flight = qos == Qos::at_least_once && !unsubscribes;
            if (moves_in_flight) {
                EXPECT_THAT(got, UnorderedElementsAre("1", "2", "3", "4", "5", "6", "7", "8"));
            } else {
                EXPECT_THAT(got, UnorderedElementsAre("2", "4", "5", "6", "7", "8"));
            }
        }
    }
}

TEST(Shared, WhatAMemberCannotTakeWaitsForItAcrossItsAbsence) {
    Bus bus{open_settings()};
    {
        Peer a{bus, Version::v5};
        returns(a, "a").subscribes("$share/g/t", Qos::at_least_once).vanishes();
    }
    Peer b{bus, Version::v5};
    b.connects("b").subscribes("$share/g/t", Qos::at_least_once).take();
    publish(bus, 1, 4);
    publish(bus, 5, 6, Qos::at_most_once);
    EXPECT_THAT(b.take_payloads(), ElementsAre("2", "4", "6"));
    Peer back{bus, Version::v5};
    EXPECT_THAT(returns(back, "a").take_payloads(), ElementsAre("1", "3", "5"));
}

TEST(Shared, NothingComesBeforeAConnackThatWaitsForItsRecord) {  // [MQTT-3.2.0-1]
    Bus bus{std::make_shared<Premises>(), open_settings()};
    {
        Peer a{bus, Version::v5};
        returns(a, "a").subscribes("$share/g/t", Qos::at_least_once);
        publish(bus, 1, 1);
        a.vanishes();  // 1 is in flight.
    }
    bus.is_writing = false;
    publish(bus, 2, 2);
    Peer back{bus, Version::v5};
    ByteBuffer connect;
    mqtt::encode(mqtt::Connect{.version = Version::v5,
                               .clean_start = false,
                               .client_id = "a",
                               .session_expiry_s = 1'000},
                 connect);
    back.wire().handler->on_bytes(connect);
    while (bus.log.write_step()) continue;  // 2 is durable; what CONNECT records is not there yet.
    bus.turn();
    EXPECT_THAT(back.take(), IsEmpty());
    bus.is_writing = true;
    bus.turn();
    EXPECT_THAT(back.take(),
                ElementsAre(PacketType::connack, PacketType::publish, PacketType::publish));
    EXPECT_THAT(back.take_payloads(), ElementsAre("1", "2"));
}

TEST(Shared, AnExpiredSessionsDueGoesToTheRest) {
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a", false, 10).subscribes("$share/g/t", Qos::at_least_once).vanishes();
    Peer b{bus, Version::v5};
    b.connects("b").subscribes("$share/g/t", Qos::at_least_once);
    publish(bus, 1, 2);
    EXPECT_THAT(b.take_payloads(), ElementsAre("2"));
    bus.advance(std::chrono::seconds{12});
    EXPECT_THAT(b.take_payloads(), ElementsAre("1"));
}

TEST(Shared, WhileTheLogTakesNothingAMemberThatLeftKeepsItsTurnsForTheRest) {
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    Peer b{bus, Version::v5};
    a.connects("a").subscribes("$share/g/t");
    b.connects("b").subscribes("$share/g/t").take();
    bus.delayed.set_takes_durable(false);
    a.vanishes();
    publish(bus, 1, 2, Qos::at_most_once);
    EXPECT_THAT(b.take_payloads(), ElementsAre("2"));
    bus.delayed.set_takes_durable(true);
    bus.turn();
    EXPECT_THAT(b.take_payloads(), ElementsAre("1"));
}

TEST(Shared, ALeaveThatTheLogRefusedIsWrittenAgain) {
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    Peer b{bus, Version::v5};
    a.connects("a").subscribes("$share/g/t");
    b.connects("b").subscribes("$share/g/t").take();
    bus.delayed.refuse(1);
    a.vanishes();
    bus.turn();
    publish(bus, 1, 2, Qos::at_most_once);
    EXPECT_THAT(b.take_payloads(), UnorderedElementsAre("1", "2"));
}

TEST(Shared, ARefusedJoinEndsTheConnectionAndLeavesNobodyInTheGroup) {
    Bus bus{open_settings()};
    Peer a{bus, Version::v5};
    a.connects("a").take();
    bus.delayed.refuse(1);
    a.subscribes("$share/g/t");
    EXPECT_THAT(a.take(), ElementsAre(PacketType::disconnect));
    Peer b{bus, Version::v5};
    b.connects("b").subscribes("$share/g/t").take();
    publish(bus, 1, 2, Qos::at_most_once);
    EXPECT_THAT(b.take_payloads(), ElementsAre("1", "2"));
}

TEST(Shared, WhatMayNotBeReadIsDeliveredToNobodyInItsTurn) {  // Rule **Access**.
    Bus bus{open_settings(), "topic readwrite #\nuser u\ntopic read other\n"};
    Peer a{bus, Version::v5};
    a.sends(mqtt::Connect{
        .version = Version::v5, .client_id = "a", .user_name = "u", .password = as_bytes("right")});
    a.subscribes("$share/g/t").take();
    Peer b{bus, Version::v5};
    b.connects("b").subscribes("$share/g/t");
    publish(bus, 1, 4);
    EXPECT_THAT(a.take_payloads(), IsEmpty());
    EXPECT_THAT(b.take_payloads(), ElementsAre("2", "4"));
}

// Over stops.

enum class Stop : std::uint8_t { clean, crash, checkpoint_and_crash, checkpoint_early };

TEST(Shared, DurableMembersGoOnAfterEveryKindOfStop) {
    for (const Stop stop :
         {Stop::clean, Stop::crash, Stop::checkpoint_and_crash, Stop::checkpoint_early}) {
        for (const Qos qos : {Qos::at_least_once, Qos::exactly_once}) {
            SCOPED_TRACE(static_cast<int>(stop));
            auto premises = std::make_shared<Premises>();
            std::multiset<std::string> got;
            const auto take_all = [&](Peer& peer) {
                for (int round = 0; round < 20; ++round) {
                    const auto heard = peer.take_heard();
                    if (heard.empty()) break;
                    for (const Peer::Heard& one : heard) {
                        if (one.type == PacketType::publish) {
                            got.insert(one.publish.payload);
                            peer.acks(
                                qos == Qos::exactly_once ? PacketType::pubrec : PacketType::puback,
                                one.packet_id);
                        } else if (one.type == PacketType::pubrel) {
                            peer.acks(PacketType::pubcomp, one.packet_id);
                        }
                    }
                }
            };
            {
                Bus bus{premises, open_settings()};
                Peer a{bus, Version::v5};
                Peer b{bus, Version::v311};
                Peer gone{bus, Version::v5};
                returns(a, "a").subscribes("$share/g/t", qos).take();
                b.connects("b", false).subscribes("$share/g/t", qos).take();
                gone.connects("gone").subscribes("$share/h/t", qos).take();
                if (stop == Stop::checkpoint_early) bus.checkpoint();
                publish(bus, 1, 3, qos);
                take_all(a);  // 1 and 3; 2 waits for B, which does not look.
                EXPECT_EQ(got.size(), 2U);
                b.vanishes();
                publish(bus, 4, 6, qos);
                if (stop == Stop::checkpoint_and_crash) bus.checkpoint();
                if (stop == Stop::clean) bus.stop();
            }
            premises->files.lose_unsynced();
            Bus bus{premises, open_settings()};
            EXPECT_FALSE(bus.shard.shares().is_idle(Seq{}));
            Peer a{bus, Version::v5};
            Peer b{bus, Version::v311};
            returns(a, "a");
            b.connects("b", false);
            publish(bus, 7, 8, qos);
            take_all(a);
            take_all(b);
            for (int i = 1; i <= 8; ++i) {
                EXPECT_GE(got.count(std::to_string(i)), 1U) << i;
            }
            EXPECT_EQ(bus.shard.shares().memberships().size(), 2U);  // The one of `gone` is over.
        }
    }
}

TEST(Shared, ACheckpointIsNotAheadOfWhatItsRowHasRead) {
    constexpr std::uint32_t kForEver = 0xFFFF'FFFF;  // So that coming back records nothing.
    auto premises = std::make_shared<Premises>();
    {
        Bus bus{premises, open_settings()};
        Peer gone{bus, Version::v5};
        gone.connects("a", false, kForEver).subscribes("$share/g/t", Qos::exactly_once).vanishes();
        publish(bus, 1, 1, Qos::exactly_once);
        bus.checkpoint();
        bus.delayed.hold();
        Peer a{bus, Version::v5};
        a.connects("a", false, kForEver);  // Its id is assigned, which is not durable yet.
        const auto go_on = [&](int rounds) {
            for (int i = 0; i < rounds && bus.checkpointer.is_running(); ++i) {
                bus.turn();
                std::ignore = bus.checkpointer.step();
            }
        };
        bus.checkpointer.begin();
        go_on(5);
        bus.delayed.let_go();
        go_on(100);
        EXPECT_FALSE(bus.checkpointer.is_running());
        EXPECT_THAT(a.take_payloads(), ElementsAre("1"));
    }
    premises->files.lose_unsynced();
    Bus bus{premises, open_settings()};
    Peer a{bus, Version::v5};
    const auto got = a.connects("a", false, kForEver).take_publishes();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_TRUE(got[0].dup);
}

}  // namespace
}  // namespace firehose::bus
