// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "log/record.h"
#include "mqtt/types.h"
#include "session/control_record.h"
#include "topic/match_cache.h"
#include "topic/subscription_index.h"

/// Shared subscriptions: who their members are, whose turn it is, and what each is still owed.
///
/// A fold of the log: `joined` and `left` records change the members, each message that matches
/// goes to the next member in order, an `ids assigned` record says that a member began with one.
/// So every reader of the log knows the same receiver without asking, and a start knows it again.
/// Beside the fold only what need not survive is told: what is under way, and what was dropped.
/// One that can keep no more (`share.owed_max`) is passed over; if all are full, it is lost.
/// Ownership: owns all of it; members are sessions, by the id of their records. Threads: its
///            shard's.
/// Cost:      a message whose topic was seen lately: one look-up, and 24 bytes where it matches.
/// Invariant: below `true_for` every record was folded once. A message is owed to at most one
///            member of a group.
/// Source:    MQTT 5.0 section 4.8.2; rule **Shared subscriptions**; docs/formats/control.md.
namespace firehose::bus {

/// The id of its checkpoint row: no session's.
inline constexpr PublisherId kSharesRow{};

class ShareTable {
public:
    /// One message that a member is owed.
    struct Share {
        Seq seq{};
        Seq at{};                 // Where it was given to this member.
        std::uint32_t group = 0;  // For `filter_of`.
        bool is_qos_0 = false;    // Does not survive a start, as it may have been delivered.
    };

    explicit ShareTable(std::size_t owed_max) : owed_max_(owed_max) {}
    ShareTable(const ShareTable&) = delete;
    ShareTable& operator=(const ShareTable&) = delete;

    /// Folds one record; ids of members that were given something are appended to `given`.
    /// `is_erased`: it counts, but nobody is given it.
    void fold(Seq seq, const log::Record& record, bool is_erased, std::vector<PublisherId>& given);
    /// Whether `fold` has a use for records of this kind.
    [[nodiscard]] bool wants(log::RecordKind kind) const noexcept;
    /// A record that changes members was seen at `seq`, ahead of the fold.
    void expect(Seq seq) noexcept { expected_ = next(seq); }
    /// Nothing from `position` on needs to be folded, as far as it was seen.
    [[nodiscard]] bool is_idle(Seq position) const noexcept {
        return by_filter_.empty() && expected_ <= position;
    }

    /// What the member is to be given now. Null: nothing. Until the table is changed.
    [[nodiscard]] const Share* next_of(PublisherId member) const;
    [[nodiscard]] const std::string& filter_of(const Share& share) const {
        return groups_[share.group].filter;
    }
    /// It is under way. `is_recorded`: an `ids assigned` record will say so, and until that is read
    /// it is remembered; else it is done with.
    void take_next(PublisherId member, bool is_recorded);
    /// What was under way ended before its record was read.
    void forget(PublisherId member, Seq seq);

    /// After a start: what was given at QoS 0 before it may have been delivered.
    void forget_qos_0();

    /// Of one group, what the member was given and did not begin.
    [[nodiscard]] std::vector<Seq> unbegun(PublisherId member, std::string_view filter) const;
    struct Membership {
        PublisherId member{};
        std::string_view filter;
        bool is_durable = false;
    };
    [[nodiscard]] std::vector<Membership> memberships() const;
    [[nodiscard]] bool is_member(PublisherId member, std::string_view filter) const;

    /// The smallest seq that is owed and survives a start; nothing: none.
    [[nodiscard]] std::optional<Seq> needed_from() const;
    /// Messages that nobody could keep, and those of groups that lost their last member.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

    /// For the checkpoint: it changed since it was packed last.
    [[nodiscard]] bool is_dirty() const noexcept { return is_dirty_; }
    /// As a checkpoint row, true at `true_for`; empty when there is no group.
    [[nodiscard]] ByteBuffer pack(Seq true_for);
    /// Into an empty table, which stays so when the bytes are damaged or of a later format: false.
    [[nodiscard]] bool unpack(ByteSpan packed);

private:
    using GroupId = topic::SubscriberId;
    struct Place {
        PublisherId member{};
        mqtt::Qos qos = mqtt::Qos::at_most_once;
        bool is_durable = false;
    };
    struct Group {
        std::string filter;  // As it was subscribed; empty: free.
        std::vector<Place> places;
        std::size_t next = 0;  // Whose turn it is; < places.size() unless that is 0.
    };
    struct Member {
        std::deque<Share> shares;  // In the order in which they were given.
        std::size_t begun = 0;     // The first ones, which are under way.
        std::size_t groups = 0;
    };

    void join(PublisherId member, const session::GroupJoined& joined);
    void leave(Seq at, PublisherId member, const session::GroupLeft& left,
               std::vector<PublisherId>& given);
    void drop_volatile(Seq at, std::vector<PublisherId>& given);
    void begin(PublisherId member, const session::IdsAssigned& assigned);
    /// The message's turn; `qos`: as published, if that is known.
    void give(Group& group, Share share, mqtt::Qos qos, std::vector<PublisherId>& given);
    [[nodiscard]] GroupId group_of(std::string_view filter);
    void take_out(GroupId id, std::size_t place);
    void free_if_empty(GroupId id);
    /// Takes what the member has of the group; those it did not begin, at or after `cursor`, go to
    /// `out`.
    void withdraw(PublisherId member, GroupId group, Seq cursor, std::vector<Seq>& out);
    [[nodiscard]] bool erase_share(PublisherId member, Seq seq, std::optional<GroupId> group);

    [[nodiscard]] bool read(ByteSpan packed);
    void clear();

    std::size_t owed_max_;
    std::vector<Group> groups_;
    std::vector<GroupId> free_;
    std::map<std::string, GroupId, std::less<>> by_filter_;
    topic::MatchCache cache_;  // Of the filters behind the groups' names.
    std::unordered_map<PublisherId, Member> members_;
    Seq true_for_{};
    Seq expected_{};
    std::uint64_t lost_ = 0;
    bool is_dirty_ = false;
};

}  // namespace firehose::bus
