// SPDX-License-Identifier: Apache-2.0
// Target: parse_proxy_header. Property: once it has an answer, more bytes change nothing; before
// that it asks for more, within the bound; an address that it gives is one.
// The first byte of the input says which versions are taken.
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "base/ip_network.h"
#include "net/proxy_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace firehose::net;
    if (size < 1 || size > 8'192) return 0;
    const auto accepted = static_cast<ProxyProtocol>(data[0] % 4);
    const auto bytes = std::as_bytes(std::span{data, size}).subspan(1);
    const auto whole = parse_proxy_header(bytes, accepted);
    const bool is_header = whole && *whole;
    if (is_header) {
        FH_ASSERT((*whole)->size <= bytes.size() && (*whole)->size <= kProxyHeaderBytesMax);
        const auto& address = (*whole)->address;
        FH_ASSERT(!address || firehose::IpAddress::parse(*address));
        const auto exact = parse_proxy_header(bytes.first((*whole)->size), accepted);
        FH_ASSERT(exact && *exact && (*exact)->address == address);
    } else if (whole) {
        FH_ASSERT(bytes.size() < kProxyHeaderBytesMax);
    }
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + cut / 8) {
        const auto part = parse_proxy_header(bytes.first(cut), accepted);
        // What is refused early is refused later; what is whole early stays what it is.
        if (!part) FH_ASSERT(!whole);
        if (part && *part) FH_ASSERT(is_header && (*part)->size == (*whole)->size);
        if (is_header && cut < (*whole)->size) FH_ASSERT(part && !*part);
    }
    return 0;
}
