// SPDX-License-Identifier: Apache-2.0
#include "bus/offline_sessions.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace firehose::bus {
namespace {

constexpr MonotonicTime kNever{Microseconds::max()};
constexpr unsigned kNeedsShift = 16;
constexpr std::size_t kTimersMin = 1'024;  // Fewer are not worth looking through.

bool is_findable(std::string_view key) {
    return !key.starts_with('c') && !key.starts_with('w');
}

std::optional<MonotonicTime> unless_never(MonotonicTime at) {
    if (at == kNever) return std::nullopt;
    return at;
}

}  // namespace

std::size_t OfflineSessions::KeyHash::operator()(std::string_view key) const {
    return std::hash<std::string_view>{}(key);
}

std::size_t OfflineSessions::KeyHash::operator()(Index slot) const {
    return (*this)(*session::StoredSession::key_of(packed((*slots)[slot])));
}

bool OfflineSessions::KeyEqual::operator()(std::string_view key, Index slot) const {
    return session::StoredSession::key_of(packed((*slots)[slot])) == key;
}

ByteSpan OfflineSessions::packed(const Slot& slot) {
    return {slot.packed.get(), slot.size};
}

bool OfflineSessions::is_live(const Reference& reference) const noexcept {
    const Slot& slot = slots_[reference.slot];
    return slot.packed != nullptr && slot.generation == reference.generation;
}

void OfflineSessions::put(const session::StoredSession& session, const Timers& timers,
                          bool is_dirty) {
    if (free_.empty()) {
        free_.push_back(static_cast<Index>(slots_.size()));
        slots_.emplace_back();
    }
    const Index index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    const ByteBuffer bytes = session.pack();
    slot.packed = std::make_unique_for_overwrite<std::byte[]>(bytes.size());
    std::memcpy(slot.packed.get(), bytes.data(), bytes.size());
    slot.size = static_cast<std::uint32_t>(bytes.size());
    slot.is_dirty = is_dirty;
    slot.ends_at = timers.ends_at.value_or(kNever);
    slot.will_due_at = timers.will_due_at.value_or(kNever);
    const Reference reference{index, slot.generation};
    if (is_findable(session.key)) {
        const bool is_new = by_key_.insert(index).second;
        FH_ASSERT(is_new);
    }
    if (timers.ends_at) add_timer(ends_, *timers.ends_at, reference);
    if (timers.will_due_at) add_timer(wills_, *timers.will_due_at, reference);
    if (is_dirty) dirty_.push_back(reference);
    const Seq needed = session.needed_from();
    if (needed != session::StoredSession::kNeedsNothing) ++needs_[number(needed) >> kNeedsShift];
}

std::optional<OfflineSessions::Taken> OfflineSessions::take(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    return take(*found);
}

bool OfflineSessions::has_durable(std::string_view key) const {
    const auto found = by_key_.find(key);
    return found != by_key_.end() && session::StoredSession::expiry_of(packed(slots_[*found])) != 0;
}

OfflineSessions::Taken OfflineSessions::take(Index index) {
    Slot& slot = slots_[index];
    auto session = session::StoredSession::unpack(packed(slot));
    FH_ASSERT(session.has_value());
    if (is_findable(session->key)) by_key_.erase(index);
    if (const Seq needed = session->needed_from();
        needed != session::StoredSession::kNeedsNothing) {
        const auto run = needs_.find(number(needed) >> kNeedsShift);
        if (--run->second == 0) needs_.erase(run);
    }
    Taken taken{.session = std::move(*session),
                .timers = {.ends_at = unless_never(slot.ends_at),
                           .will_due_at = unless_never(slot.will_due_at)},
                .is_dirty = slot.is_dirty != 0};
    slot.packed.reset();
    ++slot.generation;
    slot.is_dirty = 0;
    free_.push_back(index);
    return taken;
}

void OfflineSessions::add_timer(std::vector<Timer>& timers, MonotonicTime at, Reference of) {
    if (timers.size() >= std::max(kTimersMin, 2 * size())) {
        std::erase_if(timers, [this](const Timer& timer) { return !is_live(timer.of); });
        std::make_heap(timers.begin(), timers.end());
    }
    timers.push_back({at, of});
    std::push_heap(timers.begin(), timers.end());
}

std::optional<OfflineSessions::Index> OfflineSessions::pop_due(std::vector<Timer>& timers,
                                                               MonotonicTime now) {
    while (!timers.empty() && timers.front().at <= now) {
        const Reference of = timers.front().of;
        std::pop_heap(timers.begin(), timers.end());
        timers.pop_back();
        if (is_live(of)) return of.slot;
    }
    return std::nullopt;
}

std::vector<OfflineSessions::Taken> OfflineSessions::take_due(MonotonicTime now, std::size_t max) {
    std::vector<Taken> due;
    for (std::vector<Timer>* timers : {&wills_, &ends_}) {
        while (due.size() < max) {
            const auto index = pop_due(*timers, now);
            if (!index) break;
            due.push_back(take(*index));
        }
    }
    return due;
}

std::vector<OfflineSessions::Seen> OfflineSessions::see(std::size_t place, std::size_t max) const {
    std::vector<Seen> seen;
    for (; place < slots_.size() && seen.size() < max; ++place) {
        const Slot& slot = slots_[place];
        if (slot.packed == nullptr) continue;
        auto session = session::StoredSession::unpack(packed(slot));
        FH_ASSERT(session.has_value());
        seen.push_back({place, std::move(*session), unless_never(slot.ends_at)});
    }
    return seen;
}

bool OfflineSessions::take_rows(std::size_t max, Seq true_for,
                                std::vector<ViewStore::SessionRow>& out) {
    while (!dirty_.empty() && max > 0) {
        const Reference reference = dirty_.back();
        dirty_.pop_back();
        if (!is_live(reference) || slots_[reference.slot].is_dirty == 0) continue;
        Slot& slot = slots_[reference.slot];
        slot.is_dirty = 0;
        session::StoredSession::set_true_for({slot.packed.get(), slot.size}, true_for);
        const ByteSpan bytes = packed(slot);
        out.push_back(
            {.id = session::StoredSession::id_of(bytes), .packed = {bytes.begin(), bytes.end()}});
        --max;
    }
    if (dirty_.empty()) dirty_.shrink_to_fit();
    return dirty_.empty();
}

Seq OfflineSessions::needed_from() const noexcept {
    if (needs_.empty()) return session::StoredSession::kNeedsNothing;
    return Seq{needs_.begin()->first << kNeedsShift};
}

}  // namespace firehose::bus
