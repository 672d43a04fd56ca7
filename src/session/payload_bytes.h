// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "log/little_endian.h"

/// Writes and reads the fields of control records' payloads and of packed sessions.
///
/// The reader's first failure sticks: it is at its end, and every later read gives zero or
/// nothing without touching memory. So decoders read straight down the fields and ask `is_ok`
/// once; a count that was read must still be checked by `is_ok` inside its loop.
/// Lifetime: views point into the payload. Threads: on one stack frame. Cost: no allocation.
/// Source:   docs/formats/control.md.
namespace firehose::session {

class PayloadWriter {
public:
    explicit PayloadWriter(ByteBuffer& out) noexcept : out_(out) {}

    template <std::unsigned_integral Number>
    void number(Number value) {
        log::put(out_, value);
    }
    /// At most 65,535 bytes.
    void text(std::string_view value) {
        count(value.size());
        append(out_, value);
    }
    void blob(ByteSpan value) {
        number(static_cast<std::uint32_t>(value.size()));
        append(out_, value);
    }
    /// Of a list, whose entries follow; at most 65,535.
    void count(std::size_t value) {
        FH_ASSERT(value <= 0xFFFF);
        number(static_cast<std::uint16_t>(value));
    }

private:
    ByteBuffer& out_;
};

class PayloadReader {
public:
    explicit PayloadReader(ByteSpan payload) noexcept : rest_(payload) {}

    template <std::unsigned_integral Number>
    [[nodiscard]] Number number() noexcept {
        const ByteSpan bytes = take(sizeof(Number));
        return bytes.empty() ? Number{0} : log::get<Number>(bytes.data());
    }
    [[nodiscard]] std::string_view text() noexcept { return as_text(take(count())); }
    [[nodiscard]] ByteSpan blob() noexcept { return take(number<std::uint32_t>()); }
    [[nodiscard]] std::size_t count() noexcept { return number<std::uint16_t>(); }
    /// The payload makes no sense.
    void fail() noexcept {
        is_ok_ = false;
        rest_ = {};
    }
    [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] bool is_ok() const noexcept { return is_ok_; }

private:
    [[nodiscard]] ByteSpan take(std::size_t count) noexcept {
        if (count > rest_.size()) {
            fail();
            return {};
        }
        const ByteSpan taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

    ByteSpan rest_;
    bool is_ok_ = true;
};

}  // namespace firehose::session
