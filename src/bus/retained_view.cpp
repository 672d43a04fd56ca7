// SPDX-License-Identifier: Apache-2.0
#include "bus/retained_view.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/assert.h"
#include "bus/keep_record.h"
#include "topic/topic_filter.h"

namespace firehose::bus {

namespace {

/// Where the topic starts in the record's bytes: the map's key is a view into our own copy.
std::size_t topic_offset(std::string_view topic, ByteSpan record_bytes) noexcept {
    const std::string_view all = as_text(record_bytes);
    const std::less_equal<const char*> not_after;
    FH_ASSERT(not_after(all.data(), topic.data()) &&
              not_after(topic.data() + topic.size(), all.data() + all.size()));
    return static_cast<std::size_t>(topic.data() - all.data());
}

}  // namespace

struct RetainedView::Incoming {
    Seq seq{};
    Seq kept_at{};
    WallTime time{};
    const log::Record& record;
    ByteSpan record_bytes;
    bool is_dirty = true;  // Unless it comes from the store.
};

void RetainedView::fold(Seq seq, WallTime time, const log::Record& record, ByteSpan record_bytes) {
    if (record.kind == log::RecordKind::message && record.retain) {
        put({.seq = seq,
             .kept_at = seq,
             .time = time,
             .record = record,
             .record_bytes = record_bytes});
        return;
    }
    const auto kept = keep_of(record);
    if (!kept) return;
    std::size_t size = 0;
    const auto inner = log::decode_checked_record(kept->record_bytes, size);
    state_.with([&](State& state) {
        const auto found = state.by_topic.find(inner->topic);
        if (found == state.by_topic.end() || found->second.seq != kept->seq) return;
        if (found->second.is_tombstone || found->second.kept_at >= seq) return;
        found->second.kept_at = seq;
        mark_dirty(state, found);
    });
}

void RetainedView::rebuild(Seq seq, WallTime time, const log::Record& record,
                           ByteSpan record_bytes) {
    if (const auto kept = keep_of(record)) {
        std::size_t size = 0;
        const auto inner = log::decode_checked_record(kept->record_bytes, size);
        put({.seq = kept->seq,
             .kept_at = seq,
             .time = kept->time,
             .record = *inner,
             .record_bytes = kept->record_bytes});
    }
    fold(seq, time, record, record_bytes);
}

bool RetainedView::adopt(const ViewStore::RetainedRow& row) {
    std::size_t size = 0;
    const auto record = log::decode_record(row.record, size);
    if (!record || size != row.record.size() || record->topic != row.topic || !record->retain ||
        record->payload.empty()) {
        return false;
    }
    put({.seq = row.seq,
         .kept_at = row.kept_at,
         .time = row.time,
         .record = *record,
         .record_bytes = row.record,
         .is_dirty = false});
    return true;
}

/// A copy of its own; a tombstone keeps the topic alone.
RetainedView::Value RetainedView::make_value(const Incoming& incoming, std::size_t& offset) {
    const bool is_clear = incoming.record.payload.empty();  // [MQTT-3.3.1-6]
    const ByteSpan kept = is_clear ? as_bytes(incoming.record.topic) : incoming.record_bytes;
    offset = is_clear ? 0 : topic_offset(incoming.record.topic, incoming.record_bytes);
    Value value{.bytes = std::make_unique_for_overwrite<std::byte[]>(kept.size()),
                .size = static_cast<std::uint32_t>(kept.size()),
                .is_tombstone = is_clear,
                .seq = incoming.seq,
                .kept_at = incoming.kept_at,
                .time = incoming.time};
    std::copy(kept.begin(), kept.end(), value.bytes.get());
    return value;
}

void RetainedView::put(const Incoming& incoming) {
    // Another shard was here first: nothing to copy.
    const bool is_known = state_.with([&](const State& state) {
        const auto found = state.by_topic.find(incoming.record.topic);
        return found != state.by_topic.end() && found->second.seq >= incoming.seq;
    });
    if (is_known) return;

    std::size_t offset = 0;
    Value value = make_value(incoming, offset);
    const std::size_t size = value.size;
    const std::string_view topic =
        as_text({value.bytes.get(), size}).substr(offset, incoming.record.topic.size());

    Value before;  // Freed after the lock.
    state_.with([&](State& state) {
        changes_.fetch_add(1, std::memory_order_release);
        auto at = state.by_topic.find(topic);
        if (at == state.by_topic.end()) {
            at = state.by_topic.emplace(topic, std::move(value)).first;
        } else {
            if (at->second.seq >= incoming.seq) return;
            auto node = state.by_topic.extract(at);
            before = std::exchange(node.mapped(), std::move(value));
            node.mapped().is_dirty = before.is_dirty;
            node.key() = topic;
            at = state.by_topic.insert(std::move(node)).position;
        }
        state.bytes += size;
        state.bytes -= before.size;
        if (before.is_tombstone) --state.tombstone_count;
        if (at->second.is_tombstone) {
            ++state.tombstone_count;
            state.tombstones.emplace_back(incoming.seq, topic);
        }
        if (incoming.is_dirty) mark_dirty(state, at);
    });
}

void RetainedView::mark_dirty(State& state, Node at) {
    if (!state.is_tracking || std::exchange(at->second.is_dirty, true)) return;
    state.dirty.emplace_back(at->first);
}

/// Removes it from the map; a change that the checkpoint has not seen stays remembered.
void RetainedView::take_out(State& state, Node at) {
    if (at->second.is_dirty) state.dirty_gone.emplace_back(at->second.seq, at->first);
    state.bytes -= at->second.size;
    if (at->second.is_tombstone) --state.tombstone_count;
    state.by_topic.erase(at);
}

RetainedView::Page RetainedView::page(const PageQuery& query) const {
    const std::string_view prefix = topic::literal_prefix(query.filter);
    const bool is_one = !topic::has_wildcard(query.filter);
    const PageLimits& limits = query.limits;
    return state_.with([&](const State& state) {
        Page page;
        std::size_t scanned = 0;
        std::size_t bytes = 0;
        std::string_view last;
        auto at = query.resume_after ? state.by_topic.upper_bound(*query.resume_after)
                                     : state.by_topic.lower_bound(prefix);
        for (; at != state.by_topic.end() && at->first.starts_with(prefix); ++at) {
            const auto& [topic, value] = *at;
            if (is_one && topic != query.filter) break;
            const bool wanted = !value.is_tombstone && value.seq <= query.max_seq &&
                                topic::matches(query.filter, topic);
            const bool is_full = page.entries.size() >= limits.entries_max ||
                                 (!page.entries.empty() && bytes + value.size > limits.bytes_max);
            // At least one is scanned and, if it is wanted, given: each page makes progress.
            if (scanned != 0 && (scanned >= limits.scanned_max || (wanted && is_full))) {
                page.next.emplace(last);
                break;
            }
            ++scanned;
            last = topic;
            if (!wanted) continue;
            bytes += value.size;
            page.entries.push_back(
                {.seq = value.seq,
                 .time = value.time,
                 .record_bytes = {value.bytes.get(), value.bytes.get() + value.size}});
        }
        return page;
    });
}

bool RetainedView::is_current(std::string_view topic, Seq seq) const {
    return state_.with([&](const State& state) {
        const auto found = state.by_topic.find(topic);
        return found != state.by_topic.end() && !found->second.is_tombstone &&
               found->second.seq == seq;
    });
}

bool RetainedView::holds(std::string_view topic) const {
    return state_.with([&](const State& state) {
        const auto found = state.by_topic.find(topic);
        return found != state.by_topic.end() && !found->second.is_tombstone;
    });
}

void RetainedView::forget_tombstones(Seq below) {
    state_.with([&](State& state) {
        while (!state.tombstones.empty() && state.tombstones.front().first < below) {
            const auto& [seq, topic] = state.tombstones.front();
            const auto found = state.by_topic.find(topic);
            if (found != state.by_topic.end() && found->second.is_tombstone &&
                found->second.seq == seq) {
                take_out(state, found);
            }
            state.tombstones.pop_front();
        }
    });
}

bool RetainedView::erase(std::string_view topic, Seq seq) {
    return state_.with([&](State& state) {
        const auto found = state.by_topic.find(topic);
        if (found == state.by_topic.end() || found->second.seq != seq) return false;
        mark_dirty(state, found);
        take_out(state, found);
        changes_.fetch_add(1, std::memory_order_release);
        return true;
    });
}

void RetainedView::track_changes() {
    state_.with([](State& state) { state.is_tracking = true; });
}

std::size_t RetainedView::dirty_count() const {
    return state_.with([](const State& state) { return state.dirty.size(); });
}

RetainedView::Dirty RetainedView::take_dirty(std::size_t changes_max, std::size_t bytes_max) {
    return state_.with([&](State& state) {
        Dirty taken;
        // Those that are gone first: such a topic may have a new entry behind them.
        while (!state.dirty_gone.empty()) {
            if (taken.rows.size() >= changes_max) {
                taken.has_gone = true;
                return taken;
            }
            auto& [seq, topic] = state.dirty_gone.front();
            taken.rows.push_back({.topic = std::move(topic), .seq = seq, .kept_at = seq});
            state.dirty_gone.pop_front();
        }
        std::size_t bytes = 0;
        for (; !state.dirty.empty() && taken.rows.size() < changes_max &&
               taken.changes < changes_max && bytes < bytes_max;
             ++taken.changes) {
            const auto found = state.by_topic.find(state.dirty.front());
            state.dirty.pop_front();
            if (found == state.by_topic.end() || !std::exchange(found->second.is_dirty, false)) {
                continue;  // It is gone, or a later change was taken.
            }
            taken.rows.push_back(row_of(found->first, found->second));
            bytes += found->second.size;
        }
        return taken;
    });
}

ViewStore::RetainedRow RetainedView::row_of(std::string_view topic, const Value& value) {
    ViewStore::RetainedRow row{.topic = std::string{topic},
                               .seq = value.seq,
                               .time = value.time,
                               .kept_at = value.kept_at};
    if (!value.is_tombstone) row.record.assign(value.bytes.get(), value.bytes.get() + value.size);
    return row;
}

RetainedView::KeptPage RetainedView::kept_below(Seq limit,
                                                const std::optional<std::string>& resume_after,
                                                const PageLimits& limits) const {
    return state_.with([&](const State& state) {
        KeptPage page;
        std::size_t scanned = 0;
        std::size_t bytes = 0;
        auto at = resume_after ? state.by_topic.upper_bound(*resume_after) : state.by_topic.begin();
        for (; at != state.by_topic.end(); ++at) {
            const auto& [topic, value] = *at;
            if (scanned >= limits.scanned_max || page.entries.size() >= limits.entries_max ||
                bytes >= limits.bytes_max) {
                page.next.emplace(std::prev(at)->first);
                break;
            }
            ++scanned;
            if (value.is_tombstone || value.kept_at >= limit) continue;
            bytes += value.size;
            page.entries.push_back(
                {.seq = value.seq,
                 .time = value.time,
                 .record_bytes = {value.bytes.get(), value.bytes.get() + value.size}});
        }
        return page;
    });
}

std::size_t RetainedView::count() const {
    return state_.with(
        [](const State& state) { return state.by_topic.size() - state.tombstone_count; });
}

std::size_t RetainedView::tombstone_count() const {
    return state_.with([](const State& state) { return state.tombstone_count; });
}

std::size_t RetainedView::bytes() const {
    return state_.with([](const State& state) { return state.bytes; });
}

}  // namespace firehose::bus
