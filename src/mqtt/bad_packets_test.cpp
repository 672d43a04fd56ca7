// SPDX-License-Identifier: Apache-2.0
// Goal:   what one packet alone can break is refused, with the reason that the standard names.
// Method: a table of whole packets, each with one fault and where the fault was taken from.
#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

constexpr Version k31 = Version::v31;
constexpr Version k311 = Version::v311;
constexpr Version k5 = Version::v5;
constexpr ReasonCode kMalformed = ReasonCode::malformed_packet;
constexpr ReasonCode kProtocol = ReasonCode::protocol_error;

struct Row {
    Version version;
    unsigned first_byte;
    const char* body;
    ReasonCode reason;
    const char* from;
};

void expect_refused(std::span<const Row> rows) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.from);
        const ExactBytes bytes{ByteSpan{packet(row.first_byte, row.body)}};
        const auto error = decoding_error(frame_of(bytes.span()), row.version);
        ASSERT_TRUE(error.has_value());
        EXPECT_EQ(error->reason, row.reason) << *error;
        EXPECT_FALSE(error->detail.empty());
    }
}

TEST(BadPackets, ConnectIsRefused) {
    static constexpr Row kRows[] = {
        {k311, 0x10, "0004 4d515455 04 02 003c 0001 61", kMalformed, "MQTT-3.1.2-1: name MQTU"},
        {k311, 0x10, "0004 4d515454 06 02 003c 0001 61", ReasonCode::unsupported_protocol_version,
         "MQTT-3.1.2-2: level 6"},
        {k311, 0x10, "0004 4d515454 03 02 003c 0001 61", ReasonCode::unsupported_protocol_version,
         "3.1's level under 3.1.1's name"},
        {k311, 0x10, "0006 4d5149736470 04 02 003c 0001 61",
         ReasonCode::unsupported_protocol_version, "3.1.1's level under 3.1's name"},
        {k311, 0x10, "0004 4d515454 84 02 003c 0001 61", ReasonCode::unsupported_protocol_version,
         "a bridge's bit 7"},
        {k311, 0x10, "0004 4d515454 04 03 003c 0001 61", kMalformed, "MQTT-3.1.2-3: reserved bit"},
        {k311, 0x10, "0004 4d515454 04 0a 003c 0001 61", kMalformed, "MQTT-3.1.2-11: Will QoS"},
        {k311, 0x10, "0004 4d515454 04 22 003c 0001 61", kMalformed, "MQTT-3.1.2-13: Will Retain"},
        {k311, 0x10, "0004 4d515454 04 1e 003c 0001 61 0001 77 0000", kMalformed,
         "MQTT-3.1.2-12: Will QoS 3"},
        {k311, 0x10, "0004 4d515454 04 42 003c 0001 61 0001 70", kMalformed,
         "MQTT311-3.1.2-22: a password without a user name"},
        {k311, 0x10, "0004 4d515454 04 82 003c 0001 61", kMalformed,
         "bad-inputs 24: user name flag but none"},
        {k311, 0x10, "0004 4d515454 04 06 003c 0001 61 0001 23 0000",
         ReasonCode::topic_name_invalid, "MQTT-4.7.1-1: wildcard in the will's topic"},
        {k311, 0x10, "0004 4d515454 04 06 003c 0001 61 0000 0000", ReasonCode::topic_name_invalid,
         "MQTT-4.7.3-1: empty will topic"},
        {k311, 0x10, "0004 4d515454 04 02 003c 0002 c328", kMalformed,
         "MQTT-3.1.3-4: client id not UTF-8"},
        {k5, 0x10, "0004 4d515454 05 02 003c 0a 11 00000001 11 00000001 0001 61", kProtocol,
         "bad-inputs 23: Session Expiry Interval twice"},
        {k5, 0x10, "0004 4d515454 05 02 003c 03 21 0000 0001 61", kProtocol,
         "3.1.2.11.3: Receive Maximum 0"},
        {k5, 0x10, "0004 4d515454 05 02 003c 05 27 00000000 0001 61", kProtocol,
         "3.1.2.11.4: Maximum Packet Size 0"},
        {k5, 0x10, "0004 4d515454 05 02 003c 02 17 02 0001 61", kProtocol,
         "3.1.2.11.7: Request Problem Information 2"},
        {k5, 0x10, "0004 4d515454 05 02 003c 04 16 0001 61 0001 61", kProtocol,
         "3.1.2.11.10: Authentication Data without a method"},
        {k5, 0x10, "0004 4d515454 05 02 003c 03 23 0001 0001 61", kMalformed,
         "2.2.2.2: Topic Alias in CONNECT"},
        {k5, 0x10, "0004 4d515454 05 02 003c 02 04 00 0001 61", kMalformed,
         "2.2.2.2: identifier 4 is none"},
        {k5, 0x10, "0004 4d515454 05 02 003c 02 7f 00 0001 61", kMalformed,
         "2.2.2.2: identifier 127 is none"},
        {k5, 0x10, "0004 4d515454 05 06 003c 00 0001 61 05 11 00000001 0001 74 0000", kMalformed,
         "bad-inputs 23: Session Expiry Interval in a will"},
        {k5, 0x10, "0004 4d515454 05 06 003c 00 0001 61 02 01 02 0001 74 0000", kProtocol,
         "3.1.3.2.3: Payload Format Indicator 2"},
        {k5, 0x10, "0004 4d515454 05 06 003c 00 0001 61 04 08 0001 2b 0001 74 0000", kProtocol,
         "MQTT-3.3.2-14: wildcard in the Response Topic"},
        {k5, 0x10, "0004 4d515454 05 02 003c 04 11 00000001 0001 61", kMalformed,
         "a property that ends beyond the Property Length"},
        {k5, 0x10, "0004 4d515454 05 02 003c ff7f 11", kMalformed,
         "bad-inputs 7: Property Length beyond the packet"},
        {k5, 0x10, "0004 4d515454 05 02 003c ffffffffff 11", kMalformed,
         "bad-inputs 7: Property Length of five bytes"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, ConnackIsRefused) {
    static constexpr Row kRows[] = {
        {k311, 0x20, "02 00", kMalformed, "MQTT-3.2.2-1: reserved flags"},
        {k311, 0x20, "00 06", kMalformed, "3.1.1 table 3.1: code 6 is reserved"},
        {k311, 0x20, "01 05", kProtocol, "MQTT-3.2.2-6: a session in a refusal"},
        {k5, 0x20, "00 01 00", kProtocol, "MQTT-3.2.2-8: not a CONNACK reason"},
        {k5, 0x20, "00 00", kMalformed, "no Property Length"},
        {k5, 0x20, "00 00 02 24 02", kProtocol, "3.2.2.3.4: Maximum QoS 2"},
        {k5, 0x20, "00 00 03 21 0000", kProtocol, "3.2.2.3.3: Receive Maximum 0"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, PublishIsRefused) {
    static constexpr Row kRows[] = {
        {k311, 0x36, "0001 61 0001", kMalformed, "MQTT-3.3.1-4: QoS 3"},
        {k311, 0x38, "0001 61", kMalformed, "MQTT-3.3.1-2: DUP with QoS 0"},
        {k311, 0x32, "0001 61 0000", kMalformed, "MQTT-2.2.1-3: identifier 0"},
        {k311, 0x32, "0005 746f706963", kMalformed, "bad-inputs 9: ends after the topic"},
        {k311, 0x32, "0005 746f706963 01", kMalformed, "bad-inputs 9: half an identifier"},
        {k311, 0x30, "ffff 6162", kMalformed, "bad-inputs 11: topic beyond the packet"},
        {k311, 0x30, "", kMalformed, "no topic at all"},
        {k311, 0x30, "0000 78", kProtocol, "bad-inputs 12: empty topic"},
        {k5, 0x30, "0000 00 78", kProtocol, "bad-inputs 12: empty topic, no alias"},
        {k311, 0x30, "0003 612f2b", ReasonCode::topic_name_invalid, "MQTT-3.3.2-2: +"},
        {k311, 0x30, "0003 612f23", ReasonCode::topic_name_invalid, "MQTT-3.3.2-2: #"},
        {k311, 0x30, "0003 eda080", kMalformed, "MQTT-3.3.2-1: a surrogate"},
        {k311, 0x30, "0003 610062", kMalformed, "MQTT-1.5.4-2: U+0000"},
        {k5, 0x30, "0001 61 03 23 0000", ReasonCode::topic_alias_invalid, "MQTT-3.3.2-8: alias 0"},
        {k5, 0x30, "0001 61 06 23 0001 23 0001", kProtocol, "3.3.2.3.4: two aliases"},
        {k5, 0x30, "0001 61 02 0b 00", kProtocol, "3.3.2.3.8: Subscription Identifier 0"},
        {k5, 0x30, "0001 61 05 18 00000001", kMalformed, "Will Delay Interval in PUBLISH"},
        {k5, 0x30, "0001 61 80", kMalformed, "bad-inputs 7: a varint cut by the packet's end"},
        {k5, 0x30, "0001 61 05 26 0001 6e 00", kMalformed, "half a user property"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, AcknowledgementsAreRefused) {
    static constexpr Row kRows[] = {
        {k311, 0x40, "0000", kMalformed, "MQTT-2.2.1-3: identifier 0"},
        {k311, 0x40, "00", kMalformed, "half an identifier"},
        {k311, 0x40, "0001 00", kMalformed, "a reason before 5.0"},
        {k5, 0x40, "0001 92", kProtocol, "MQTT-3.4.2-1: PUBREL's reason in PUBACK"},
        {k5, 0x50, "0001 01", kProtocol, "MQTT-3.5.2-1"},
        {k5, 0x62, "0001 87", kProtocol, "MQTT-3.6.2-1: PUBACK's reason in PUBREL"},
        {k5, 0x70, "0001 10", kProtocol, "MQTT-3.7.2-1"},
        {k5, 0x40, "0001 00 03 21 0001", kMalformed, "Receive Maximum in PUBACK"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, SubscribeAndUnsubscribeAreRefused) {
    static constexpr Row kRows[] = {
        {k311, 0x82, "0001", kProtocol, "MQTT-3.8.3-2: no filter"},
        {k5, 0x82, "0001 00", kProtocol, "MQTT-3.8.3-2: no filter"},
        {k311, 0x82, "0001 0001 61", kMalformed, "bad-inputs 10: no options byte"},
        {k311, 0x82, "0000 0001 61 00", kMalformed, "MQTT-2.2.1-3: identifier 0"},
        {k311, 0x82, "0001 0001 61 04", kMalformed, "MQTT311-3.8.3-4: reserved bits"},
        {k311, 0x82, "0001 0001 61 03", kProtocol, "3.8.3.1: QoS 3"},
        {k5, 0x82, "0001 00 0001 61 03", kProtocol, "3.8.3.1: QoS 3"},
        {k5, 0x82, "0001 00 0001 61 30", kProtocol, "3.8.3.1: Retain Handling 3"},
        {k5, 0x82, "0001 00 0001 61 40", kMalformed, "MQTT-3.8.3-5: reserved bit 6"},
        {k5, 0x82, "0001 00 0001 61 80", kMalformed, "MQTT-3.8.3-5: reserved bit 7"},
        {k5, 0x82, "0001 02 0b 00 0001 61 00", kProtocol, "bad-inputs 44: identifier 0"},
        {k5, 0x82, "0001 04 0b 01 0b 02 0001 61 00", kProtocol, "bad-inputs 44: two identifiers"},
        {k5, 0x82, "0001 05 0b 8080808001 0001 61 00", kMalformed,
         "bad-inputs 44: identifier above 268,435,455"},
        {k311, 0x82, "0001 0001 61 00 0002 c328 00", kMalformed, "MQTT-3.8.3-1: not UTF-8"},
        {k311, 0xa2, "0001", kProtocol, "MQTT-3.10.3-2: no filter"},
        {k5, 0xa2, "0001 00", kProtocol, "MQTT-3.10.3-2: no filter"},
        {k311, 0xa2, "0001 0005 61", kMalformed, "filter beyond the packet"},
        {k311, 0x90, "0001", kProtocol, "SUBACK without a reason (bad-inputs 34)"},
        {k311, 0x90, "0001 03", kProtocol, "MQTT311-3.9.3-2"},
        {k5, 0x90, "0001 00 03", kProtocol, "MQTT-3.9.3-2"},
        {k5, 0xb0, "0001 00", kProtocol, "UNSUBACK without a reason"},
        {k5, 0xb0, "0001 00 01", kProtocol, "MQTT-3.11.3-2"},
        {k311, 0xb0, "0001 00", kMalformed, "a reason before 5.0"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, TheRestIsRefused) {
    static constexpr Row kRows[] = {
        {k311, 0xc0, "00", kMalformed, "PINGREQ with a body"},
        {k311, 0xe0, "00", kMalformed, "DISCONNECT with a reason before 5.0"},
        {k5, 0xe0, "01", kProtocol, "MQTT-3.14.2-1"},
        {k5, 0xe0, "00 03 21 0001", kMalformed, "Receive Maximum in DISCONNECT"},
        {k311, 0xf0, "", kMalformed, "AUTH before 5.0"},
        {k5, 0xf0, "01", kProtocol, "MQTT-3.15.2-1"},
    };
    expect_refused(kRows);
}

TEST(BadPackets, ErrorsNameTheFieldTheByteAndTheStatement) {
    const ExactBytes bytes{ByteSpan{packet(0x30, "0003 610062")}};
    const auto error = decoding_error(frame_of(bytes.span()), k311);
    ASSERT_TRUE(error.has_value());
    std::ostringstream text;
    text << *error;
    EXPECT_EQ(text.str(), "malformed_packet: Topic Name: contains U+0000 at byte 2 (MQTT-1.5.4-2)");
}

}  // namespace
}  // namespace firehose::mqtt
