// SPDX-License-Identifier: Apache-2.0
// Goal:   CONNECT's fields arrive where they belong, and CONNACK speaks each version's codes.
// Method: packets by hand, field by field.
#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

// 3.1.1 answers an empty identifier with a CONNACK, so it is no malformed packet. [MQTT311-3.1.3-8]
TEST(Connect, LeavesAnEmptyIdentifierToTheSessionsRules) {
    for (const auto hex : {"0004 4d515454 04 00 003c 0000", "0006 4d5149736470 03 02 003c 0000"}) {
        const ByteBuffer bytes = packet(0x10, hex);
        const ExactBytes exact{bytes};
        const auto connect = decode_connect(frame_of(exact.span()));
        ASSERT_TRUE(connect.has_value()) << hex;
        EXPECT_EQ(connect->client_id, "") << hex;
    }
}

TEST(Connect, GivesEveryFieldOfAFullPacket) {
    const ByteBuffer bytes = packet(
        0x10,
        "0004 4d515454 05 f4 003c 1b 11 00000010 21 0005 27 00001000 22 000a 17 00 19 01"
        "26 0001 6b 0001 76 0001 61 18 01 01 18 00000005 02 00000009 03 0001 74 08 0001 72 09 0001 "
        "63 0001 77 0002 6f6b 0001 75 0001 70");
    const ExactBytes exact{bytes};
    const auto connect = decode_connect(frame_of(exact.span()));
    ASSERT_TRUE(connect.has_value());
    EXPECT_EQ(connect->version, Version::v5);
    EXPECT_FALSE(connect->clean_start);
    EXPECT_EQ(connect->keep_alive_s, 60);
    EXPECT_EQ(connect->client_id, "a");
    EXPECT_EQ(connect->session_expiry_s, 16U);
    EXPECT_EQ(connect->receive_maximum, 5);
    EXPECT_EQ(connect->maximum_packet_size, 4096U);
    EXPECT_EQ(connect->topic_alias_maximum, 10);
    EXPECT_FALSE(connect->request_problem_information);
    EXPECT_TRUE(connect->request_response_information);
    ASSERT_EQ(connect->user_properties.size(), 1U);
    EXPECT_EQ(connect->user_properties[0].value, "v");
    EXPECT_EQ(connect->user_name, "u");
    ASSERT_TRUE(connect->password.has_value());
    EXPECT_EQ(as_text(*connect->password), "p");
    ASSERT_TRUE(connect->will.has_value());
    const Will& will = *connect->will;
    EXPECT_EQ(will.topic, "w");
    EXPECT_EQ(as_text(will.payload), "ok");
    EXPECT_EQ(will.qos, Qos::exactly_once);
    EXPECT_TRUE(will.retain);
    EXPECT_EQ(will.delay_s, 5U);
    EXPECT_EQ(will.message_expiry_s, 9U);
    EXPECT_TRUE(will.payload_is_utf8);
    // Will Delay Interval stood between the others and is not forwarded.
    EXPECT_EQ(will.properties, from_hex("01 01 02 00000009 03 0001 74 08 0001 72 09 0001 63"));
}

TEST(Connect, OfThreeDotOneIsReadLeniently) {
    struct Row {
        const char* body;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {"0006 4d5149736470 03 03 003c 0001 61", "3.1: the reserved bit is not used"},
        {"0006 4d5149736470 03 c2 003c 0001 61", "3.1: flags set, fields left out"},
        {"0006 4d5149736470 03 c2 003c 0001 61 0001 75", "3.1: password left out"},
        {"0006 4d5149736470 03 02 003c 001a 6161616161616161616161616161616161616161616161616161",
         "ours: more than 23 characters"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        const ExactBytes exact{ByteSpan{packet(0x10, row.body)}};
        const auto connect = decode_connect(frame_of(exact.span()));
        ASSERT_TRUE(connect.has_value());
        EXPECT_EQ(connect->version, Version::v31);
        EXPECT_FALSE(connect->password.has_value());
    }
}

TEST(Connect, VersionIsKnownAlsoWhenTheRestIsBroken) {
    const auto version = [](const char* body) {
        const ExactBytes exact{ByteSpan{packet(0x10, body)}};
        return connect_version(frame_of(exact.span()));
    };
    EXPECT_EQ(version("0004 4d515454 05 02"), Version::v5);
    EXPECT_EQ(version("0004 4d515454 04"), Version::v311);
    EXPECT_EQ(version("0004 4d515454 06 02"), std::nullopt);
    EXPECT_EQ(version("0004 4d51"), std::nullopt);
}

TEST(Connack, SpeaksTheReturnCodesOfThreeDotOneDotOne) {
    struct Row {
        ReasonCode reason;
        unsigned code;
        ReasonCode read_back;
    };
    using enum ReasonCode;
    static constexpr Row kRows[] = {
        {success, 0, success},
        {unsupported_protocol_version, 1, unsupported_protocol_version},
        {client_identifier_not_valid, 2, client_identifier_not_valid},
        {server_unavailable, 3, server_unavailable},
        {quota_exceeded, 3, server_unavailable},
        {connection_rate_exceeded, 3, server_unavailable},
        {bad_user_name_or_password, 4, bad_user_name_or_password},
        {not_authorized, 5, not_authorized},
        {banned, 5, not_authorized},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(name(row.reason));
        ByteBuffer out;
        encode(Connack{.reason = row.reason}, Version::v311, out);
        ASSERT_EQ(out.size(), 4U);
        EXPECT_EQ(std::to_integer<unsigned>(out[3]), row.code);
        const auto connack = decode_connack(frame_of(out), Version::v311);
        ASSERT_TRUE(connack.has_value());
        EXPECT_EQ(connack->reason, row.read_back);
    }
}

TEST(Connack, NeverOffersASessionInARefusal) {
    for (const Version version : {Version::v31, Version::v311, Version::v5}) {
        ByteBuffer out;
        encode(Connack{.session_present = true, .reason = ReasonCode::not_authorized}, version,
               out);
        EXPECT_EQ(std::to_integer<unsigned>(out[2]), 0U);  // [MQTT-3.2.2-6]
    }
}

TEST(Suback, KnowsOneFailureOnlyBeforeFiveDotZero) {
    ByteBuffer out;
    encode(
        Suback{.packet_id = 1, .reasons = {ReasonCode::granted_qos_2, ReasonCode::not_authorized}},
        Version::v311, out);
    EXPECT_EQ(out, from_hex("9004 0001 0280"));
}

}  // namespace
}  // namespace firehose::mqtt
