// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/byte_stream.h"
#include "base/ids.h"
#include "base/mailbox.h"
#include "base/time.h"
#include "bus/acl.h"
#include "bus/authenticator.h"
#include "bus/client.h"
#include "bus/entrance.h"
#include "bus/erasure.h"
#include "bus/feed_table.h"
#include "bus/input_budget.h"
#include "bus/inspection.h"
#include "bus/metrics.h"
#include "bus/retained_view.h"
#include "bus/session_rows.h"
#include "bus/session_store.h"
#include "bus/settings.h"
#include "bus/share_table.h"
#include "bus/sys_topics.h"
#include "bus/tail_index.h"
#include "bus/view_store.h"
#include "log/log.h"
#include "session/control_record.h"
#include "session/stored_session.h"

/// One shard: the connections and sessions of one thread, and their way through the log.
///
/// A turn of the loop is: `begin_turn`; the streams' callbacks (packets are executed, publishes
/// gather in the pending block); `end_turn`: link the block, hear what became of earlier ones,
/// read the tail once and fan out, pull readers that are behind, flush each client once. Nothing
/// in it waits: not for the disk, not for another shard, not for a client (invariant 6).
/// Ownership: owns its clients, sessions and feeds. What it shares with others is in `Shared`.
/// Threads:   one; only the mailboxes and metrics may be used from others.
/// Invariant: `tail_position()` is the first seq that has not been fanned out; members of feeds
///            and clients at the tail have been handed everything before it. Clients that
///            acknowledge have their own tail, `durable_position()`, which is never beyond the
///            log's durable_end() nor tail_position().
namespace firehose::bus {

class MqttClient;

/// What all shards share; outlives them.
struct Shared {
    const Settings& settings;
    log::Log& log;
    RetainedView& retained;
    /// Ids of sessions count from here: random, so that no two runs of the program share one.
    std::uint64_t publisher_seed = 1;
    std::string version = {};                 // For $SYS/broker/version.
    std::uint64_t (*heap_bytes)() = nullptr;  // Bytes allocated; null: reported as 0.
    const Erasures* erasures = nullptr;       // Null: nothing is ever taken back.
};

/// A publish that does not come from a connection: a source's, or the bus's own.
struct InternalPublish {
    std::string topic;
    std::string payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    std::optional<WallTime> origin_time;
    std::string origin_id;
};

class Shard {
public:
    /// `waker` wakes this shard's loop; it outlives the shard.
    Shard(Shared shared, Waker& waker);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    void begin_turn(MonotonicTime now, WallTime wall);
    void end_turn();
    /// Something is left that needs no event from outside: do not sleep.
    [[nodiscard]] bool has_work() const;

    /// A way in for clients. Stays where it is; may be changed in place on this thread.
    Entrance& add_entrance(Entrance entrance);
    /// A stream that speaks MQTT, plain or inside WebSocket frames.
    void accept_mqtt(Incoming&& incoming);
    /// A reader of the tail in JSON envelopes, with the rights of `who`, whose password was
    /// checked. `filter` must be valid.
    void accept_event_stream(Incoming&& incoming, std::string_view filter, Encoding encoding,
                             Identity who = {});

    // What an operator asks. (shard_inspect.cpp)
    /// Connections after that one, in the order in which they came; at most `max`.
    /// Cost: O(connections).
    [[nodiscard]] std::vector<ConnectionRow> connections(ConnectionId after, std::size_t max);
    /// Sessions after that place, at most `max`: those that are not packed away, then those that
    /// are. One that changes between two pages may be in both or in none.
    /// Cost: O(sessions), little for a packed one that is not in the page.
    [[nodiscard]] std::vector<SessionRow> sessions(const std::string& after, std::size_t max);
    [[nodiscard]] ConnectionCounts connection_counts() const;
    /// Disconnects clients of that id, with 0x98 where they speak MQTT 5. Returns how many.
    std::size_t oust(std::string_view client_id);
    /// Tells `sink` of each packet of clients of that id, until it returns false. False: there are
    /// kTracesMax already.
    [[nodiscard]] bool trace(std::string client_id, TraceSink sink);

    /// A client is held until then: a turn is wanted, though nothing may happen.
    [[nodiscard]] std::optional<MonotonicTime> wake_at() const noexcept { return wake_at_; }

    // What a reload changes. (shard_access.cpp)
    /// Changes rights at one position: what is linked is fanned out by the rules as they are, then
    /// `change` replaces them where `Shared` refers to them; all that is handed out from then on,
    /// also to readers that lag, is judged by the new ones (rule **Access**).
    void change_access(const std::function<void()>& change);
    /// Disconnects MQTT clients that may not be here any more, with 0x87 where they speak MQTT 5;
    /// passwords that were found right before are heard of first. Returns how many those were.
    std::size_t expel(const std::function<bool(const MqttClient&)>& is_gone);

    /// Stops accepting and reading. Each client is told so [3.14.4] and closed once it has the
    /// answers to what it published and the bytes that were made for it: in this turn or later.
    void begin_drain();
    /// The rest of them now.
    void end_drain();
    [[nodiscard]] std::size_t clients_open() const noexcept { return clients_.size(); }

    /// For `restore`, before `adopt`; afterwards `start_shares` says what the start changes.
    [[nodiscard]] ShareTable& shares() noexcept { return shares_; }
    void start_shares();

    // What survives a stop. (shard_sessions.cpp)
    /// A session from before the start; `begin_turn` has told the time. Before the doors open.
    void adopt(session::StoredSession&& stored);
    /// Settles, and appends rows of sessions that changed since they were last taken: at most
    /// `max`. They are true at `true_for`: to be stored once the log is durable up to there.
    /// False: more are left.
    bool take_dirty_sessions(std::size_t max, std::vector<ViewStore::SessionRow>& out,
                             Seq& true_for);
    /// The smallest position that a session needs, as of the rows that were taken last.
    [[nodiscard]] Seq sessions_needed_from();

    /// Where a checkpoint asks for them: answered at the end of a turn.
    [[nodiscard]] SessionRowsBox& session_rows() noexcept { return session_rows_; }

    /// Blocks that were read for clients and not yet delivered are read again: what they hold may
    /// have been erased since.
    void forget_fetched();

    /// From any thread: false, and the value as it was, when 65,536 wait.
    [[nodiscard]] bool post(InternalPublish&& publish);
    /// The same of a line for those who subscribed to its topic below $SYS; 1,024 wait at most.
    struct SysLine {
        std::string topic;
        std::string text;
    };
    [[nodiscard]] bool post(SysLine&& line) { return sys_lines_.post(std::move(line)); }
    /// Payload and topic bytes posted and not yet appended. From any thread.
    [[nodiscard]] std::size_t internal_bytes_waiting() const noexcept {
        return internal_bytes_waiting_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] Mailbox<AuthReply>& auth_replies() noexcept { return auth_replies_; }
    [[nodiscard]] const Metrics& metrics() const noexcept { return metrics_; }

    [[nodiscard]] Seq tail_position() const noexcept { return tail_position_; }
    [[nodiscard]] Seq durable_position() const noexcept { return durable_position_; }
    [[nodiscard]] std::size_t sessions_stored() const noexcept { return sessions_.size(); }

private:
    friend class Client;
    friend class MqttClient;
    friend class EventStream;

    // What clients ask for. (shard.cpp)
    [[nodiscard]] const Settings& settings() const noexcept { return shared_.settings; }
    [[nodiscard]] MonotonicTime now() const noexcept { return now_; }
    [[nodiscard]] WallTime wall() const noexcept { return wall_; }
    /// Adds a record to the pending block; the ticket's outcome comes to `on_ticket`.
    log::Ticket publish(const log::Record& record);
    /// The same of what a session may not forget: it hears of the ticket's outcome, and its
    /// checkpoint row is made again.
    log::Ticket record(ClientSession& session, const session::Control& control);
    /// The session hears of the ticket's outcome, whatever becomes of its connection; a connected
    /// client hears of it after its session (MqttClient::on_durable, on_refused).
    void await_ticket(log::Ticket ticket, ClientSession& session);
    /// What must be durable can be appended now (rule **Degraded**).
    [[nodiscard]] bool takes_durable() const { return shared_.log.takes_durable(); }
    /// What became of it was not heard of yet.
    [[nodiscard]] bool is_awaited(log::Ticket ticket) const {
        return !awaiting_.empty() && awaiting_.front().first <= ticket;
    }
    /// Something of the session's exchanges is to be recorded: in this turn, or when the log can.
    void mark_to_record(ClientSession& session);
    /// Records it now.
    void record_exchanges(ClientSession& session);
    /// The client is pulled when more of the log is durable.
    void await_durable(Client& client);
    [[nodiscard]] bool is_log_full() const { return shared_.log.is_full(); }
    /// Links the pending block and fans out all that is linked now (rule **Position of a packet**).
    void settle();
    void queue_pull(Client& client);
    void mark_dirty(Client& client);
    void hold(Client& client);
    /// False: this turn has executed its number of SUBSCRIBEs; the client waits in awaiting_turn_.
    [[nodiscard]] bool take_subscribe();
    void serve_waiting_subscribes();
    /// Takes the client away; its stream is closed at the end of the turn. Once more does nothing.
    void bury(Client& client);
    [[nodiscard]] Client* find(ConnectionId id);
    [[nodiscard]] Feed& feed_for(const Client& client);
    void condemn(Feed& feed);
    void wake_no_later_than(MonotonicTime at) {
        if (!wake_at_ || at < *wake_at_) wake_at_ = at;
    }
    [[nodiscard]] PublishQuota& quota_of(const std::string& user) { return user_quotas_[user]; }
    [[nodiscard]] bool is_traced(std::string_view client_id) const;
    void tell(std::string_view client_id, const TraceLine& line);
    void remove_feed(Feed& feed);

    void hear_auth_replies();
    void remove_empty_feeds();
    void drain(bool is_late);

    // The log's side. (shard_log.cpp)
    void link_pending();
    void hear_outcomes();
    void hear(const log::Outcome& outcome, PublisherId session);
    void read_tail(std::size_t bytes_max);
    void fan_out(const PlacedRecord& placed, ByteSpan record_bytes);
    void append_to(Feed& feed, const PlacedRecord& placed);
    void fold_erased(const PlacedRecord& placed);
    void read_durable(std::size_t bytes_max);
    void hand_out_blocks(const std::vector<log::BlockRef>& blocks);
    void hand_to(Client& client, const PlacedRecord& placed);
    [[nodiscard]] Seq durable_limit() const;
    [[nodiscard]] Seq needed_from();
    void pull_awaiting_durable();
    void record_exchanges();
    [[nodiscard]] bool can_record() const { return takes_durable() && !is_log_full(); }
    void hear_answers();
    void pull(Client& client);
    [[nodiscard]] bool pull_unfinished(Client& client);
    [[nodiscard]] Pulled pull_log(Client& client);
    [[nodiscard]] Pulled pull_block(Client& client, const log::Block& block);
    enum class Lookup : std::uint8_t { found, later, gone };
    [[nodiscard]] Lookup look_up(Client& client, Seq seq, log::BlockRef& block, std::size_t& index);
    void request(Client& client, Seq from, std::shared_ptr<const log::TopicInterest> interest);
    [[nodiscard]] static PlacedRecord placed(const log::Block& block, std::size_t index);
    /// Taken back by the operator: no door gives it out (rule **Taking something back**).
    [[nodiscard]] bool is_erased(const PlacedRecord& placed) const;
    void fan_out_blocks(const std::vector<log::BlockRef>& blocks);
    void on_tail_gap(Seq oldest);
    void on_durable_gap(Seq oldest);
    [[nodiscard]] static bool is_text(ByteSpan payload);
    void flush_feeds();
    void expel_laggards();
    void trim_feeds();

    // Shared subscriptions. (shard_shares.cpp)
    void fold_shared(const PlacedRecord& placed);
    void leave_group(const ClientSession& session, const std::string& filter, bool is_ending);
    void write_leaving();
    [[nodiscard]] bool has_unwritten_leaving() const;
    void on_leaving_refused(log::Ticket ticket);
    void note_adopted(const session::StoredSession& stored);

    // Time. (shard_time.cpp)
    void tick();
    void push_sys_topics();
    void push_sys_lines();

    // Sessions. (shard_sessions.cpp)
    void on_session_joined();
    void on_session_left(ClientSession& session, session::ConnectionEnd how);
    [[nodiscard]] bool may_write(const ClientSession& session, std::string_view topic) const;
    void arm_will(ClientSession& session, session::Will&& will);
    void perform(const session::WillAction& action, ClientSession& session);
    void note_will(ClientSession& session);
    void record_will(ClientSession& session);
    void bequeath(ClientSession& session);
    void restate(ClientSession& session);
    void restate_later(ClientSession& session);
    [[nodiscard]] bool settle_outcomes();
    void end_session(ClientSession& session);
    void on_due(ClientSession& session);
    void answer_checkpoint();
    [[nodiscard]] bool can_take_rows() const;
    [[nodiscard]] std::vector<SessionRow> open_sessions(std::string_view after, std::size_t max);
    [[nodiscard]] session::StoredSession row_of(ClientSession& session);

    Shared shared_;
    Metrics metrics_;
    MonotonicTime now_;
    WallTime wall_;
    MonotonicTime next_tick_;
    MonotonicTime next_sys_;
    MonotonicTime started_at_;
    std::optional<MonotonicTime> sys_updated_at_;

    log::AppenderId appender_;
    log::ReaderId reader_;
    log::BlockBuilder pending_;
    log::Ticket pending_ticket_{1};
    std::deque<std::pair<log::Ticket, PublisherId>> awaiting_;  // In the order of the tickets.
    Seq tail_position_{};
    bool tail_awaits_disk_ = false;
    Seq durable_position_{};
    bool durable_awaits_disk_ = false;
    Seq durable_seen_{};  // The log's durable_end() when awaiting_durable_ was last served.
    std::vector<ConnectionId> awaiting_durable_;
    std::vector<PublisherId> to_record_;
    std::vector<PublisherId> to_end_;     // Ended, and the log took no word of it yet.
    std::size_t answered_at_placed_ = 0;  // Clients of listeners with Durability::memory.
    session::Match match_;                // Scratch of append_to.

    std::vector<std::unique_ptr<Entrance>> entrances_;
    std::uint64_t next_connection_ = 1;
    std::unordered_map<ConnectionId, std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Client>> graveyard_;
    std::vector<ConnectionId> to_pull_;
    std::vector<ConnectionId> to_flush_;
    std::vector<ConnectionId> held_;
    std::deque<ConnectionId> awaiting_turn_;  // With a SUBSCRIBE or UNSUBSCRIBE to execute.
    std::size_t subscribes_left_ = 0;         // In this turn.

    std::optional<MonotonicTime> wake_at_;
    std::unordered_map<std::string, PublishQuota> user_quotas_;  // Of users that connected.
    std::vector<std::pair<std::string, TraceSink>> traces_;      // By client id.

    SessionStore sessions_;
    FeedTable feeds_;
    InputBudget input_;
    std::vector<Feed*> feeds_without_members_;
    TailIndex index_;          // Of the tail: feeds, and clients at QoS 0 that read by themselves.
    TailIndex durable_index_;  // Clients that read what is durable.
    ShareTable shares_;
    std::vector<PublisherId> given_;  // Scratch of fold_shared.
    std::uint64_t shares_lost_ = 0;   // Of shares_.lost(), counted.
    struct Leaving {
        PublisherId session{};
        session::GroupLeft left;
        log::Ticket ticket{};  // 0: to be written.
    };
    std::vector<Leaving> leaving_;  // Until the record is read back.
    struct Adopted {
        PublisherId session{};
        std::string filter;
        mqtt::Qos qos = mqtt::Qos::at_most_once;
    };
    std::vector<Adopted> adopted_;  // Until start_shares.
    bool keeps_shares_ = false;  // It writes their row: the shard that was given it at the start.
    SysTopics sys_;
    bool is_draining_ = false;
    bool is_row_round_ = false;  // Rows are being taken: what changed before was marked.
    Seq row_round_from_{};       // Where it began: the floor that it is for.
    bool do_rows_wait_ = false;  // For the fold of shared subscriptions to be there.

    SessionRowsBox session_rows_;
    Mailbox<InternalPublish> publishes_;
    Mailbox<SysLine> sys_lines_;
    std::atomic<std::size_t> internal_bytes_waiting_{0};
    Mailbox<AuthReply> auth_replies_;
};

}  // namespace firehose::bus
