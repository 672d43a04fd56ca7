// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "log/block.h"
#include "log/gap.h"
#include "simulation/message_log.h"

/// Everything that anybody was ever shown of the log, by its place, over all starts of the server.
///
/// Holds the promises about places: a seq is never given to two records, records keep their bytes,
/// time does not run backwards, what was durable is there after a crash, and what is not there
/// any more lies in a recorded gap.
/// Threads: the simulation's one.
namespace firehose::simulation {

class Truth {
public:
    /// A block that was read, from memory or from disk.
    void saw(const log::Block& block);
    /// The server started again and holds `seqs`. When it stopped the log began at `oldest`, and
    /// said that it was durable up to `durable`.
    void on_recovered(const std::set<std::uint64_t>& seqs, Seq oldest, Seq durable);

    /// What was wrong first, or nothing.
    [[nodiscard]] const std::optional<std::string>& problem() const noexcept { return problem_; }
    void fail(std::string what);

    /// Messages that the log holds, or held before retention took them, in order.
    [[nodiscard]] std::vector<Seen> messages() const;
    /// The same with those that a crash took: what readers of the tail may have seen.
    [[nodiscard]] std::vector<Seen> messages_ever() const;
    /// The log holds `seqs` from `oldest` on: what else was there must lie in a gap.
    [[nodiscard]] std::optional<std::string> check_holes(const std::set<std::uint64_t>& seqs,
                                                         Seq oldest) const;
    /// Topics of retained messages that the log gave up while it took nothing durable: what a
    /// reader is told of them may be either.
    [[nodiscard]] std::set<std::string> blurred_topics() const;
    /// One past the newest place that was ever used.
    [[nodiscard]] Seq end() const noexcept;
    [[nodiscard]] std::size_t lost() const noexcept { return lost_; }
    [[nodiscard]] std::size_t gaps() const noexcept { return gaps_.size(); }

private:
    struct Fact {
        ByteBuffer bytes;
        WallTime time{};
        std::optional<Seen> message;  // Nothing: a control record.
        bool is_lost = false;
        bool is_dropped = false;  // By retention. A power cut may bring it back.
    };

    using Facts = std::map<std::uint64_t, Fact>;

    void saw_record(Seq seq, WallTime time, const log::Record& record, ByteSpan bytes);
    [[nodiscard]] bool is_in_gap(std::uint64_t seq) const;
    [[nodiscard]] bool is_given_up(std::uint64_t seq) const;
    [[nodiscard]] WallTime newest_before(Facts::const_iterator at) const;

    Facts facts_;
    std::map<std::uint64_t, log::Gap> gaps_;  // By their record's place.
    std::size_t lost_ = 0;
    std::optional<std::string> problem_;
};

}  // namespace firehose::simulation
