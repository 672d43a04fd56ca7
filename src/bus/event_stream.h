// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bus/client.h"

/// An HTTP reader of the tail: `GET /events`, as NDJSON or Server-Sent Events.
///
/// The response's head was written before; the body is envelopes until either side closes.
/// Anonymous or with a name whose password was checked, one filter, always a member of a feed or
/// catching up. Ownership: the shard owns it. Threads: the shard's. Source: rule **Doors**.
namespace firehose::bus {

class EventStream final : public Client {
public:
    EventStream(Shard& shard, ConnectionId id, Incoming&& incoming, std::string_view filter,
                Encoding encoding, Identity who);
    /// The shard has settled: begins at the tail.
    void start();

    void on_bytes(ByteSpan) override {}  // A client has nothing to say here.
    void on_closed(const std::string& reason) override;

    [[nodiscard]] const Identity& identity() const override { return identity_; }
    [[nodiscard]] const session::Subscriptions& subscriptions() const override {
        return subscriptions_;
    }
    [[nodiscard]] bool is_feedable() const override { return true; }
    [[nodiscard]] Taken deliver(const PlacedRecord& placed) override;
    void on_tick() override;
    void on_gap(Seq from, Seq to) override;
    void on_drain() override;

private:
    Identity identity_;
    session::Subscriptions subscriptions_;
    MonotonicTime quiet_since_;
    std::uint64_t offset_seen_ = 0;
};

}  // namespace firehose::bus
