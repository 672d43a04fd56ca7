// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "session/control_record.h"
#include "session/outbound.h"
#include "session/subscriptions.h"
#include "session/will.h"

/// One session's state as a value: what is packed while it is offline, what a checkpoint row
/// holds, and what control records are folded into at a start.
///
/// One form for all three, so that what survives a restart cannot differ from what is remembered
/// without one. `fold` is idempotent below `true_for`: records before it are ignored.
/// Lifetime: owns everything; `pack` makes one buffer, in memory and in a row the same bytes.
/// Threads:  values.
/// Source:   docs/formats/control.md; rules **Checkpoints**, **What a session may not forget**.
namespace firehose::session {

struct StoredSession {
    PublisherId id{};
    std::string key;
    std::uint32_t expiry_s = 0;
    /// Not connected: how much of its expiry is left, as of `wall` (rule **Clocks**). Nothing:
    /// it was connected.
    std::optional<std::uint32_t> expires_in_s;
    WallTime wall{};
    Seq true_for{};                                // Control records below are in it.
    Seq cursor{};                                  // The first position not handed over.
    std::vector<Subscribed::Entry> subscriptions;  // By filter.
    std::vector<InFlight> in_flight;          // In the order of first sending; is_sent is false.
    std::vector<std::uint16_t> inbound_held;  // QoS 2 ids between PUBLISH and PUBREL.
    std::optional<WillMessage> will;          // Armed.
    std::optional<std::uint32_t> will_in_s;   // Waiting: how much of its delay is left at `wall`.

    /// needed_from() of one that needs nothing.
    static constexpr Seq kNeedsNothing{~std::uint64_t{0}};

    friend bool operator==(const StoredSession&, const StoredSession&) = default;

    /// False: an ended one (SessionEnded, or it never was more than a will that is gone).
    [[nodiscard]] bool is_kept() const noexcept { return expiry_s != 0 || will.has_value(); }

    /// Folds a control record at `seq`. False: it is not kept from here on.
    bool fold(Seq seq, const Control& control);
    /// A message record of this session's with an inbound QoS 2 id.
    void fold_inbound(Seq seq, std::uint16_t packet_id);

    /// The smallest seq that it still needs from the log: of what is in flight, and its cursor if
    /// it is owed more than QoS 0.
    [[nodiscard]] Seq needed_from() const noexcept;

    [[nodiscard]] ByteBuffer pack() const;
    /// Nothing when the bytes are damaged or of a later format.
    [[nodiscard]] static std::optional<StoredSession> unpack(ByteSpan packed);

    // Of packed ones, without unpacking; `key_of` is a view into it.
    [[nodiscard]] static PublisherId id_of(ByteSpan packed) noexcept;
    [[nodiscard]] static std::uint32_t expiry_of(ByteSpan packed) noexcept;
    [[nodiscard]] static std::optional<std::string_view> key_of(ByteSpan packed) noexcept;
    static void set_true_for(std::span<std::byte> packed, Seq true_for) noexcept;
};

}  // namespace firehose::session
