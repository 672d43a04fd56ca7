// SPDX-License-Identifier: Apache-2.0
#include "log/record.h"

#include <algorithm>

#include "base/assert.h"
#include "log/crc32c.h"
#include "log/little_endian.h"

namespace firehose::log {
namespace {

constexpr std::size_t kBodyBytesMin = 1 + 1 + 2 + 4;  // Kind, flags, two lengths.

constexpr std::uint8_t kQosMask = 0x03;
constexpr std::uint8_t kRetainFlag = 0x04;
constexpr std::uint8_t kUtf8Flag = 0x08;
constexpr std::uint8_t kErasedFlag = 0x10;

/// Tags below 0x80 have a length of one byte, the others one of four.
enum class Tag : std::uint8_t {
    publisher = 1,
    expires = 2,
    origin_id = 3,
    origin_time = 4,
    inbound_packet_id = 5,
    properties = 0x80,
    author = 0x81,
};

[[nodiscard]] constexpr bool is_long(std::uint8_t tag) noexcept {
    return tag >= 0x80;
}

void put_field(ByteBuffer& out, Tag tag, ByteSpan value) {
    put(out, static_cast<std::uint8_t>(tag));
    if (is_long(static_cast<std::uint8_t>(tag))) {
        put(out, static_cast<std::uint32_t>(value.size()));
    } else {
        put(out, static_cast<std::uint8_t>(value.size()));
    }
    append(out, value);
}

template <std::unsigned_integral Number>
void put_number_field(ByteBuffer& out, Tag tag, Number value) {
    std::byte bytes[sizeof(Number)];
    put(bytes, value);
    put_field(out, tag, bytes);
}

[[nodiscard]] std::uint64_t bits(WallTime time) noexcept {
    return static_cast<std::uint64_t>(time.since_epoch.count());
}
[[nodiscard]] WallTime wall_time(std::uint64_t bits) noexcept {
    return {Microseconds{static_cast<std::int64_t>(bits)}};
}

/// Walks a body; the first thing that does not fit makes it `broken` and ends it.
class BodyReader {
public:
    explicit BodyReader(ByteSpan body) noexcept : rest_(body) {}

    [[nodiscard]] ByteSpan take(std::size_t count) noexcept {
        if (count > rest_.size()) {
            fail();
            return {};
        }
        const ByteSpan taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    template <std::unsigned_integral Number>
    [[nodiscard]] Number number() noexcept {
        const ByteSpan bytes = take(sizeof(Number));
        return bytes.empty() ? Number{0} : get<Number>(bytes.data());
    }
    void fail() noexcept {
        is_broken_ = true;
        rest_ = {};
    }
    [[nodiscard]] bool is_done() const noexcept { return rest_.empty(); }
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

private:
    ByteSpan rest_;
    bool is_broken_ = false;
};

/// Reads one optional field into `record`; unknown tags are skipped.
void read_field(BodyReader& body, Record& record) {
    const auto tag = body.number<std::uint8_t>();
    const std::size_t size =
        is_long(tag) ? body.number<std::uint32_t>() : std::size_t{body.number<std::uint8_t>()};
    const ByteSpan value = body.take(size);
    if (body.is_broken()) return;
    const auto number = [&](auto zero) {
        using Number = decltype(zero);
        if (value.size() != sizeof(Number)) {
            body.fail();
            return zero;
        }
        return get<Number>(value.data());
    };
    switch (static_cast<Tag>(tag)) {
        case Tag::publisher:
            record.publisher = PublisherId{number(std::uint64_t{0})};
            return;
        case Tag::expires:
            record.expires = wall_time(number(std::uint64_t{0}));
            return;
        case Tag::origin_id:
            if (value.empty() || value.size() > kOriginIdBytesMax) body.fail();
            record.origin_id = as_text(value);
            return;
        case Tag::origin_time:
            record.origin_time = wall_time(number(std::uint64_t{0}));
            return;
        case Tag::inbound_packet_id:
            record.inbound_packet_id = number(std::uint16_t{0});
            return;
        case Tag::properties:
            if (value.size() > kPropertiesBytesMax) body.fail();
            record.properties = value;
            return;
        case Tag::author:
            if (value.size() > kAuthorBytesMax) body.fail();
            record.author = as_text(value);
            return;
    }
}

[[nodiscard]] Result<Record, RecordDamage> decode_body(ByteSpan bytes) {
    BodyReader body{bytes};
    Record record;
    record.kind = static_cast<RecordKind>(body.number<std::uint8_t>());
    const auto flags = body.number<std::uint8_t>();
    record.qos = flags & kQosMask;
    record.retain = (flags & kRetainFlag) != 0;
    record.payload_is_utf8 = (flags & kUtf8Flag) != 0;
    record.topic = as_text(body.take(body.number<std::uint16_t>()));
    record.payload = body.take(body.number<std::uint32_t>());
    while (!body.is_done()) read_field(body, record);
    const bool is_possible = !body.is_broken() && static_cast<std::uint8_t>(record.kind) != 0 &&
                             record.qos <= 2 && record.payload.size() <= kPayloadBytesMax;
    if (!is_possible) return Failure{RecordDamage::field};
    record.is_erased = (flags & kErasedFlag) != 0;
    if (record.is_erased) record.payload = record.properties = {};  // Zeros in their place.
    return record;
}

/// The body's bytes, or empty when they are not all there or cannot be a body.
[[nodiscard]] ByteSpan body_of(ByteSpan bytes) noexcept {
    if (bytes.size() < kRecordHeaderBytes + kBodyBytesMin) return {};
    const std::size_t size = get<std::uint32_t>(bytes.data());
    const bool is_inside = size >= kBodyBytesMin && size <= kRecordBytesMax &&
                           size <= bytes.size() - kRecordHeaderBytes;
    return is_inside ? bytes.subspan(kRecordHeaderBytes, size) : ByteSpan{};
}

/// The length is under the checksum too, so a flipped bit in it is no luck of what follows.
[[nodiscard]] std::uint32_t checksum(ByteSpan length, ByteSpan body) noexcept {
    return crc32c(body, crc32c(length));
}

}  // namespace

void encode_record(const Record& record, ByteBuffer& out) {
    FH_ASSERT(record.qos <= 2);
    FH_ASSERT(record.topic.size() <= kTopicBytesMax);
    FH_ASSERT(record.properties.size() <= kPropertiesBytesMax);
    FH_ASSERT(record.payload.size() <= kPayloadBytesMax);
    FH_ASSERT(record.origin_id.size() <= kOriginIdBytesMax);
    FH_ASSERT(record.author.size() <= kAuthorBytesMax);

    const std::size_t start = out.size();
    out.resize(start + kRecordHeaderBytes);
    put(out, static_cast<std::uint8_t>(record.kind));
    put(out, static_cast<std::uint8_t>(record.qos | (record.retain ? kRetainFlag : 0) |
                                       (record.payload_is_utf8 ? kUtf8Flag : 0) |
                                       (record.is_erased ? kErasedFlag : 0)));
    put(out, static_cast<std::uint16_t>(record.topic.size()));
    append(out, record.topic);
    put(out, static_cast<std::uint32_t>(record.payload.size()));
    append(out, record.payload);
    if (record.publisher != PublisherId{}) {
        put_number_field(out, Tag::publisher, static_cast<std::uint64_t>(record.publisher));
    }
    if (record.expires) put_number_field(out, Tag::expires, bits(*record.expires));
    if (!record.origin_id.empty()) put_field(out, Tag::origin_id, as_bytes(record.origin_id));
    if (record.origin_time) put_number_field(out, Tag::origin_time, bits(*record.origin_time));
    if (record.inbound_packet_id != 0) {
        put_number_field(out, Tag::inbound_packet_id, record.inbound_packet_id);
    }
    if (!record.properties.empty()) put_field(out, Tag::properties, record.properties);
    if (!record.author.empty()) put_field(out, Tag::author, as_bytes(record.author));

    const ByteSpan body = ByteSpan{out}.subspan(start + kRecordHeaderBytes);
    put(out.data() + start, static_cast<std::uint32_t>(body.size()));
    const ByteSpan length = ByteSpan{out}.subspan(start, 4);
    put(out.data() + start + 4, checksum(length, body));
}

void erase_record(std::span<std::byte> bytes) {
    std::size_t size = 0;
    const auto record = decode_checked_record(bytes, size);
    FH_ASSERT(record.has_value() && size == bytes.size());
    for (const ByteSpan part : {record->payload, record->properties}) {
        if (part.empty()) continue;
        std::fill_n(bytes.begin() + (part.data() - bytes.data()), part.size(), std::byte{0});
    }
    std::byte& flags = bytes[kRecordHeaderBytes + 1];
    flags = (flags & ~std::byte{kUtf8Flag}) | std::byte{kErasedFlag};
    put(bytes.data() + 4, checksum(bytes.first(4), bytes.subspan(kRecordHeaderBytes)));
}

bool is_record_intact(ByteSpan bytes, std::size_t& size) noexcept {
    const ByteSpan body = body_of(bytes);
    size = body.empty() ? 0 : kRecordHeaderBytes + body.size();
    return !body.empty() && checksum(bytes.first(4), body) == get<std::uint32_t>(bytes.data() + 4);
}

Result<Record, RecordDamage> decode_checked_record(ByteSpan bytes, std::size_t& size) {
    const ByteSpan body = body_of(bytes);
    if (body.empty()) return Failure{RecordDamage::cut};
    size = kRecordHeaderBytes + body.size();
    return decode_body(body);
}

Result<Record, RecordDamage> decode_record(ByteSpan bytes, std::size_t& size) {
    const bool is_intact = is_record_intact(bytes, size);
    if (size == 0) return Failure{RecordDamage::cut};
    if (!is_intact) return Failure{RecordDamage::checksum};
    return decode_checked_record(bytes, size);
}

}  // namespace firehose::log
