// SPDX-License-Identifier: Apache-2.0
// Goal:   a PUBLISH is forwarded with its properties unaltered but for alias, identifiers, expiry.
// Method: property blocks by hand; encoded bytes compared, sizes computed beforehand too.
#include <gtest/gtest.h>

#include "mqtt/test_bytes.h"

namespace firehose::mqtt {
namespace {

ByteBuffer encoded(const Publish& packet, Version version) {
    ByteBuffer out;
    encode(packet, version, out);
    EXPECT_EQ(out.size(), encoded_size(packet, version));
    return out;
}

TEST(Publish, GivesWhatTheBrokerActsOn) {
    const ExactBytes exact{ByteSpan{packet(
        0x3d, "0001 61 0007 16 0b 01 0b 8002 01 01 02 0000003c 23 0005 26 0001 6e 0001 76 78")}};
    const auto publish = decode_publish(frame_of(exact.span()), Version::v5);
    ASSERT_TRUE(publish.has_value());
    EXPECT_TRUE(publish->dup);
    EXPECT_TRUE(publish->retain);
    EXPECT_EQ(publish->qos, Qos::exactly_once);
    EXPECT_EQ(publish->topic, "a");
    EXPECT_EQ(publish->packet_id, 7);
    EXPECT_EQ(publish->topic_alias, 5);
    EXPECT_EQ(publish->message_expiry_s, 60U);
    EXPECT_TRUE(publish->payload_is_utf8);
    EXPECT_EQ(publish->subscription_ids, (std::vector<std::uint32_t>{1, 256}));
    EXPECT_EQ(as_text(publish->payload), "x");
    ByteBuffer scratch;
    const ByteSpan kept = without_alias(publish->properties, scratch);
    EXPECT_EQ(as_text(kept), as_text(from_hex("01 01 02 0000003c 26 0001 6e 0001 76")));
    const auto found = user_properties(kept);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].name, "n");
    EXPECT_EQ(found[0].value, "v");
}

TEST(Publish, WithoutAliasCopiesNothingWhenThereIsNone) {
    const ByteBuffer properties = from_hex("01 01 26 0001 6e 0001 76");
    ByteBuffer scratch;
    EXPECT_EQ(without_alias(properties, scratch).data(), properties.data());
    EXPECT_TRUE(without_alias({}, scratch).empty());
    EXPECT_TRUE(user_properties({}).empty());
}

TEST(Publish, ReplacesTheExpiryInItsPlaceOrAddsIt) {
    struct Row {
        const char* properties;
        const char* written;
        const char* what;
    };
    static constexpr Row kRows[] = {
        {"", "05 02 00000007", "none before"},
        {"01 01", "07 02 00000007 01 01", "others before"},
        {"02 0000003c", "05 02 00000007", "alone"},
        {"01 01 02 0000003c 26 0001 6e 0001 76", "0e 01 01 02 00000007 26 0001 6e 0001 76",
         "in the middle"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.what);
        const ByteBuffer properties = from_hex(row.properties);
        const Publish publish{.topic = "a", .message_expiry_s = 7, .properties = properties};
        EXPECT_EQ(encoded(publish, Version::v5),
                  packet(0x30, std::string{"0001 61"} + row.written));
    }
}

TEST(Publish, LeavesPropertiesOutBeforeFiveDotZero) {
    const ByteBuffer properties = from_hex("01 01");
    const Publish publish{
        .topic = "a", .topic_alias = 3, .message_expiry_s = 7, .properties = properties};
    EXPECT_EQ(encoded(publish, Version::v311), packet(0x30, "0001 61"));
}

TEST(Publish, SizesAreRightAtEveryLengthOfTheLength) {
    for (const std::size_t size : {0U, 120U, 130U, 16'300U, 16'500U, 2'097'200U}) {
        const ByteBuffer payload(size, std::byte{1});
        const Publish publish{.qos = Qos::at_least_once,
                              .topic = "a/b",
                              .packet_id = 9,
                              .subscription_ids = {1, 300},
                              .payload = payload};
        for (const Version version : {Version::v311, Version::v5}) {
            const ByteBuffer bytes = encoded(publish, version);
            const auto again = decode_publish(frame_of(bytes), version);
            ASSERT_TRUE(again.has_value());
            EXPECT_EQ(again->payload.size(), size);
        }
    }
}

}  // namespace
}  // namespace firehose::mqtt
