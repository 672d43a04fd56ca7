// SPDX-License-Identifier: Apache-2.0
#include "bus/keep_record.h"

#include "log/little_endian.h"

namespace firehose::bus {
namespace {

constexpr std::size_t kHeadBytes = 16;

}  // namespace

void encode_keep(const Kept& kept, ByteBuffer& out) {
    log::put(out, number(kept.seq));
    log::put(out, static_cast<std::uint64_t>(kept.time.since_epoch.count()));
    append(out, kept.record_bytes);
}

std::optional<Kept> keep_of(const log::Record& record) {
    if (record.kind != log::RecordKind::keep || record.payload.size() < kHeadBytes) return {};
    const std::byte* in = record.payload.data();
    const Kept kept{
        .seq = Seq{log::get<std::uint64_t>(in)},
        .time = WallTime{Microseconds{static_cast<std::int64_t>(log::get<std::uint64_t>(in + 8))}},
        .record_bytes = record.payload.subspan(kHeadBytes)};
    std::size_t size = 0;
    const auto inner = log::decode_record(kept.record_bytes, size);
    const bool makes_sense = inner && size == kept.record_bytes.size() && inner->retain &&
                             inner->kind == log::RecordKind::message && !inner->topic.empty();
    if (!makes_sense) return {};
    return kept;
}

}  // namespace firehose::bus
