// SPDX-License-Identifier: Apache-2.0
#include "log/record.h"

#include <algorithm>
#include <array>
#include <utility>

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

/// The parts of a record between its long ones: put together here, appended at once.
class Part {
public:
    template <std::unsigned_integral Number>
    void number(Number value) noexcept {
        put(bytes_.data() + size_, value);
        size_ += sizeof(Number);
    }
    template <std::unsigned_integral Number>
    void number_field(Tag tag, Number value) noexcept {
        number(static_cast<std::uint8_t>(tag));
        number(static_cast<std::uint8_t>(sizeof(Number)));
        number(value);
    }
    [[nodiscard]] ByteSpan bytes() const noexcept { return {bytes_.data(), size_}; }

private:
    std::array<std::byte, 64> bytes_;  // All number fields take 38.
    std::size_t size_ = 0;
};

void put_field(ByteBuffer& out, Tag tag, ByteSpan value) {
    Part head;
    head.number(static_cast<std::uint8_t>(tag));
    if (is_long(static_cast<std::uint8_t>(tag))) {
        head.number(static_cast<std::uint32_t>(value.size()));
    } else {
        head.number(static_cast<std::uint8_t>(value.size()));
    }
    append(out, head.bytes());
    append(out, value);
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
    explicit BodyReader(ByteSpan body) noexcept
        : next_(body.data()), end_(body.data() + body.size()) {}

    [[nodiscard]] ByteSpan take(std::size_t count) noexcept {
        if (count > static_cast<std::size_t>(end_ - next_)) {
            fail();
            return {};
        }
        return {std::exchange(next_, next_ + count), count};
    }
    template <std::unsigned_integral Number>
    [[nodiscard]] Number number() noexcept {
        const ByteSpan bytes = take(sizeof(Number));
        return bytes.empty() ? Number{0} : get<Number>(bytes.data());
    }
    void fail() noexcept {
        is_broken_ = true;
        next_ = end_;
    }
    [[nodiscard]] bool is_done() const noexcept { return next_ == end_; }
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }

private:
    const std::byte* next_;
    const std::byte* end_;
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

/// False: a field is impossible.
[[nodiscard]] bool decode_body(ByteSpan bytes, Record& record) {
    BodyReader body{bytes};
    record.kind = static_cast<RecordKind>(body.number<std::uint8_t>());
    const auto flags = body.number<std::uint8_t>();
    record.qos = flags & kQosMask;
    record.retain = (flags & kRetainFlag) != 0;
    record.payload_is_utf8 = (flags & kUtf8Flag) != 0;
    record.topic = as_text(body.take(body.number<std::uint16_t>()));
    record.payload = body.take(body.number<std::uint32_t>());
    while (!body.is_done()) read_field(body, record);
    record.is_erased = (flags & kErasedFlag) != 0;
    const bool is_possible = !body.is_broken() && static_cast<std::uint8_t>(record.kind) != 0 &&
                             record.qos <= 2 && record.payload.size() <= kPayloadBytesMax;
    if (record.is_erased) record.payload = record.properties = {};  // Zeros in their place.
    return is_possible;
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

void put_fields(const Record& record, ByteBuffer& out) {
    Part numbers;
    if (record.publisher != PublisherId{}) {
        numbers.number_field(Tag::publisher, static_cast<std::uint64_t>(record.publisher));
    }
    if (record.expires) numbers.number_field(Tag::expires, bits(*record.expires));
    if (!record.origin_id.empty()) {
        append(out, std::exchange(numbers, {}).bytes());
        put_field(out, Tag::origin_id, as_bytes(record.origin_id));
    }
    if (record.origin_time) numbers.number_field(Tag::origin_time, bits(*record.origin_time));
    if (record.inbound_packet_id != 0) {
        numbers.number_field(Tag::inbound_packet_id, record.inbound_packet_id);
    }
    append(out, numbers.bytes());
    if (!record.properties.empty()) put_field(out, Tag::properties, record.properties);
    if (!record.author.empty()) put_field(out, Tag::author, as_bytes(record.author));
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
    Part head;
    head.number(std::uint64_t{0});  // Length and checksum, below.
    head.number(static_cast<std::uint8_t>(record.kind));
    head.number(static_cast<std::uint8_t>(record.qos | (record.retain ? kRetainFlag : 0) |
                                          (record.payload_is_utf8 ? kUtf8Flag : 0) |
                                          (record.is_erased ? kErasedFlag : 0)));
    head.number(static_cast<std::uint16_t>(record.topic.size()));
    append(out, head.bytes());
    append(out, record.topic);
    Part size;
    size.number(static_cast<std::uint32_t>(record.payload.size()));
    append(out, size.bytes());
    append(out, record.payload);
    put_fields(record, out);

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
    Record record;
    if (!decode_body(body, record)) return Failure{RecordDamage::field};
    return record;
}

Record intact_record(ByteSpan bytes) {
    Record record;
    const bool is_possible = decode_body(body_of(bytes), record);
    FH_ASSERT(is_possible);
    return record;
}

Result<Record, RecordDamage> decode_record(ByteSpan bytes, std::size_t& size) {
    const bool is_intact = is_record_intact(bytes, size);
    if (size == 0) return Failure{RecordDamage::cut};
    if (!is_intact) return Failure{RecordDamage::checksum};
    return decode_checked_record(bytes, size);
}

}  // namespace firehose::log
