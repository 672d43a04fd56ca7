// SPDX-License-Identifier: Apache-2.0
#include "bus/share_table.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "log/crc32c.h"
#include "log/little_endian.h"
#include "session/payload_bytes.h"
#include "topic/topic_filter.h"

namespace firehose::bus {
namespace {

using log::RecordKind;
using mqtt::Qos;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kQosBits = 0x03;
constexpr std::uint8_t kDurable = 0x04;

}  // namespace

bool ShareTable::wants(RecordKind kind) const noexcept {
    switch (kind) {
        case RecordKind::group_joined:
        case RecordKind::group_left:
        case RecordKind::epoch:
            return true;
        case RecordKind::message:
        case RecordKind::ids_assigned:
            return !by_filter_.empty();
        default:
            return false;
    }
}

void ShareTable::fold(Seq seq, const log::Record& record, bool is_erased,
                      std::vector<PublisherId>& given) {
    if (seq < true_for_ || !wants(record.kind)) return;
    true_for_ = next(seq);
    if (record.kind == RecordKind::message) {
        for (const GroupId id : cache_.match(record.topic)) {
            Group& group = groups_[id];
            is_dirty_ = true;  // Whose turn it is, at least.
            if (is_erased) {
                group.next = (group.next + 1) % group.places.size();
                continue;
            }
            give(group, {.seq = seq, .at = seq, .group = id}, static_cast<Qos>(record.qos), given);
        }
        return;
    }
    const auto control = session::decode_control(record);
    if (!control) return;
    if (const auto* joined = std::get_if<session::GroupJoined>(&*control)) {
        join(record.publisher, *joined);
    } else if (const auto* left = std::get_if<session::GroupLeft>(&*control)) {
        leave(seq, record.publisher, *left, given);
    } else if (const auto* assigned = std::get_if<session::IdsAssigned>(&*control)) {
        begin(record.publisher, *assigned);
    } else {
        drop_volatile(seq, given);
    }
}

ShareTable::GroupId ShareTable::group_of(std::string_view filter) {
    if (const auto known = by_filter_.find(filter); known != by_filter_.end()) return known->second;
    if (free_.empty()) {
        free_.push_back(static_cast<GroupId>(groups_.size()));
        groups_.emplace_back();
    }
    const GroupId id = free_.back();
    free_.pop_back();
    groups_[id].filter = filter;
    by_filter_.emplace(filter, id);
    cache_.add(topic::parse_shared(filter)->filter, id);
    return id;
}

void ShareTable::join(PublisherId member, const session::GroupJoined& joined) {
    if (!topic::parse_shared(joined.filter)) return;
    is_dirty_ = true;
    Group& group = groups_[group_of(joined.filter)];
    for (Place& place : group.places) {
        if (place.member != member) continue;
        place.qos = joined.qos;  // It keeps its turn.
        place.is_durable = joined.is_durable;
        return;
    }
    group.places.push_back({member, joined.qos, joined.is_durable});
    ++members_[member].groups;
}

/// The next in order who can keep it.
void ShareTable::give(Group& group, Share share, Qos qos, std::vector<PublisherId>& given) {
    const std::size_t count = group.places.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t turn = (group.next + i) % count;
        const Place& place = group.places[turn];
        Member& member = members_[place.member];
        if (member.shares.size() >= owed_max_) continue;
        group.next = (turn + 1) % count;
        share.is_qos_0 = std::min(qos, place.qos) == Qos::at_most_once;
        member.shares.push_back(share);
        given.push_back(place.member);
        return;
    }
    ++lost_;
}

void ShareTable::withdraw(PublisherId id, GroupId group, Seq cursor, std::vector<Seq>& out) {
    Member& member = members_[id];
    std::deque<Share> kept;
    std::size_t begun = 0;
    for (std::size_t i = 0; i < member.shares.size(); ++i) {
        const Share& share = member.shares[i];
        const bool is_begun = i < member.begun;
        if (share.group != group) {
            kept.push_back(share);
            if (is_begun) ++begun;
        } else if (!is_begun && share.at >= cursor) {
            out.push_back(share.seq);
        }
    }
    member.shares = std::move(kept);
    member.begun = begun;
    if (--member.groups == 0) members_.erase(id);
}

void ShareTable::take_out(GroupId id, std::size_t place) {
    Group& group = groups_[id];
    group.places.erase(group.places.begin() + static_cast<std::ptrdiff_t>(place));
    if (place < group.next) --group.next;
    if (group.next >= group.places.size()) group.next = 0;
}

void ShareTable::free_if_empty(GroupId id) {
    Group& group = groups_[id];
    if (!group.places.empty()) return;
    cache_.remove(topic::parse_shared(group.filter)->filter, id);
    by_filter_.erase(group.filter);
    group = {};
    free_.push_back(id);
}

/// What it had not acknowledged goes to the others, at this position. What is under way at QoS 2
/// is not in the list [MQTT-4.8.2-5].
void ShareTable::leave(Seq at, PublisherId member, const session::GroupLeft& left,
                       std::vector<PublisherId>& given) {
    const auto known = by_filter_.find(left.filter);
    if (known == by_filter_.end()) return;
    const GroupId id = known->second;
    Group& group = groups_[id];
    const auto place = std::find_if(group.places.begin(), group.places.end(),
                                    [=](const Place& p) { return p.member == member; });
    if (place == group.places.end()) return;
    is_dirty_ = true;
    take_out(id, static_cast<std::size_t>(place - group.places.begin()));
    std::vector<Seq> owed = left.unacknowledged;
    withdraw(member, id, left.cursor, owed);
    std::sort(owed.begin(), owed.end());
    owed.erase(std::unique(owed.begin(), owed.end()), owed.end());
    if (group.places.empty()) {
        lost_ += owed.size();
        free_if_empty(id);
        return;
    }
    for (const Seq seq : owed) {
        give(group, {.seq = seq, .at = at, .group = id}, Qos::exactly_once, given);
    }
}

/// Nobody knows what they had acknowledged: at least once for what may be repeated.
void ShareTable::drop_volatile(Seq at, std::vector<PublisherId>& given) {
    is_dirty_ = true;
    for (GroupId id = 0; id < groups_.size(); ++id) {
        Group& group = groups_[id];
        if (group.places.empty()) continue;
        std::vector<Seq> owed;
        for (std::size_t i = group.places.size(); i-- > 0;) {
            const Place place = group.places[i];
            if (place.is_durable) continue;
            take_out(id, i);
            std::vector<Seq> had;
            withdraw(place.member, id, Seq{}, had);
            if (place.qos == Qos::at_least_once) owed.insert(owed.end(), had.begin(), had.end());
        }
        std::sort(owed.begin(), owed.end());
        if (group.places.empty()) {
            free_if_empty(id);
            continue;
        }
        for (const Seq seq : owed) {
            give(group, {.seq = seq, .at = at, .group = id}, Qos::exactly_once, given);
        }
    }
}

void ShareTable::begin(PublisherId member, const session::IdsAssigned& assigned) {
    for (const session::IdsAssigned::Entry& entry : assigned.entries) {
        if (entry.shared_filter.empty()) continue;
        const auto group = by_filter_.find(entry.shared_filter);
        if (group == by_filter_.end()) continue;
        if (erase_share(member, entry.seq, group->second)) is_dirty_ = true;
    }
}

bool ShareTable::erase_share(PublisherId id, Seq seq, std::optional<GroupId> group) {
    const auto found = members_.find(id);
    if (found == members_.end()) return false;
    Member& member = found->second;
    const auto share =
        std::find_if(member.shares.begin(), member.shares.end(), [&](const Share& candidate) {
            return candidate.seq == seq && (!group || candidate.group == *group);
        });
    if (share == member.shares.end()) return false;
    if (static_cast<std::size_t>(share - member.shares.begin()) < member.begun) --member.begun;
    member.shares.erase(share);
    return true;
}

const ShareTable::Share* ShareTable::next_of(PublisherId id) const {
    const auto found = members_.find(id);
    if (found == members_.end()) return nullptr;
    const Member& member = found->second;
    return member.begun < member.shares.size() ? &member.shares[member.begun] : nullptr;
}

void ShareTable::take_next(PublisherId id, bool is_recorded) {
    Member& member = members_.at(id);
    FH_ASSERT(member.begun < member.shares.size());
    if (is_recorded) {
        ++member.begun;
        return;
    }
    const auto at = member.shares.begin() + static_cast<std::ptrdiff_t>(member.begun);
    is_dirty_ = is_dirty_ || !at->is_qos_0;
    member.shares.erase(at);
}

void ShareTable::forget(PublisherId id, Seq seq) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    Member& member = found->second;
    for (std::size_t i = 0; i < member.begun; ++i) {
        if (member.shares[i].seq != seq) continue;
        member.shares.erase(member.shares.begin() + static_cast<std::ptrdiff_t>(i));
        --member.begun;
        is_dirty_ = true;
        return;
    }
}

void ShareTable::forget_qos_0() {
    for (auto& [id, member] : members_) {
        std::erase_if(member.shares, [](const Share& share) { return share.is_qos_0; });
    }
}

std::vector<Seq> ShareTable::unbegun(PublisherId id, std::string_view filter) const {
    std::vector<Seq> seqs;
    const auto group = by_filter_.find(filter);
    const auto found = members_.find(id);
    if (group == by_filter_.end() || found == members_.end()) return seqs;
    const Member& member = found->second;
    for (std::size_t i = member.begun; i < member.shares.size(); ++i) {
        if (member.shares[i].group == group->second) seqs.push_back(member.shares[i].seq);
    }
    return seqs;
}

std::vector<ShareTable::Membership> ShareTable::memberships() const {
    std::vector<Membership> all;
    for (const auto& [filter, id] : by_filter_) {
        for (const Place& place : groups_[id].places) {
            all.push_back({place.member, filter, place.is_durable});
        }
    }
    return all;
}

bool ShareTable::is_member(PublisherId member, std::string_view filter) const {
    const auto group = by_filter_.find(filter);
    if (group == by_filter_.end()) return false;
    const auto& places = groups_[group->second].places;
    return std::any_of(places.begin(), places.end(),
                       [=](const Place& place) { return place.member == member; });
}

std::optional<Seq> ShareTable::needed_from() const {
    std::optional<Seq> needed;
    for (const auto& [id, member] : members_) {
        for (const Share& share : member.shares) {
            if (!share.is_qos_0 && (!needed || share.seq < *needed)) needed = share.seq;
        }
    }
    return needed;
}

ByteBuffer ShareTable::pack(Seq true_for) {
    is_dirty_ = false;
    ByteBuffer packed;
    if (by_filter_.empty()) return packed;
    session::PayloadWriter out{packed};
    out.number(std::uint32_t{0});  // The checksum's place.
    out.number(kVersion);
    out.number(number(true_for));
    out.number(static_cast<std::uint32_t>(by_filter_.size()));
    std::unordered_map<GroupId, std::uint32_t> index_of;
    for (const auto& [filter, id] : by_filter_) {
        index_of.emplace(id, static_cast<std::uint32_t>(index_of.size()));
        const Group& group = groups_[id];
        out.text(filter);
        out.number(static_cast<std::uint32_t>(group.next));
        out.number(static_cast<std::uint32_t>(group.places.size()));
        for (const Place& place : group.places) {
            out.number(static_cast<std::uint64_t>(place.member));
            out.number(static_cast<std::uint8_t>(static_cast<unsigned>(place.qos) |
                                                 (place.is_durable ? kDurable : 0U)));
        }
    }
    for (const auto& [id, member] : members_) {
        const auto survives = [](const Share& share) { return !share.is_qos_0; };
        const auto count = std::count_if(member.shares.begin(), member.shares.end(), survives);
        if (count == 0) continue;
        out.number(static_cast<std::uint64_t>(id));
        out.number(static_cast<std::uint32_t>(count));
        for (const Share& share : member.shares) {
            if (!survives(share)) continue;
            out.number(number(share.seq));
            out.number(number(share.at));
            out.number(index_of.at(share.group));
        }
    }
    log::put(packed.data(), log::crc32c(ByteSpan{packed}.subspan(sizeof(std::uint32_t))));
    return packed;
}

void ShareTable::clear() {
    for (const auto& [filter, id] : by_filter_) {
        cache_.remove(topic::parse_shared(filter)->filter, id);
    }
    groups_.clear();
    free_.clear();
    by_filter_.clear();
    members_.clear();
    true_for_ = {};
}

bool ShareTable::unpack(ByteSpan packed) {
    FH_ASSERT(by_filter_.empty() && members_.empty());
    if (read(packed)) return true;
    clear();
    return false;
}

bool ShareTable::read(ByteSpan packed) {
    session::PayloadReader in{packed};
    const auto checksum = in.number<std::uint32_t>();
    if (!in.is_ok() || checksum != log::crc32c(packed.subspan(sizeof checksum))) return false;
    if (in.number<std::uint8_t>() != kVersion) return false;
    true_for_ = Seq{in.number<std::uint64_t>()};
    std::vector<GroupId> ids;
    for (auto groups = in.number<std::uint32_t>(); groups > 0 && in.is_ok(); --groups) {
        const std::string_view filter = in.text();
        if (!topic::parse_shared(filter)) return false;
        ids.push_back(group_of(filter));
        Group& group = groups_[ids.back()];
        const auto next = in.number<std::uint32_t>();
        for (auto places = in.number<std::uint32_t>(); places > 0 && in.is_ok(); --places) {
            const PublisherId id{in.number<std::uint64_t>()};
            const auto flags = in.number<std::uint8_t>();
            group.places.push_back(
                {id, static_cast<Qos>(flags & kQosBits), (flags & kDurable) != 0});
            ++members_[id].groups;
        }
        group.next = group.places.empty() ? 0 : next % group.places.size();
    }
    while (!in.is_at_end() && in.is_ok()) {
        Member& member = members_[PublisherId{in.number<std::uint64_t>()}];
        for (auto shares = in.number<std::uint32_t>(); shares > 0 && in.is_ok(); --shares) {
            Share share;
            share.seq = Seq{in.number<std::uint64_t>()};
            share.at = Seq{in.number<std::uint64_t>()};
            const auto group = in.number<std::uint32_t>();
            if (group >= ids.size()) return false;
            share.group = ids[group];
            member.shares.push_back(share);
        }
    }
    return in.is_ok();
}

}  // namespace firehose::bus
