// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>

/// Strong ids: numbers that cannot be passed for each other.
///
/// Seq is a record's position in the log (rule **Positions**): it only grows, is never used twice
/// and is not dense, so nobody counts by subtraction; `next` is the smallest later position, not
/// the next record. Values are below 2^53, so that JSON readers can hold them.
namespace firehose {

enum class Seq : std::uint64_t {};

[[nodiscard]] constexpr std::uint64_t number(Seq seq) noexcept {
    return static_cast<std::uint64_t>(seq);
}
[[nodiscard]] constexpr Seq next(Seq seq) noexcept {
    return static_cast<Seq>(number(seq) + 1);
}
[[nodiscard]] constexpr Seq operator+(Seq seq, std::uint64_t index) noexcept {
    return static_cast<Seq>(number(seq) + index);
}
inline std::ostream& operator<<(std::ostream& out, Seq seq) {
    return out << number(seq);
}

/// Who published a record: identity and session, opaque, never shown to readers. 0 = the bus.
enum class PublisherId : std::uint64_t {};

/// One accepted connection of this process.
enum class ConnectionId : std::uint64_t {};

}  // namespace firehose
