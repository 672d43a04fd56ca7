// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "log/block.h"

/// What a gap record says: that records of a seq range are not there, and why.
///
/// Gap records are met in the stream of blocks, in place of what is missing, so that no reader
/// passes a loss without seeing it. Readers at the doors are told by a loss receipt.
/// Threads: pure functions. Source: docs/formats/segment.md; rules **Positions**, **Degraded**.
namespace firehose::log {

enum class GapReason : std::uint8_t {
    crash = 1,       // The hole up to the reservation after an unclean stop.
    not_stored = 2,  // Could not be written, or what was written is damaged.
};

struct Gap {
    Seq from{};
    Seq to{};  // The last one that is missing.
    GapReason reason = GapReason::not_stored;

    friend bool operator==(const Gap&, const Gap&) = default;
};

using GapPayload = std::array<std::byte, 17>;

/// The payload of a record of kind `gap`.
[[nodiscard]] GapPayload encode(const Gap& gap) noexcept;
/// A block of one gap record that takes the place `at`.
[[nodiscard]] BlockRef gap_block(const Gap& gap, Seq at, WallTime time);
/// Nothing unless `record` is a gap record that makes sense.
[[nodiscard]] std::optional<Gap> gap_of(const Record& record) noexcept;

}  // namespace firehose::log
