// SPDX-License-Identifier: Apache-2.0
// Goal:   an address is in a network or not, whichever way it is written.
// Method: tables.
#include "base/ip_network.h"

#include <gtest/gtest.h>

namespace firehose {
namespace {

TEST(IpAddress, ReadsAndWritesNumbersOnly) {
    struct Row {
        std::string text;
        std::string expected;  // Empty: none.
    };
    for (const Row& row :
         {Row{"127.0.0.1", "127.0.0.1"}, Row{"::1", "::1"}, Row{"2001:DB8:0:0::5", "2001:db8::5"},
          Row{"fe80::1%eth0", "fe80::1"}, Row{"::ffff:10.0.0.1", "10.0.0.1"}, Row{"", ""},
          Row{"localhost", ""}, Row{"10.0.0", ""}, Row{"10.0.0.1 ", ""}, Row{"[::1]", ""}}) {
        const auto address = IpAddress::parse(row.text);
        EXPECT_EQ(address ? address->text() : "", row.expected) << row.text;
    }
}

TEST(IpNetwork, TakesWholeNetworksOnly) {
    for (const char* bad : {"", "/8", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/8x",
                            "10.0.0.0/-1", "::1/64", "::/129", "fe80::%eth0/64", "any"}) {
        EXPECT_FALSE(IpNetwork::parse(bad)) << bad;
    }
    struct Row {
        const char* network;
        const char* inside;
        const char* outside;
    };
    for (const Row& row :
         {Row{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"}, Row{"10.1.2.3", "10.1.2.3", "10.1.2.2"},
          Row{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
          Row{"0.0.0.0/0", "255.255.255.255", "::1"}, Row{"10.0.0.0/8", "::ffff:10.0.0.1", "::a"},
          Row{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
          Row{"::/0", "127.0.0.1", "none"}, Row{"::1", "::1", "127.0.0.1"}}) {
        const IpNetworks networks{{row.network}};
        EXPECT_TRUE(networks.contains(row.inside)) << row.network;
        EXPECT_FALSE(networks.contains(row.outside)) << row.network;
    }
    EXPECT_FALSE(IpNetworks{}.contains("127.0.0.1"));
}

TEST(IpAddress, OfThisHostAloneIsKnown) {
    for (const char* ours : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
        EXPECT_TRUE(is_loopback(*IpAddress::parse(ours))) << ours;
    }
    for (const char* other : {"128.0.0.0", "126.255.255.255", "::2", "::", "0.0.0.0"}) {
        EXPECT_FALSE(is_loopback(*IpAddress::parse(other))) << other;
    }
}

TEST(ShortenedAddress, KeepsTheNetworkOnly) {
    EXPECT_EQ(shortened_address("192.0.2.77"), "192.0.2.x");
    EXPECT_EQ(shortened_address("::ffff:192.0.2.77"), "192.0.2.x");
    EXPECT_EQ(shortened_address("2001:db8:1:2:3:4:5:6"), "2001:db8:1:x");
    EXPECT_EQ(shortened_address("::1"), "0:0:0:x");
    EXPECT_EQ(shortened_address("local"), "local");
}

}  // namespace
}  // namespace firehose
