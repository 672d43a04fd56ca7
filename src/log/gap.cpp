// SPDX-License-Identifier: Apache-2.0
#include "log/gap.h"

#include "log/little_endian.h"

namespace firehose::log {

GapPayload encode(const Gap& gap) noexcept {
    GapPayload payload;
    put(payload.data(), number(gap.from));
    put(payload.data() + 8, number(gap.to));
    put(payload.data() + 16, static_cast<std::uint8_t>(gap.reason));
    return payload;
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
