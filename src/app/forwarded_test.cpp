// SPDX-License-Identifier: Apache-2.0
// Goal:   a client cannot choose the address that it is counted by.
// Method: a table of headers as proxies and liars write them.
#include "app/forwarded.h"

#include <gtest/gtest.h>

namespace firehose::app {
namespace {

TEST(ClientAddress, IsTheLastThatNoTrustedProxyHas) {
    const IpNetworks trusted{{"10.0.0.0/8", "2001:db8::/32"}};
    struct Row {
        std::string peer;
        std::string header;
        std::string expected;
    };
    for (const Row& row : {
             Row{"192.0.2.1", "198.51.100.7", "192.0.2.1"},  // Not a proxy of ours.
             Row{"10.0.0.1", "", "10.0.0.1"},
             Row{"10.0.0.1", "198.51.100.7", "198.51.100.7"},
             Row{"10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"},  // The first is a claim.
             Row{"10.0.0.1", "198.51.100.7,10.0.0.2 , 10.0.0.3", "198.51.100.7"},
             Row{"10.0.0.1", "10.9.9.9", "10.9.9.9"},
             Row{"10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"},
             Row{"10.0.0.1", ",,", "10.0.0.1"},
             Row{"2001:db8::1", "2001:0DB8:0::2, fe80::1", "fe80::1"},
             Row{"2001:db8::1", "::ffff:198.51.100.7", "198.51.100.7"},
             Row{"local", "198.51.100.7", "local"},
         }) {
        EXPECT_EQ(client_address(trusted, row.peer, row.header), row.expected) << row.header;
    }
}

}  // namespace
}  // namespace firehose::app
