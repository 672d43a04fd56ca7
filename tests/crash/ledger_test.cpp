// SPDX-License-Identifier: Apache-2.0
// Goal:   the judge of the crash test sees a loss, a repeat, a swap and a stranger, and accepts
//         what QoS 1 allows after a lost connection, and no more.
// Method: a script of what was published, acknowledged and delivered.
#include "ledger.h"

#include <gtest/gtest.h>

namespace firehose::crash {
namespace {

using mqtt::Qos;

constexpr std::size_t kQos1 = 0;
constexpr std::size_t kQos2 = 1;

/// One publisher with three messages a stream; a reader at QoS 2, and one at QoS 1.
class LedgerScript : public testing::Test {
protected:
    LedgerScript() {
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(ledger.publish(0, kQos1));
            static_cast<void>(ledger.publish(0, kQos2));
        }
        ledger.reader_connected(0);
        ledger.reader_connected(1);
    }

    /// Whether nothing is wrong.
    bool gets(std::size_t reader, std::size_t stream, std::uint64_t number) {
        const Qos qos = reader == 1 || stream == kQos1 ? Qos::at_least_once : Qos::exactly_once;
        const Message message{.stream = stream, .number = number};
        return ledger.delivered(reader, message, qos).empty();
    }

    Ledger ledger{1, {Wish{}, Wish{.qos = Qos::at_least_once}}};
};

TEST_F(LedgerScript, TakesNumbersInTheirOrder) {
    for (std::uint64_t n = 1; n <= 3; ++n) {
        EXPECT_TRUE(gets(0, kQos1, n));
        EXPECT_TRUE(gets(0, kQos2, n));
    }
    EXPECT_FALSE(gets(0, kQos1, 4));  // Never published.
}

TEST_F(LedgerScript, SeesAHole) {
    EXPECT_TRUE(gets(0, kQos1, 1));
    EXPECT_FALSE(gets(0, kQos1, 3));
}

TEST_F(LedgerScript, SeesARepeatAtQos2WhateverHappened) {
    EXPECT_TRUE(gets(0, kQos2, 1));
    ledger.publisher_lost(0);
    ledger.reader_connected(0);
    EXPECT_FALSE(gets(0, kQos2, 1));
}

TEST_F(LedgerScript, AcceptsAtQos1WhatTheLastConnectionHad) {
    EXPECT_TRUE(gets(1, kQos2, 1));
    EXPECT_TRUE(gets(1, kQos2, 2));
    ledger.reader_connected(1);
    EXPECT_TRUE(gets(1, kQos2, 2));
    ledger.reader_connected(1);  // Nothing of the stream comes on this one.
    ledger.reader_connected(1);
    EXPECT_TRUE(gets(1, kQos2, 2));
    EXPECT_FALSE(gets(1, kQos2, 1));  // Older than the last connection.
}

TEST_F(LedgerScript, AcceptsAtQos1WhatThePublisherSentAgain) {
    EXPECT_TRUE(gets(1, kQos1, 1));
    ledger.acknowledged({.stream = kQos1, .number = 1});
    EXPECT_TRUE(gets(1, kQos1, 2));
    EXPECT_TRUE(gets(1, kQos1, 3));
    ledger.publisher_lost(0);
    for (int i = 0; i < 2; ++i) ledger.reader_connected(1);
    EXPECT_TRUE(gets(1, kQos1, 2));
    EXPECT_TRUE(gets(1, kQos1, 3));
}

TEST_F(LedgerScript, NamesWhatIsOwed) {
    EXPECT_EQ(ledger.owed(0), 0U);
    ledger.acknowledged({.stream = kQos2, .number = 1});
    EXPECT_EQ(ledger.owed(0), 1U);
    EXPECT_EQ(ledger.first_owed(0), "crash/0/2 number 1");
    EXPECT_TRUE(gets(0, kQos2, 1));
    EXPECT_EQ(ledger.first_owed(0), "");
}

TEST_F(LedgerScript, KnowsItsOwnMessages) {
    Message message;
    EXPECT_TRUE(parse(topic_of(7, kQos2), payload_of(12, 100), message));
    EXPECT_EQ(message.publisher, 7U);
    EXPECT_EQ(message.stream, kQos2);
    EXPECT_EQ(message.number, 12U);
    EXPECT_FALSE(parse("crash/7/3", payload_of(12, 100), message));
    EXPECT_FALSE(parse("crash/7", payload_of(12, 100), message));
    EXPECT_FALSE(parse(topic_of(7, kQos2), "twelve", message));
}

}  // namespace
}  // namespace firehose::crash
