// SPDX-License-Identifier: Apache-2.0
#include "log/gap.h"

#include <utility>
#include <vector>

#include "log/little_endian.h"

namespace firehose::log {

GapPayload encode(const Gap& gap) noexcept {
    GapPayload payload;
    put(payload.data(), number(gap.from));
    put(payload.data() + 8, number(gap.to));
    put(payload.data() + 16, static_cast<std::uint8_t>(gap.reason));
    return payload;
}

BlockRef gap_block(const Gap& gap, Seq at, WallTime time) {
    const GapPayload payload = encode(gap);
    ByteBuffer bytes;
    encode_record({.kind = RecordKind::gap, .payload = payload}, bytes);
    return std::make_shared<const Block>(at, time, std::move(bytes), std::vector<std::uint32_t>{0});
}

std::optional<Gap> gap_of(const Record& record) noexcept {
    if (record.kind != RecordKind::gap || record.payload.size() < GapPayload{}.size()) return {};
    const std::byte* in = record.payload.data();
    const Gap gap{.from = Seq{get<std::uint64_t>(in)},
                  .to = Seq{get<std::uint64_t>(in + 8)},
                  .reason = static_cast<GapReason>(get<std::uint8_t>(in + 16))};
    if (gap.to < gap.from) return {};
    return gap;
}

}  // namespace firehose::log
