// SPDX-License-Identifier: Apache-2.0
// Goal:   every CONNECT is granted what the standard and our limits allow, or refused by its rule.
// Method: one CONNECT a row, per version; limits from both sides.
#include "session/connect_rules.h"

#include <gtest/gtest.h>

#include <tuple>

namespace firehose::session {
namespace {

using mqtt::Connect;
using mqtt::ReasonCode;
using mqtt::Version;

Connect connect(Version version, std::string_view client_id = "c") {
    Connect packet;
    packet.version = version;
    packet.client_id = client_id;
    return packet;
}

ConnectTerms accepted(const Connect& packet, const ConnectLimits& limits = {}) {
    const auto terms = agree(packet, limits, "assigned");
    EXPECT_TRUE(terms) << terms.error();
    return terms ? *terms : ConnectTerms{};
}

ConnectRefusal refused(const Connect& packet, const ConnectLimits& limits = {}) {
    const auto terms = agree(packet, limits, "assigned");
    EXPECT_FALSE(terms);
    return terms ? ConnectRefusal{} : terms.error();
}

TEST(ConnectRules, AnEmptyClientIdIsAssignedOrRefusedByVersion) {
    Connect v5 = connect(Version::v5, "");
    for (const bool clean : {false, true}) {
        v5.clean_start = clean;
        EXPECT_EQ(accepted(v5).client_id, "assigned");  // [MQTT-3.1.3-6]
        EXPECT_TRUE(accepted(v5).is_id_assigned);
    }
    Connect v311 = connect(Version::v311, "");
    EXPECT_EQ(accepted(v311).client_id, "assigned");  // [MQTT311-3.1.3-6]
    v311.clean_start = false;
    EXPECT_EQ(refused(v311).reason, ReasonCode::client_identifier_not_valid);
    EXPECT_EQ(refused(v311).statement, "MQTT311-3.1.3-8");
    EXPECT_TRUE(refused(v311).has_connack);
    EXPECT_EQ(refused(connect(Version::v31, "")).reason, ReasonCode::client_identifier_not_valid);
}

TEST(ConnectRules, AnAuthenticationMethodIsRefused) {
    Connect packet = connect(Version::v5);
    packet.authentication_method = "SCRAM-SHA-1";
    EXPECT_EQ(refused(packet).reason, ReasonCode::bad_authentication_method);  // [MQTT-4.12.0-1]
    EXPECT_TRUE(refused(packet).has_connack);
}

TEST(ConnectRules, AWillNeedsATopicName) {
    for (const std::string_view topic : {"", "a/+", "#"}) {
        Connect packet = connect(Version::v5);
        packet.will = mqtt::Will{};
        packet.will->topic = topic;
        EXPECT_EQ(refused(packet).reason, ReasonCode::topic_name_invalid) << topic;
        packet.version = Version::v311;  // Has no return code for it.
        EXPECT_FALSE(refused(packet).has_connack) << topic;
    }
}

TEST(ConnectRules, SessionsExpireAsAskedWithinTheLimit) {
    struct Row {
        Version version;
        bool clean;
        std::uint32_t asked, limit, granted;
        bool is_changed;
        const char* from;
    };
    static constexpr Row kRows[] = {
        {Version::v5, true, 0, kNeverExpires, 0, false, "3.1.2.11.2: ends with the connection"},
        {Version::v5, true, 300, kNeverExpires, 300, false, "as asked"},
        {Version::v5, false, kNeverExpires, kNeverExpires, kNeverExpires, false, "never"},
        {Version::v5, false, kNeverExpires, 600, 600, true, "limited"},
        {Version::v5, false, 601, 600, 600, true, "limited"},
        {Version::v5, false, 600, 600, 600, false, "at the limit"},
        {Version::v5, false, 300, 0, 0, true, "an anonymous client"},
        {Version::v311, true, 0, kNeverExpires, 0, false, "MQTT311-3.1.2-6"},
        {Version::v311, false, 0, kNeverExpires, 7'200, false, "MQTT311-3.1.2-4"},
        {Version::v311, false, 0, 0, 0, false, "an anonymous client"},
        {Version::v31, false, 0, 60, 60, false, "3.1 likewise"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        Connect packet = connect(row.version);
        packet.clean_start = row.clean;
        packet.session_expiry_s = row.asked;
        const ConnectTerms terms =
            accepted(packet, {.session_expiry_max_s = row.limit, .v311_session_expiry_s = 7'200});
        EXPECT_EQ(terms.session_expiry_s, row.granted);
        EXPECT_EQ(terms.is_expiry_changed, row.is_changed);
        EXPECT_EQ(terms.is_durable(), row.granted != 0);
    }
}

TEST(ConnectRules, KeepAliveIsTheClientsUnlessLimited) {
    struct Row {
        std::uint16_t asked, limit, granted;
        bool is_changed;
    };
    static constexpr Row kRows[] = {
        {0, 0, 0, false},    {60, 0, 60, false}, {0, 65'535, 0, false},
        {60, 60, 60, false}, {61, 60, 60, true}, {0, 60, 60, true},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.asked);
        Connect packet = connect(Version::v5);
        packet.keep_alive_s = row.asked;
        const ConnectLimits limits{.keep_alive_max_s = row.limit};
        EXPECT_EQ(accepted(packet, limits).keep_alive_s, row.granted);
        EXPECT_EQ(accepted(packet, limits).is_keep_alive_changed, row.is_changed);
        packet.version = Version::v311;
        if (row.is_changed) {
            EXPECT_EQ(refused(packet, limits).reason, ReasonCode::client_identifier_not_valid);
        } else {
            EXPECT_EQ(accepted(packet, limits).keep_alive_s, row.granted);
        }
    }
}

TEST(ConnectRules, TheWindowIsTheSmallerOfReceiveMaximumAndOurs) {
    for (const auto& [theirs, ours, window] :
         {std::tuple{1, 20, 1}, {20, 20, 20}, {21, 20, 20}, {65'535, 65'535, 65'535}}) {
        Connect packet = connect(Version::v5);
        packet.receive_maximum = static_cast<std::uint16_t>(theirs);
        const ConnectLimits limits{.outbound_inflight_max = static_cast<std::uint16_t>(ours)};
        EXPECT_EQ(accepted(packet, limits).outbound_window, window);  // [MQTT-3.3.4-9]
    }
    const ConnectLimits limits{.outbound_inflight_max = 7, .v311_inflight_max = 9};
    EXPECT_EQ(accepted(connect(Version::v311), limits).outbound_window, 7);
    EXPECT_EQ(accepted(connect(Version::v311), limits).inbound_window, 9);
}

TEST(ConnectRules, ConnackTellsA5ClientWhatDiffersAndA3ClientNothing) {
    Connect packet = connect(Version::v5, "");
    packet.session_expiry_s = 300;
    packet.keep_alive_s = 100;
    const ConnectLimits limits{.keep_alive_max_s = 60, .session_expiry_max_s = 0};
    const ConnectTerms terms = accepted(packet, limits);
    const mqtt::Connack out = connack(terms, limits, true);
    EXPECT_TRUE(out.session_present);
    EXPECT_EQ(out.assigned_client_id, "assigned");  // [MQTT-3.1.3-7]
    EXPECT_EQ(out.session_expiry_s, 0u);
    EXPECT_EQ(out.server_keep_alive_s, 60);  // [MQTT-3.1.2-21]
    EXPECT_EQ(out.receive_maximum, limits.receive_maximum);
    EXPECT_EQ(out.topic_alias_maximum, limits.topic_alias_maximum);
    EXPECT_EQ(out.maximum_packet_size, limits.packet_bytes_max);

    const ConnectTerms plain = accepted(connect(Version::v5));
    EXPECT_FALSE(connack(plain, {}, false).assigned_client_id);
    EXPECT_FALSE(connack(plain, {}, false).session_expiry_s);
    EXPECT_FALSE(connack(plain, {}, false).server_keep_alive_s);

    const ConnectTerms old = accepted(connect(Version::v311, ""));
    EXPECT_FALSE(connack(old, {}, false).assigned_client_id);
    EXPECT_FALSE(connack(old, {}, false).receive_maximum);
}

TEST(ConnectRules, DisconnectMayShortenAnExpiryButNotMakeOneFromNothing) {
    Connect packet = connect(Version::v5);
    const ConnectLimits limits{.session_expiry_max_s = 600};
    const ConnectTerms none = accepted(packet, limits);
    EXPECT_EQ(*expiry_after_disconnect(none, std::nullopt, limits), 0u);
    EXPECT_EQ(*expiry_after_disconnect(none, 0, limits), 0u);
    EXPECT_EQ(expiry_after_disconnect(none, 1, limits).error().reason, ReasonCode::protocol_error);

    packet.session_expiry_s = 300;
    const ConnectTerms some = accepted(packet, limits);
    EXPECT_EQ(*expiry_after_disconnect(some, std::nullopt, limits), 300u);
    EXPECT_EQ(*expiry_after_disconnect(some, 0, limits), 0u);
    EXPECT_EQ(*expiry_after_disconnect(some, 900, limits), 600u);

    const ConnectLimits anonymous{.session_expiry_max_s = 0};
    const ConnectTerms lowered = accepted(packet, anonymous);
    EXPECT_EQ(*expiry_after_disconnect(lowered, 300, anonymous), 0u);
}

}  // namespace
}  // namespace firehose::session
