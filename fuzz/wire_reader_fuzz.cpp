// SPDX-License-Identifier: Apache-2.0
// Target:   WireReader.
// Property: any bytes, any order of reads, no undefined behaviour; after a failure every read is
//           zero and the failure stays. The input's first byte is how many of its bytes pick reads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/assert.h"
#include "mqtt/wire_reader.h"

namespace {

using namespace firehose;
using mqtt::WireReader;

/// Does the read that `step` picks. True if it gave anything but zero or nothing.
bool read(WireReader& in, unsigned step) {
    switch (step % 8) {
        case 0:
            return in.u8("a") != 0;
        case 1:
            return in.u16("b") != 0;
        case 2:
            return in.u32("c") != 0;
        case 3:
            return in.varint("d") != 0;
        case 4:
            return !in.utf8("e").empty();
        case 5:
            return !in.binary("f").empty();
        case 6:
            return in.packet_id() != 0;
        default:
            if (step < 128) return !in.rest().empty();
            in.expect_end();
            return false;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteSpan input = std::as_bytes(std::span{data, size}).subspan(1);
    const ByteSpan steps = input.first(std::min<std::size_t>(data[0], input.size()));
    WireReader in{input.subspan(steps.size())};
    for (const std::byte step : steps) {
        const auto failed_before = in.error();
        const bool has_value = read(in, std::to_integer<unsigned>(step));
        if (failed_before) {
            FH_ASSERT(!has_value);
            FH_ASSERT(in.error() == failed_before);
        }
        if (in.error()) FH_ASSERT(in.remaining() == 0);
    }
    return 0;
}
