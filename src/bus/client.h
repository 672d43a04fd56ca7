// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_stream.h"
#include "base/ids.h"
#include "bus/entrance.h"
#include "bus/identity.h"
#include "bus/output.h"
#include "bus/sys_topics.h"
#include "log/block.h"
#include "log/log.h"
#include "session/subscriptions.h"

/// One connected reader of the log: what MQTT clients and HTTP event streams have in common.
///
/// A client has one position in the log (rule **One reader, one position**). It reads in one of
/// three ways: as a member of a feed; at the tail, handed each matching record by the shard's tail
/// reader; or behind, pulling blocks from its own cursor until it has caught up.
/// A client with a subscription at QoS 1 or 2 reads what is durable only (rule **Positions**): its
/// tail is the shard's durable position.
/// Ownership: the shard owns clients; a client owns its stream. Closing moves it to the shard's
///            graveyard, which is emptied at the end of the turn, so a client may be closed from
///            inside any of its own callbacks.
/// Threads:   the shard's.
/// Memory:    O(1) for a reader that never reads: an offset or a cursor, and own bytes up to
///            `own_bytes_target` and one packet.
namespace firehose::bus {

class Shard;

enum class ReadMode : std::uint8_t {
    idle,    // No subscription.
    feed,    // Member of output.feed().
    tail,    // Handed records by the tail reader.
    behind,  // Reads from `cursor`.
};

/// Whether a record could be handed over.
enum class Taken : std::uint8_t {
    yes,          // Sent, or nothing to send (no match, no right, expired, too large).
    window_full,  // Ask again, from this record on, after an acknowledgement.
};

/// How a pull ended.
enum class Pulled : std::uint8_t {
    done,   // Nothing left to pull.
    again,  // The quantum or the output's room is used up: pull again once it is flushed.
    waits,  // For the client or the disk; what ends the wait queues the next pull.
};

class Client : public ByteStreamHandler {
public:
    Client(Shard& shard, ConnectionId id, Incoming&& incoming, Encoding encoding);
    ~Client() override = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    [[nodiscard]] ConnectionId id() const noexcept { return id_; }
    [[nodiscard]] Encoding encoding() const noexcept { return encoding_; }
    [[nodiscard]] ReadMode mode() const noexcept { return mode_; }
    [[nodiscard]] Output& output() noexcept { return output_; }
    [[nodiscard]] ByteStream& stream() noexcept { return *stream_; }
    /// Where it came in, and who it is as the transport knows it.
    [[nodiscard]] const Entrance& entrance() const noexcept { return entrance_; }
    [[nodiscard]] const Peer& peer() const noexcept { return peer_; }
    [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }

    [[nodiscard]] virtual const Identity& identity() const = 0;
    [[nodiscard]] virtual const session::Subscriptions& subscriptions() const = 0;
    /// The client's Maximum Packet Size; 0: none.
    [[nodiscard]] virtual std::uint32_t packet_bytes_max() const noexcept { return 0; }
    /// Whether it is to read only what is durable: it acknowledges some of it.
    [[nodiscard]] virtual bool wants_durable() const { return false; }
    /// Whether deliveries need nothing of the client's own: then it can be a member of a feed.
    [[nodiscard]] virtual bool is_feedable() const = 0;

    /// A record at or after the client's position, in seq order.
    [[nodiscard]] virtual Taken deliver(const PlacedRecord& placed) = 0;
    /// Positions that matched while the window was full, kept by the client (rule **Three ways to
    /// read**). `owe` is false when it cannot keep more; `take_owed` gives the first and forgets.
    [[nodiscard]] virtual bool owes() const { return false; }
    [[nodiscard]] virtual bool owe(Seq) { return false; }
    [[nodiscard]] virtual std::optional<Seq> take_owed() { return std::nullopt; }
    /// Values under $SYS, for those who subscribed to them; `only` names the changed ones.
    virtual void send_sys(const SysTopics::Values&, const std::vector<std::string>*) {}
    /// What comes before the log in a turn: packets sent again, retained copies.
    [[nodiscard]] virtual Pulled pull_own() { return Pulled::done; }
    /// Nothing is on its way to the client: no answer that it waits for, no bytes made for it.
    [[nodiscard]] virtual bool is_drained() const { return is_sent_out(); }
    /// The bus is shutting down: say so, where the protocol can, and close.
    virtual void on_drain() = 0;
    /// Once a second.
    virtual void on_tick() = 0;
    /// Positions up to `to` are gone from the log.
    virtual void on_gap(Seq from, Seq to) = 0;

    /// At the end of a turn, and on room: sends what can be sent.
    void flush();
    void on_writable() override;

    /// Where the client goes on reading, taking it out of feed and tail: the first position not
    /// yet handed over.
    [[nodiscard]] Seq position() const;

    /// The same, or the packet that it got a part of.
    [[nodiscard]] Seq needed_from() const;

protected:
    friend class Shard;

    /// Chooses the way to read after subscriptions changed; the shard has settled.
    void reselect();
    /// Takes the client out of its feed or tail slot; afterwards `cursor_` is its position.
    void detach();
    void leave_feed();
    /// Enters feed or tail; cursor_ must have reached `limit`.
    void attach();
    [[nodiscard]] bool has_output_room() const;
    [[nodiscard]] bool is_sent_out() const noexcept;
    /// How far it may read now.
    [[nodiscard]] Seq limit() const;

    /// The peer's address as the log may have it: shortened, unless the log is for debugging.
    [[nodiscard]] std::string shown_address() const;

    [[nodiscard]] bool may_read(std::string_view topic) const {
        return entrance_.acl->may_read(identity(), topic);
    }

    Shard& shard_;
    ConnectionId id_;
    Entrance& entrance_;
    Peer peer_;
    std::unique_ptr<ByteStream> stream_;
    Encoding encoding_;
    Output output_;

    std::uint32_t member_place_ = 0;  // Among its feed's members.
    ReadMode mode_ = ReadMode::idle;
    bool reads_durable_ = false;  // wants_durable() when the way to read was chosen.
    Seq cursor_{};                // Behind only.
    Seq wanted_from_{};           // Tail: it has been handed everything before.
    void forget_fetched();

    std::vector<log::BlockRef> fetched_;  // Read for us from disk; emptied by the next pull.
    Seq fetched_from_{};                  // They hold all that is wanted from here on,
    Seq fetched_to_{};                    // up to here.
    bool awaits_disk_ = false;
    bool is_fetch_stale_ = false;  // What is awaited was asked for before subscriptions changed.
    /// What is asked for; null inside: everything. Made when it is needed.
    std::optional<std::shared_ptr<const log::TopicInterest>> interest_;
    bool awaits_durable_ = false;  // In the shard's list of clients to pull on progress.
    bool is_blocked_ = false;      // The socket is full.
    bool is_queued_ = false;       // In the shard's list of clients to pull.
    bool is_dirty_ = false;        // In the shard's list of clients to flush.
    bool is_closing_ = false;
};

}  // namespace firehose::bus
