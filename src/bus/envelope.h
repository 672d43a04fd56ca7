// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

/// The JSON envelope of one record, as HTTP's doors print it.
///
///     {"seq":1767323045000006,"time":"2026-01-02T03:04:05.000006Z","topic":"a/b","payload":"x"}
///
/// `payload` is a string when the record's payload is valid UTF-8, else `payload_base64`.
/// Threads: pure functions. Cost: one pass over topic and payload. Source: rule **Doors**.
namespace firehose::bus {

struct PlacedRecord;

/// The object and a line feed.
void append_ndjson(const PlacedRecord& placed, ByteBuffer& out);
/// `id: <seq>`, `data: <object>`, an empty line.
void append_sse(const PlacedRecord& placed, ByteBuffer& out);

}  // namespace firehose::bus
