// SPDX-License-Identifier: Apache-2.0
// Goal:   a PROXY header gives the client's address or is refused, in whatever pieces it comes.
// Method: tables of headers; each is cut at every byte, on the heap at its exact size.
#include "net/proxy_header.h"

#include <gtest/gtest.h>

#include <vector>

namespace firehose::net {
namespace {

template <std::size_t Size>
std::string bytes(const char (&text)[Size]) {
    return {text, Size - 1};
}

const std::string kSignature = bytes("\r\n\r\n\0\r\nQUIT\n");

std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

/// A header of version 2: what follows the signature up to the length, and the rest.
std::string version_2(char command, char family, const std::string& rest) {
    return kSignature + command + family + number(rest.size()) + rest;
}

std::string tlv(char type, const std::string& value) {
    return type + number(value.size()) + value;
}

const std::string kV4 = bytes("\xC0\x00\x02\x07\x0A\x00\x00\x01\x12\x34\x07\x5B");
const std::string kV6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\x07' +
                        std::string(16, '\x01') + "abcd";

auto parse(const std::string& text, ProxyProtocol accepted = ProxyProtocol::any) {
    const std::vector<char> exact{text.begin(), text.end()};
    return parse_proxy_header(as_bytes(std::string_view{exact.data(), exact.size()}), accepted);
}

struct Good {
    std::string header;
    std::string address;  // Empty: the connection's own.
    bool is_tls = false;
    std::string common_name = {};
};

std::vector<Good> good_headers() {
    const std::string verified(4, '\0');
    const std::string client = tlv('\x21', "TLSv1.3") + tlv('\x22', "alice") + tlv('\x23', "ECDHE");
    return {
        {"PROXY TCP4 192.0.2.7 10.0.0.1 4660 1883\r\n", "192.0.2.7"},
        {"PROXY TCP6 2001:db8::7 ::1 4660 1883\r\n", "2001:db8::7"},
        {"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 0\r\n", "192.0.2.7"},
        {"PROXY UNKNOWN\r\n", ""},
        {"PROXY UNKNOWN whatever it is 1 2\r\n", ""},
        {version_2('\x21', '\x11', kV4), "192.0.2.7"},
        {version_2('\x21', '\x21', kV6), "2001:db8::7"},
        {version_2('\x21', '\x12', kV4), "192.0.2.7"},  // Datagrams: the address is one.
        {version_2('\x20', '\x11', kV4), ""},           // LOCAL: ignored.
        {version_2('\x20', '\x00', ""), ""},
        {version_2('\x21', '\x00', "what it likes"), ""},
        {version_2('\x21', '\x31', std::string(216, 'u')), ""},
        {version_2('\x21', '\x71', "later families"), ""},
        {version_2('\x21', '\x11', kV4 + tlv('\x04', std::string(40, '\0')) + tlv('\xE0', "own")),
         "192.0.2.7"},
        {version_2('\x21', '\x11', kV4 + tlv('\x20', '\x07' + verified + client)), "192.0.2.7",
         true, "alice"},
        {version_2('\x21', '\x11', kV4 + tlv('\x20', '\x01' + verified + client)), "192.0.2.7",
         true},  // No certificate in this connection nor in its session.
        {version_2('\x21', '\x11', kV4 + tlv('\x20', '\x07' + bytes("\0\0\0\x01") + client)),
         "192.0.2.7", true},  // Not verified.
        {version_2('\x21', '\x11', kV4 + tlv('\x20', '\0' + verified)), "192.0.2.7"},
    };
}

TEST(ProxyHeader, GivesTheClientsAddressInWhateverPiecesItComes) {
    for (const Good& row : good_headers()) {
        SCOPED_TRACE(row.header.substr(0, 40));
        for (std::size_t cut = 0; cut < row.header.size(); ++cut) {
            const auto part = parse(row.header.substr(0, cut));
            ASSERT_TRUE(part) << cut << ": " << part.error();
            EXPECT_FALSE(part->has_value()) << cut;
        }
        const auto whole = parse(row.header + "\x10\x0C");
        ASSERT_TRUE(whole && *whole) << whole.error();
        EXPECT_EQ((*whole)->size, row.header.size());
        EXPECT_EQ((*whole)->address.value_or(""), row.address);
        EXPECT_EQ((*whole)->is_tls, row.is_tls);
        EXPECT_EQ((*whole)->common_name.value_or(""), row.common_name);
    }
}

TEST(ProxyHeader, RefusesWhatIsNone) {
    struct Row {
        std::string header;
        std::string problem;
    };
    for (const Row& row : {
             Row{"\x10\x0C", "there is none"},
             Row{"GET / HTTP/1.1\r\n", "there is none"},
             Row{"PROXYTCP4", "there is none"},
             Row{bytes("\r\n\r\n\0\r\nQUIX\n"), "there is none"},
             Row{"PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", "its family is none of TCP4, TCP6, UNKNOWN"},
             Row{"PROXY TCP4 ::1 ::1 1 1\r\n", "an address is not of its family"},
             Row{"PROXY TCP4 1.2.3.4\r\n", "an address is not of its family"},
             Row{"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
                 "its ports are not two numbers up to 65535"},
             Row{"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "its ports are not two numbers up to 65535"},
             Row{"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
                 "its ports are not two numbers up to 65535"},
             Row{"PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
                 "its ports are not two numbers up to 65535"},
             Row{"PROXY UNKNOWN " + std::string(107, 'x'), "its line is too long"},
             Row{version_2('\x11', '\x11', kV4), "its version is not 2"},
             Row{version_2('\x22', '\x11', kV4), "its command is neither LOCAL nor PROXY"},
             Row{version_2('\x21', '\x11', kV4.substr(1)), "it is shorter than its addresses"},
             Row{version_2('\x21', '\x21', kV4), "it is shorter than its addresses"},
             Row{kSignature + "\x21\x11" + number(4'081), "it is too long"},
             Row{version_2('\x21', '\x11', kV4 + bytes("\x04\x00\x05")),
                 "a field is longer than the header"},
             Row{version_2('\x21', '\x11', kV4 + bytes("\x04")),
                 "a field is longer than the header"},
             Row{version_2('\x21', '\x11', kV4 + tlv('\x20', "\x01")),
                 "a field is longer than the header"},
         }) {
        const auto parsed = parse(row.header);
        ASSERT_FALSE(parsed) << row.header;
        EXPECT_EQ(parsed.error(), row.problem) << row.header;
    }
}

TEST(ProxyHeader, IsTakenInTheVersionsThatAreMeant) {
    const std::string one = "PROXY UNKNOWN\r\n";
    const std::string two = version_2('\x20', '\x00', "");
    EXPECT_TRUE(parse(one, ProxyProtocol::v1));
    EXPECT_FALSE(parse(one, ProxyProtocol::v2));
    EXPECT_FALSE(parse(two, ProxyProtocol::v1));
    EXPECT_TRUE(parse(two, ProxyProtocol::v2));
    EXPECT_FALSE(parse(one, ProxyProtocol::off));
}

}  // namespace
}  // namespace firehose::net
