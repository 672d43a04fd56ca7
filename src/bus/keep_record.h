// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/record.h"

/// The payload of a `keep` record: a retained message, copied forward before its segment goes, so
/// that the log alone rebuilds every retained message.
///
/// u64 seq and i64 time (microseconds) as published, then the record's bytes, to the end; integers
/// little endian. A copied record with an empty payload says that the topic was cleared.
/// Lifetime: what is read is a view into the record's payload. Threads: pure functions.
/// Source:   docs/formats/control.md; rule **Checkpoints**.
namespace firehose::bus {

struct Kept {
    Seq seq{};
    WallTime time{};
    ByteSpan record_bytes;  // For log::decode_record.
};

void encode_keep(const Kept& kept, ByteBuffer& out);
/// Nothing unless `record` is a keep record that makes sense; what is inside is checked too.
[[nodiscard]] std::optional<Kept> keep_of(const log::Record& record);

}  // namespace firehose::bus
