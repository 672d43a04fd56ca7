// SPDX-License-Identifier: Apache-2.0
#include "bus/retained_view.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"
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

void RetainedView::fold(Seq seq, WallTime time, const log::Record& record, ByteSpan record_bytes) {
    if (record.kind != log::RecordKind::message || !record.retain) return;
    // Another shard was here first: nothing to copy.
    const bool is_known = state_.with([&](const State& state) {
        const auto found = state.by_topic.find(record.topic);
        return found != state.by_topic.end() && found->second.seq >= seq;
    });
    if (is_known) return;

    const bool is_clear = record.payload.empty();  // [MQTT-3.3.1-6]
    const ByteSpan kept = is_clear ? as_bytes(record.topic) : record_bytes;
    const std::size_t offset = is_clear ? 0 : topic_offset(record.topic, record_bytes);
    Value value{.bytes = std::make_unique_for_overwrite<std::byte[]>(kept.size()),
                .size = static_cast<std::uint32_t>(kept.size()),
                .is_tombstone = is_clear,
                .seq = seq,
                .time = time};
    std::copy(kept.begin(), kept.end(), value.bytes.get());
    const std::string_view topic =
        as_text({value.bytes.get(), kept.size()}).substr(offset, record.topic.size());

    Value before;  // Freed after the lock.
    state_.with([&](State& state) {
        const auto found = state.by_topic.find(topic);
        if (found == state.by_topic.end()) {
            state.by_topic.emplace(topic, std::move(value));
        } else {
            if (found->second.seq >= seq) return;
            auto node = state.by_topic.extract(found);
            before = std::exchange(node.mapped(), std::move(value));
            node.key() = topic;
            state.by_topic.insert(std::move(node));
        }
        state.bytes += kept.size();
        state.bytes -= before.size;
        if (before.is_tombstone) --state.tombstone_count;
        if (is_clear) {
            ++state.tombstone_count;
            state.tombstones.emplace_back(seq, topic);
        }
    });
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

void RetainedView::forget_tombstones(Seq below) {
    state_.with([&](State& state) {
        while (!state.tombstones.empty() && state.tombstones.front().first < below) {
            const auto& [seq, topic] = state.tombstones.front();
            const auto found = state.by_topic.find(topic);
            if (found != state.by_topic.end() && found->second.is_tombstone &&
                found->second.seq == seq) {
                state.bytes -= found->second.size;
                --state.tombstone_count;
                state.by_topic.erase(found);
            }
            state.tombstones.pop_front();
        }
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
