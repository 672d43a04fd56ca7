// SPDX-License-Identifier: Apache-2.0
#include "bus/erasure.h"

#include <algorithm>

#include "base/assert.h"
#include "bus/keep_record.h"
#include "bus/retained_view.h"
#include "session/payload_bytes.h"
#include "topic/topic_filter.h"

namespace firehose::bus {

bool Erasure::covers(Seq seq, const log::Record& record) const {
    if (record.kind == log::RecordKind::keep) {
        const auto kept = keep_of(record);
        if (!kept) return false;
        std::size_t size = 0;
        const auto inner = log::decode_checked_record(kept->record_bytes, size);
        return inner && covers(kept->seq, *inner);
    }
    if (record.kind != log::RecordKind::message) return false;
    if (std::binary_search(seqs.begin(), seqs.end(), seq)) return true;
    return !filter.empty() && seq >= from && seq <= to && topic::matches(filter, record.topic);
}

void encode_erasure(const Erasure& erasure, ByteBuffer& out) {
    FH_ASSERT(erasure.seqs.size() <= Erasure::kSeqsMax);
    session::PayloadWriter payload{out};
    payload.count(erasure.seqs.size());
    for (const Seq seq : erasure.seqs) payload.number(number(seq));
    payload.text(erasure.filter);
    payload.number(number(erasure.from));
    payload.number(number(erasure.to));
}

std::optional<Erasure> erasure_of(const log::Record& record) {
    if (record.kind != log::RecordKind::erase) return std::nullopt;
    session::PayloadReader payload{record.payload};
    Erasure erasure;
    const std::size_t count = payload.count();
    for (std::size_t i = 0; i < count && payload.is_ok(); ++i) {
        erasure.seqs.push_back(Seq{payload.number<std::uint64_t>()});
    }
    erasure.filter = payload.text();
    erasure.from = Seq{payload.number<std::uint64_t>()};
    erasure.to = Seq{payload.number<std::uint64_t>()};
    const bool is_good = payload.is_ok() &&
                         std::is_sorted(erasure.seqs.begin(), erasure.seqs.end()) &&
                         (erasure.filter.empty() || topic::is_valid_filter(erasure.filter));
    if (!is_good) return std::nullopt;
    return erasure;
}

bool erase_retained(RetainedView& retained, const Erasure& erasure,
                    std::optional<std::string>& after) {
    const auto page = retained.kept_below(
        Seq{UINT64_MAX}, after,
        {.entries_max = 512, .scanned_max = 4'096, .bytes_max = std::size_t{1} << 20});
    for (const RetainedView::Entry& entry : page.entries) {
        std::size_t size = 0;
        const auto record = log::decode_checked_record(entry.record_bytes, size);
        if (record && erasure.covers(entry.seq, *record)) {
            static_cast<void>(retained.erase(record->topic, entry.seq));
        }
    }
    after = page.next;
    return after.has_value();
}

Seq ErasureSelection::first() const {
    if (!erasure_.filter.empty()) {
        return erasure_.seqs.empty() ? erasure_.from
                                     : std::min(erasure_.from, erasure_.seqs.front());
    }
    return erasure_.seqs.empty() ? Seq{UINT64_MAX} : erasure_.seqs.front();
}

bool ErasureSelection::may_cover(Seq from, Seq end) const {
    const auto seq = std::lower_bound(erasure_.seqs.begin(), erasure_.seqs.end(), from);
    if (seq != erasure_.seqs.end() && *seq < end) return true;
    return !erasure_.filter.empty() && erasure_.from < end && erasure_.to >= from;
}

bool ErasureSelection::may_cover(std::string_view topic) const {
    if (!erasure_.seqs.empty()) return true;
    return !erasure_.filter.empty() && topic::matches(erasure_.filter, topic);
}

void Erasures::add(Erasure erasure) {
    list_.with([&](auto& list) {
        List next = *list;
        next.push_back(std::move(erasure));
        count_.store(next.size(), std::memory_order_release);
        list = std::make_shared<const List>(std::move(next));
    });
}

void Erasures::remove(const Erasure& erasure) {
    list_.with([&](auto& list) {
        List next = *list;
        const auto found = std::find(next.begin(), next.end(), erasure);
        if (found == next.end()) return;
        next.erase(found);
        count_.store(next.size(), std::memory_order_release);
        list = std::make_shared<const List>(std::move(next));
    });
}

std::vector<Erasure> Erasures::all() const {
    return *list_.with([](const auto& list) { return list; });
}

bool Erasures::any_covers(Seq seq, const log::Record& record) const {
    const auto list = list_.with([](const auto& all) { return all; });
    return std::any_of(list->begin(), list->end(),
                       [&](const Erasure& erasure) { return erasure.covers(seq, record); });
}

}  // namespace firehose::bus
