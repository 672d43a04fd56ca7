// SPDX-License-Identifier: Apache-2.0
// Target:   decode_record, decode_checked_record.
// Property: any bytes; what decodes lies within the input and encodes again to a record of the same
//           meaning, byte for byte stable from then on. The first byte says whether the checksum
//           is mended first, without which nothing random would ever decode.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "log/crc32c.h"
#include "log/little_endian.h"
#include "log/record.h"

namespace {

using namespace firehose;       // NOLINT: a fuzz target is one page.
using namespace firehose::log;  // NOLINT

void check(bool holds) {
    if (!holds) std::abort();
}

void mend(std::byte* bytes, std::size_t size) {
    if (size < kRecordHeaderBytes) return;
    const ByteSpan body = ByteSpan{bytes, size}.subspan(kRecordHeaderBytes);
    put(bytes, static_cast<std::uint32_t>(body.size()));
    put(bytes + 4, crc32c(body, crc32c(ByteSpan{bytes, 4})));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool is_mended = (data[0] & 1) != 0;
    const std::size_t count = size - 1;
    const auto bytes = std::make_unique<std::byte[]>(count);  // No slack: ASan sees one too many.
    std::transform(data + 1, data + size, bytes.get(), [](std::uint8_t b) { return std::byte{b}; });
    if (is_mended) mend(bytes.get(), count);
    const ByteSpan input{bytes.get(), count};

    std::size_t taken = 0;
    const auto record = decode_record(input, taken);
    std::size_t intact_size = 0;
    check(is_record_intact(input, intact_size) || !record);
    if (!record) return 0;
    check(taken == intact_size && taken <= count);

    ByteBuffer again;
    encode_record(*record, again);
    std::size_t again_size = 0;
    const auto second = decode_record(again, again_size);
    check(second.has_value() && again_size == again.size());
    check(second->topic == record->topic && as_text(second->payload) == as_text(record->payload));
    check(second->kind == record->kind && second->qos == record->qos);
    check(second->retain == record->retain && second->publisher == record->publisher);
    check(second->expires == record->expires && second->origin_time == record->origin_time);
    check(second->origin_id == record->origin_id);
    check(second->is_erased == record->is_erased);
    check(second->inbound_packet_id == record->inbound_packet_id);
    check(as_text(second->properties) == as_text(record->properties));
    check(second->payload_is_utf8 == record->payload_is_utf8);
    ByteBuffer third;
    encode_record(*second, third);
    check(third == again);
    return 0;
}
