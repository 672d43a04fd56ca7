// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "log/log.h"

/// A log before another one that keeps durability back, for tests: nothing becomes durable until
/// `let_durable`, appends are refused on demand, and the disk takes nothing while told so.
///
///     DelayedLog log{real};
///     log.hold();                 // From here on nothing becomes durable,
///     ...
///     log.let_durable();          // but what was appended until now.
///
/// Wakers are called on `let_durable`, `let_go` and `set_takes_durable(true)`.
/// Threads: one; one appender. For tests and simulations only.
namespace firehose::bus::testing {

class DelayedLog final : public log::Log {
public:
    explicit DelayedLog(log::Log& inner) : inner_(inner) {}

    void hold() {
        is_holding_ = true;
        held_end_ = inner_.durable_end();
        inner_durable_ = static_cast<log::Ticket>(inner_count_);
    }
    /// What was appended until now is durable as soon as the log below says so.
    void let_durable() {
        held_end_ = inner_.end();
        inner_durable_ = static_cast<log::Ticket>(inner_count_);
        wake();
    }
    void let_go() {
        is_holding_ = false;
        wake();
    }
    /// The next so many appends are refused.
    void refuse(std::size_t count) { refusals_ = count; }
    void set_takes_durable(bool takes) {
        takes_durable_ = takes;
        if (takes) wake();
    }
    void set_full(bool is_full) {
        is_full_ = is_full;
        if (!is_full) wake();
    }

    [[nodiscard]] log::AppenderId add_appender(Waker& waker) override {
        wakers_.push_back(&waker);
        return inner_.add_appender(waker);
    }
    [[nodiscard]] log::ReaderId add_reader(Waker& waker) override {
        wakers_.push_back(&waker);
        return inner_.add_reader(waker);
    }
    [[nodiscard]] log::Ticket append(log::AppenderId appender,
                                     std::unique_ptr<log::Block> block) override {
        const log::Ticket ticket{++outer_count_};
        if (refusals_ > 0) {
            --refusals_;
            refused_.push_back({.ticket = ticket, .kind = log::Outcome::Kind::refused});
        } else {
            std::ignore = inner_.append(appender, std::move(block));
            tickets_.push_back(ticket);
            ++inner_count_;
        }
        return ticket;
    }
    void take_outcomes(log::AppenderId appender, std::vector<log::Outcome>& out) override {
        std::vector<log::Outcome> heard;
        inner_.take_outcomes(appender, heard);
        for (const log::Outcome& outcome : heard) {
            if (outcome.kind == log::Outcome::Kind::durable) {
                durable_.push_back(outcome);
            } else {
                out.push_back(outer(outcome));
            }
        }
        while (!durable_.empty() && (!is_holding_ || durable_.front().ticket <= inner_durable_)) {
            out.push_back(outer(durable_.front()));
            durable_.pop_front();
        }
        out.insert(out.end(), refused_.begin(), refused_.end());
        refused_.clear();
    }
    [[nodiscard]] bool is_full() const noexcept override { return is_full_ || inner_.is_full(); }
    [[nodiscard]] bool takes_durable() const noexcept override {
        return takes_durable_ && inner_.takes_durable();
    }
    [[nodiscard]] Seq oldest() const override { return inner_.oldest(); }
    [[nodiscard]] Seq end() const override { return inner_.end(); }
    [[nodiscard]] Seq durable_end() const override {
        const Seq durable = inner_.durable_end();
        return is_holding_ && held_end_ < durable ? held_end_ : durable;
    }
    [[nodiscard]] log::ReadStatus read(Seq from, std::size_t bytes_max,
                                       std::vector<log::BlockRef>& out) override {
        return inner_.read(from, bytes_max, out);
    }
    using log::Log::request;
    [[nodiscard]] bool request(log::ReaderId reader, Seq from, std::size_t bytes_max,
                               std::uint64_t cookie,
                               std::shared_ptr<const log::TopicInterest> interest) override {
        return inner_.request(reader, from, bytes_max, cookie, std::move(interest));
    }
    [[nodiscard]] std::vector<log::ReadAnswer> take_answers(log::ReaderId reader) override {
        return inner_.take_answers(reader);
    }
    [[nodiscard]] bool wants_needed(log::ReaderId reader) const noexcept override {
        return inner_.wants_needed(reader);
    }
    void note_needed(log::ReaderId reader, Seq from) override { inner_.note_needed(reader, from); }

private:
    /// The outcome by the ticket that was given out here.
    [[nodiscard]] log::Outcome outer(log::Outcome outcome) const {
        outcome.ticket = tickets_[static_cast<std::size_t>(outcome.ticket) - 1];
        return outcome;
    }
    void wake() {
        for (Waker* waker : wakers_) waker->wake();
    }

    log::Log& inner_;
    std::vector<Waker*> wakers_;
    std::vector<log::Ticket> tickets_;  // By the inner log's ticket - 1.
    std::uint64_t inner_count_ = 0;
    std::uint64_t outer_count_ = 0;
    std::deque<log::Outcome> durable_;  // Heard of, not yet passed on.
    std::vector<log::Outcome> refused_;
    bool is_holding_ = false;
    Seq held_end_{};
    log::Ticket inner_durable_{};
    std::size_t refusals_ = 0;
    bool takes_durable_ = true;
    bool is_full_ = false;
};

}  // namespace firehose::bus::testing
