// SPDX-License-Identifier: Apache-2.0
#include "simulation/truth.h"

#include <algorithm>
#include <utility>

namespace firehose::simulation {

void Truth::fail(std::string what) {
    if (!problem_) problem_ = std::move(what);
}

void Truth::saw(const log::Block& block) {
    for (std::size_t i = 0; i < block.count(); ++i) {
        saw_record(block.first_seq() + i, block.time(), block.record(i), block.record_bytes(i));
    }
}

void Truth::saw_record(Seq seq, WallTime time, const log::Record& record, ByteSpan bytes) {
    const std::uint64_t place = number(seq);
    if (const auto gap = log::gap_of(record)) {
        // Also made by a reader in place of what it cannot read.
        gaps_.emplace(place, *gap);
        return;
    }
    const auto [at, is_new] = facts_.try_emplace(place);
    Fact& fact = at->second;
    if (!is_new) {
        if (!std::equal(fact.bytes.begin(), fact.bytes.end(), bytes.begin(), bytes.end())) {
            fail("seq " + std::to_string(place) + " was given to two records");
        } else if (fact.is_lost) {
            fail("seq " + std::to_string(place) + " is back after it was lost");
        }
        return;
    }
    fact.bytes.assign(bytes.begin(), bytes.end());
    fact.time = time;
    if (newest_before(at) > time) {
        fail("seq " + std::to_string(place) + " is older than the one before");
    }
    if (record.kind != log::RecordKind::message) return;
    fact.message = Seen{.number = number_of(as_text(record.payload)),
                        .qos = record.qos,
                        .retain = record.retain,
                        .topic = std::string{record.topic},
                        .seq = place};
}

/// What a crash took is no longer anybody's past.
WallTime Truth::newest_before(Facts::const_iterator at) const {
    while (at != facts_.begin()) {
        if (const Fact& fact = (--at)->second; !fact.is_lost) return fact.time;
    }
    return WallTime{Microseconds::min()};
}

void Truth::on_recovered(const std::set<std::uint64_t>& seqs, Seq oldest, Seq durable) {
    // A gap that was told and not stored binds nobody: its seqs were never given to a record.
    gaps_.erase(gaps_.lower_bound(number(durable)), gaps_.end());
    for (auto& [seq, fact] : facts_) {
        if (seqs.contains(seq) || fact.is_lost || fact.is_dropped) continue;
        if (seq < number(durable)) {
            // It was let go: any of the files that were removed may come back with a power cut.
            fact.is_dropped = seq < number(oldest);
            if (fact.is_dropped) continue;
            // What was given up while nothing could be stored is in a gap from before.
            const bool may_go = fact.message && fact.message->qos == 0 && is_in_gap(seq);
            if (!may_go) fail("seq " + std::to_string(seq) + " was durable, and a crash took it");
            continue;
        }
        fact.is_lost = true;
        ++lost_;
    }
}

std::set<std::string> Truth::blurred_topics() const {
    std::set<std::string> topics;
    for (const auto& [seq, fact] : facts_) {
        const bool is_retained = fact.message && fact.message->retain;
        if (is_retained && !fact.is_lost && is_in_gap(seq)) topics.insert(fact.message->topic);
    }
    return topics;
}

Seq Truth::end() const noexcept {
    return facts_.empty() ? Seq{} : Seq{facts_.rbegin()->first + 1};
}

std::vector<Seen> Truth::messages() const {
    std::vector<Seen> messages;
    for (const auto& [seq, fact] : facts_) {
        const bool is_kept = fact.is_dropped || (!fact.is_lost && !is_in_gap(seq));
        if (fact.message && is_kept) messages.push_back(*fact.message);
    }
    return messages;
}

std::vector<Seen> Truth::messages_ever() const {
    std::vector<Seen> messages;
    for (const auto& [seq, fact] : facts_) {
        if (!fact.message) continue;
        messages.push_back(*fact.message);
        messages.back().is_given_up = fact.message->qos == 0 && is_given_up(seq);
    }
    return messages;
}

bool Truth::is_in_gap(std::uint64_t seq) const {
    return std::any_of(gaps_.begin(), gaps_.end(), [&](const auto& entry) {
        return number(entry.second.from) <= seq && seq <= number(entry.second.to);
    });
}

bool Truth::is_given_up(std::uint64_t seq) const {
    return std::any_of(gaps_.begin(), gaps_.end(), [&](const auto& entry) {
        const log::Gap& gap = entry.second;
        return gap.reason == log::GapReason::not_stored && number(gap.from) <= seq &&
               seq <= number(gap.to);
    });
}

std::optional<std::string> Truth::check_holes(const std::set<std::uint64_t>& seqs,
                                              Seq oldest) const {
    for (const auto& [seq, fact] : facts_) {
        if (seq < number(oldest)) continue;
        const std::string what = "seq " + std::to_string(seq);
        if (seqs.contains(seq)) {
            if (fact.is_lost) return what + " is there though it was lost";
            continue;
        }
        if (!is_in_gap(seq)) return what + " is gone, and no gap says so";
        const bool may_go =
            fact.is_lost || fact.is_dropped || (fact.message && fact.message->qos == 0);
        if (!may_go) return what + " was not lost at a crash, and is gone";
    }
    return {};
}

}  // namespace firehose::simulation
