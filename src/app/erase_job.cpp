// SPDX-License-Identifier: Apache-2.0
#include "app/erase_job.h"

#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "topic/topic_filter.h"

namespace firehose::app {
namespace {

constexpr std::chrono::milliseconds kWhileItWaits{2};
constexpr Microseconds kBetweenLines{200'000};
constexpr Microseconds kProblemMax{30'000'000};  // Then the operator is told; it goes on.

[[nodiscard]] std::optional<Seq> seq_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return Seq{value};
}

[[nodiscard]] std::optional<bus::EraseOrder::Position> position_of(std::string_view text) {
    bus::EraseOrder::Position position;
    if (text == "first") return position;
    position.seq = seq_of(text);
    if (!position.seq) position.time = from_rfc3339(text);
    if (!position.seq && !position.time) return {};
    return position;
}

[[nodiscard]] std::string line_of(const bus::EraseJob::Progress& progress, bool is_complete) {
    boost::json::object line{{"taken", progress.is_taken},
                             {"records", progress.records},
                             {"bytes", progress.bytes},
                             {"bytes_done", progress.bytes_done}};
    if (!progress.problem.empty()) line["problem"] = progress.problem;
    if (is_complete) line["complete"] = true;
    return boost::json::serialize(line);
}

[[nodiscard]] std::string error_line(std::string_view error) {
    return boost::json::serialize(boost::json::object{{"error", error}});
}

class Work {
public:
    Work(bus::EraseJob job, Clock& clock, std::optional<AdminReply> reply)
        : job_(std::move(job)), clock_(clock), reply_(std::move(reply)) {}

    [[nodiscard]] bool step() {
        const MonotonicTime now = clock_.monotonic();
        const bus::EraseJob::Step step = job_.step(now);
        const bus::EraseJob::Progress& progress = job_.progress();
        if (step == bus::EraseJob::Step::done) {
            const bool is_refused = !progress.refused.empty();
            say(is_refused ? error_line(progress.refused) : line_of(progress, true), true);
            return false;
        }
        note_problem(progress, now);
        if (now >= next_line_ && progress.is_taken) {
            next_line_ = now + kBetweenLines;
            say(line_of(progress, false), false);
        }
        if (step == bus::EraseJob::Step::waits) std::this_thread::sleep_for(kWhileItWaits);
        return true;
    }

private:
    /// A problem passes unnoticed between two tries.
    void note_problem(const bus::EraseJob::Progress& progress, MonotonicTime now) {
        if (!progress.problem.empty()) {
            last_problem_ = progress.problem;
            if (!problem_since_) problem_since_ = now;
            last_failure_ = now;
        }
        if (problem_since_ && now - last_failure_ > 2 * bus::EraseJob::kRetryDelay) {
            problem_since_.reset();
        }
        if (problem_since_ && now - *problem_since_ > kProblemMax) {
            say(error_line(last_problem_ +
                           "; no door gives the records out, and the bus goes on trying to take "
                           "them out of its files"),
                true);
        }
    }

    void say(const std::string& line, bool is_last) {
        if (!reply_) return;
        reply_->line(line, is_last);
        if (is_last) reply_.reset();
    }

    bus::EraseJob job_;
    Clock& clock_;
    std::optional<AdminReply> reply_;  // Until its last line.
    MonotonicTime next_line_{};
    std::string last_problem_;
    std::optional<MonotonicTime> problem_since_;
    MonotonicTime last_failure_{};
};

}  // namespace

Result<bus::EraseOrder, std::string> erase_order(const http::HttpRequest& request) {
    bus::EraseOrder order;
    for (const auto& [name, value] : request.query) {
        if (name != "seq") continue;
        const auto seq = seq_of(value);
        if (!seq) return Failure{"seq=" + value + " is not a seq: a number as readers see it"};
        order.seqs.push_back(*seq);
    }
    if (order.seqs.size() > bus::Erasure::kSeqsMax) {
        return Failure{"at most " + std::to_string(bus::Erasure::kSeqsMax) + " seqs at a time"};
    }
    order.filter = request.parameter("topic").value_or("");
    if (order.seqs.empty() == order.filter.empty()) {
        return Failure{std::string{"say either seq=N or topic=FILTER and from=POSITION"}};
    }
    if (order.filter.empty()) return order;
    if (!topic::is_valid_filter(order.filter)) {
        return Failure{order.filter + " is not a valid topic filter"};
    }
    const auto from = position_of(request.parameter("from").value_or(""));
    if (!from) return Failure{std::string{"from is a seq, a UTC time ending in Z, or `first`"}};
    order.from = *from;
    if (const auto text = request.parameter("to")) {
        const auto to = position_of(*text);
        if (!to || (!to->seq && !to->time)) {
            return Failure{std::string{"to is a seq, or a UTC time ending in Z"}};
        }
        order.to = *to;
    }
    return order;
}

std::function<bool()> erase_work(bus::EraseJob job, Clock& clock, std::optional<AdminReply> reply) {
    return [work = std::make_shared<Work>(std::move(job), clock, std::move(reply))] {
        return work->step();
    };
}

}  // namespace firehose::app
